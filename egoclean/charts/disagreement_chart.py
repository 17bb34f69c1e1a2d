"""Two signals against each other by rank, as a density, with the corners in which they agree or do not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from egoclean.charts import theme


def rank_density(
    counts: NDArray[np.int64],
    across_name: str,
    up_name: str,
    corners: Mapping[str, tuple[bool, bool]],
    share: float,
    chosen: str | None = None,
) -> go.Figure:
    """Return how many windows stand at each pair of places in two rankings, as a heat map, and the named corners.

    Parameters
    ----------
    counts : shape (c, c), as :func:`egoclean.core.disagreement.pair_counts` gives them.
    corners : name to whether it lies at the high end across, and up. share : side of a corner. chosen : the name of
        the corner that is drawn strongly.
    """
    middles = 100 * (np.arange(len(counts)) + 0.5) / len(counts)
    heat_map = go.Heatmap(
        x=middles,
        y=middles,
        z=counts.T,
        colorscale=theme.SEQUENTIAL,
        colorbar={"title": "windows", "thickness": 12},
        hovertemplate=f"{across_name} %{{x:.0f}} %<br>{up_name} %{{y:.0f}} %<br>%{{z}} windows<extra></extra>",
    )
    boxes = []
    for name, (right, top) in corners.items():
        x, y = ((100 - 100 * share, 100) if high else (0, 100 * share) for high in (right, top))
        look = {
            "line": {"color": theme.CHOSEN, "width": 4 if name == chosen else 1.5},
            "label": {"text": name.replace(" ", "<br>"), "font": {"color": "white", "size": 10}},
        }
        boxes.append({"type": "rect", "x0": x[0], "x1": x[1], "y0": y[0], "y1": y[1], **look})
    places = {"range": [0, 100], "ticksuffix": " %"}
    return theme.figure(
        [heat_map],
        height_px=420,
        x={**places, "title": {"text": f"{across_name}, place"}},
        y={**places, "title": {"text": f"{up_name}, place"}},
        shapes=boxes,
    )
