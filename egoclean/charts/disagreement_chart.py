"""Two signals against each other by rank, as a density, with the corners in which they agree or do not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from egoclean.charts import theme

_CELLS = 25


def rank_density(
    across: ArrayLike,
    up: ArrayLike,
    across_name: str,
    up_name: str,
    corners: Mapping[str, tuple[bool, bool]],
    share: float,
    chosen: str | None = None,
) -> go.Figure:
    """Return how many windows stand at each pair of places, as a heat map of 25 x 25 cells, and the named corners.

    Parameters
    ----------
    across, up : shape (n,), places from 0 to 1; NaN is left out. They are counted here, so the figure's size does not
        depend on the number of windows.
    corners : name to whether it lies at the high end across, and up. share : side of a corner. chosen : the name of
        the corner that is drawn strongly.
    """
    pair = np.stack([np.asarray(across, dtype=np.float64), np.asarray(up, dtype=np.float64)])
    pair = pair[:, np.isfinite(pair).all(axis=0)]
    edges: NDArray[np.float64] = np.linspace(0, 1, _CELLS + 1)
    counts, _, _ = np.histogram2d(pair[0], pair[1], bins=(edges, edges))
    middles = 100 * (edges[:-1] + edges[1:]) / 2
    figure = go.Figure(
        go.Heatmap(
            x=middles,
            y=middles,
            z=counts.T.astype(int),
            colorscale=theme.SEQUENTIAL,
            colorbar={"title": "windows", "thickness": 12},
            hovertemplate=f"{across_name} %{{x:.0f}} %<br>{up_name} %{{y:.0f}} %<br>%{{z}} windows<extra></extra>",
        )
    )
    for name, (right, top) in corners.items():
        x, y = ((100 - 100 * share, 100) if high else (0, 100 * share) for high in (right, top))
        figure.add_shape(
            type="rect", x0=x[0], x1=x[1], y0=y[0], y1=y[1],
            line={"color": theme.CHOSEN, "width": 4 if name == chosen else 1.5},
            label={"text": "<br>".join(name.split(" ", 1)), "font": {"color": "white", "size": 10}},
        )  # fmt: skip
    figure.update_xaxes(range=[0, 100], ticksuffix=" %")
    figure.update_yaxes(range=[0, 100], ticksuffix=" %")
    return theme.apply(figure, height_px=420, x_title=f"{across_name}, place", y_title=f"{up_name}, place")
