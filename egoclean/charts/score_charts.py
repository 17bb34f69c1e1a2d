"""The figure of a signal: how its values lie and what thresholds keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from egoclean.charts import theme


def score_histogram(
    values: ArrayLike,
    minimum: float | None = None,
    maximum: float | None = None,
    name: str = "score",
    bins: int = 60,
    *,
    missing: int = 0,
) -> go.Figure:
    """Return a histogram of ``values`` in which what thresholds keep and drop have two colours.

    Rows at a threshold are kept; NaN is dropped and counted in the legend, and so are ``missing`` rows more. Thresholds
    are lines with a handle. Bars are counted here, so the figure's size does not depend on the number of rows; values
    that ascend are counted without looking at each.
    """
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    if not (numbers[1:] >= numbers[:-1]).all() or not np.isfinite(numbers[[0, -1] if len(numbers) else []]).all():
        missing += int((~np.isfinite(numbers)).sum())
        numbers = np.sort(numbers[np.isfinite(numbers)])
    first = 0 if minimum is None else int(np.searchsorted(numbers, minimum))
    last = len(numbers) if maximum is None else max(first, int(np.searchsorted(numbers, maximum, side="right")))
    edges = _edges(numbers, bins)
    places = np.append(np.searchsorted(numbers, edges[:-1]), len(numbers))
    counts, kept = np.diff(places), np.diff(np.clip(places, first, last))
    kept_count, dropped_count = last - first, len(numbers) - (last - first)
    dropped_label = f"dropped ({dropped_count:,}" + (f", and {missing:,} without a value)" if missing else ")")
    middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    bars = [
        go.Bar(x=middles, y=amounts, width=widths, name=label, marker={"color": colour})
        for amounts, label, colour in (
            (kept, f"kept ({kept_count:,})", theme.KEPT),
            (counts - kept, dropped_label, theme.DROPPED),
        )
    ]
    thresholds = [(value, side) for value, side in ((minimum, "at least"), (maximum, "at most")) if value is not None]
    return theme.figure(
        bars,
        x={"title": {"text": name}},
        y={"title": {"text": "windows"}, "dtick": None if counts.max(initial=0) > 5 else 1},
        shapes=[theme.upright(value, theme.VERMILION, 2, "dash") for value, _ in thresholds],
        annotations=[_threshold_label(value, f"{side} {value:.4g}") for value, side in thresholds],
        barmode="stack",
        dragmode="select",
        selectdirection="h",
    )


def _edges(finite: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    low, high = (float(finite[0]), float(finite[-1])) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - max(abs(low), 1.0) * 0.5, high + max(abs(high), 1.0) * 0.5
    return np.linspace(low, high, bins + 1)


def _threshold_label(value: float, label: str) -> dict[str, Any]:
    look = {"showarrow": False, "yanchor": "bottom", "font": {"color": theme.VERMILION}}
    return {"x": value, "y": 1, "yref": "paper", "text": f"◀ {label} ▶", **look}
