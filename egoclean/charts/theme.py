"""One look for all figures: colours that stay apart for colour-blind eyes, on paper that is light or dark.

The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/). Backgrounds are transparent and text has no colour
of its own, so that a figure takes those of the page around it; a grid line is a grey that shows on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
GREY: Final = "#8A8F98"

CATEGORIES: Final[tuple[str, ...]] = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, GREY)
"""Colours of groups, in order; more groups than colours start again."""

KEPT: Final = BLUE
DROPPED: Final = GREY
CHOSEN: Final = ORANGE
ANOMALY: Final = VERMILION
SEGMENT: Final = SKY
DECISION: Final = PURPLE

SEQUENTIAL: Final = "Cividis"
"""Scale of similarity and density: even in lightness and the same to colour-blind eyes."""

GRID: Final = "rgba(138,143,152,0.25)"
HEIGHT_PX: Final = 320


def category_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, in the order given; the eighth name and the sixteenth share one."""
    return {name: CATEGORIES[index % len(CATEGORIES)] for index, name in enumerate(names)}


def apply(figure: go.Figure, *, height_px: int = HEIGHT_PX, x_title: str = "", y_title: str = "") -> go.Figure:
    """Give ``figure`` the common look, in place, and return it; an empty title leaves the axis as it is."""
    figure.update_layout(
        height=height_px,
        margin={"l": 56, "r": 16, "t": 28, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(CATEGORIES),
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
        hoverlabel={"align": "left"},
        bargap=0.03,
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID, automargin=True)
    if x_title:
        figure.update_xaxes(title_text=x_title)
    if y_title:
        figure.update_yaxes(title_text=y_title)
    return figure
