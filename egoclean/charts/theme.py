"""One look for all figures: colours that stay apart for colour-blind eyes, on paper that is light or dark.

The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/). Backgrounds are transparent and text has no colour
of its own, so that a figure takes those of the page around it; a grid line is a grey that shows on both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

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
LEGEND: Final = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0}


class Drawing(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A figure whose plain form is worked out once: a page sends a figure that it kept each time it is run."""

    _plain: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as plain data, as it was at the first call; not to be changed."""
        if self._plain is None:
            self._plain = super().to_dict()
            for trace in self._plain["data"]:
                trace.update({name: value.astype(np.str_) for name, value in trace.items() if _are_texts(value)})
        return self._plain


def _are_texts(values: object) -> bool:
    """Return whether values are an array of nothing but texts, which plotly writes one by one unless numpy says so."""
    return isinstance(values, np.ndarray) and values.dtype == object and all(isinstance(item, str) for item in values)


def category_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, in the order given; the eighth name and the sixteenth share one."""
    return {name: CATEGORIES[index % len(CATEGORIES)] for index, name in enumerate(names)}


def figure(
    traces: Sequence[BaseTraceType],
    *,
    height_px: int = HEIGHT_PX,
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
    **layout: Any,
) -> Drawing:
    """Return a figure of ``traces`` with the common look; ``x`` and ``y`` are properties of its axes.

    All is given at once: plotly takes as long for each later update as for the whole figure, a page would wait for it.
    """
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}
    look = {
        "height": height_px,
        "margin": {"l": 56, "r": 16, "t": 28, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(CATEGORIES),
        "legend": LEGEND,
        "hoverlabel": {"align": "left"},
        "bargap": 0.03,
        "xaxis": {**axis, **(x or {})},
        "yaxis": {**axis, **(y or {})},
    }
    return Drawing(list(traces), {**look, **layout})


def upright(place: float, colour: str, width: float, dash: str = "solid") -> dict[str, Any]:
    """Return a line from bottom to top of a figure, for its layout's ``shapes``."""
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "line", "xref": "x", "yref": "y domain", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line}


def level(place: float, colour: str, width: float, dash: str = "solid") -> dict[str, Any]:
    """Return a line from side to side of a figure, for its layout's ``shapes``."""
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "line", "xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": place, "y1": place, "line": line}
