"""A histogram parted by two thresholds."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from egoclean.charts import theme


def threshold_histogram(
    values: ArrayLike, low: float, high: float, *, name: str, bins: int = 60, height_px: int = 300
) -> go.Figure:
    """Return how many windows have each value, those within ``low`` and ``high`` in the colour of what is kept.

    A bin that a threshold cuts is drawn as two bars. Values that are not finite are left out; without any the figure
    says so.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    figure = go.Figure()
    if len(finite):
        least, most = float(finite.min()), float(finite.max())
        edges = np.linspace(least, most if most > least else least + 1e-9, bins + 1)
        kept = finite[(finite >= low) & (finite <= high)]
        dropped = finite[(finite < low) | (finite > high)]
        for part, label, colour in ((kept, "kept", theme.KEPT), (dropped, "dropped", theme.DROPPED)):
            counts, _ = np.histogram(part, edges)
            figure.add_bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                width=np.diff(edges),
                name=f"{label}: {len(part):,} windows",
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate=f"{name} about %{{x:.4f}}: %{{y}} windows {label}<extra></extra>",
            )
        for line in (low, high):
            if least < line < most:
                figure.add_vline(x=line, line={"color": theme.ORANGE, "width": 2})
    else:
        figure.add_annotation(text=f"No window has a value of {name}.", showarrow=False)
    theme.apply(figure, height_px=height_px, x_title=name, y_title="windows")
    return figure.update_layout(barmode="stack", dragmode="select", selectdirection="h")
