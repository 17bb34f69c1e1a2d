"""Figures of a signal: how its values lie, what thresholds keep, and how groups differ before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from egoclean.charts import theme

_MOST_GROUPS = 40


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
    figure = go.Figure()
    for amounts, label, colour in (
        (kept, f"kept ({kept_count:,})", theme.KEPT),
        (counts - kept, dropped_label, theme.DROPPED),
    ):
        figure.add_bar(x=(edges[:-1] + edges[1:]) / 2, y=amounts, width=np.diff(edges), name=label, marker_color=colour)
    for value, side in ((minimum, "at least"), (maximum, "at most")):
        if value is not None:
            _add_threshold(figure, value, f"{side} {value:.4g}")
    figure.update_layout(barmode="stack")
    figure.update_yaxes(dtick=None if counts.max(initial=0) > 5 else 1)
    return theme.apply(figure, x_title=name, y_title="windows")


def score_by_group(
    raw: ArrayLike, calibrated: ArrayLike, groups: ArrayLike, name: str = "score", group_name: str = "group"
) -> go.Figure:
    """Return two rows of boxes, one box a group: the raw signal, and the same after calibration.

    A box spans the quartiles, its whiskers the 5th and 95th percentile; values are summed up here, so the figure's size
    does not depend on the number of rows. Of more than 40 groups those with the most rows are shown.
    """
    labels = np.asarray(groups).astype(np.str_)
    names, counts = np.unique(labels, return_counts=True)
    shown = np.sort(names[np.argsort(-counts, kind="stable")[:_MOST_GROUPS]])
    figure = go.Figure()
    for column, (values, title, colour) in enumerate(
        ((raw, f"raw {name}", theme.GREY), (calibrated, f"calibrated {name}", theme.BLUE))
    ):
        box = _boxes(np.asarray(values, dtype=np.float64), labels, shown)
        axis = "" if column == 0 else "2"
        figure.add_trace(
            go.Box(
                x=shown, name=title, marker_color=colour, xaxis=f"x{axis}", yaxis=f"y{axis}", whiskerwidth=0.5, **box
            )
        )
    figure.update_layout(
        grid={"rows": 2, "columns": 1, "pattern": "independent", "roworder": "top to bottom"},
        yaxis2={"title": f"calibrated {name}"},
        xaxis2={"title": group_name},
        yaxis={"title": f"raw {name}"},
    )
    return theme.apply(figure, height_px=2 * theme.HEIGHT_PX)


def _edges(finite: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    low, high = (float(finite[0]), float(finite[-1])) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - max(abs(low), 1.0) * 0.5, high + max(abs(high), 1.0) * 0.5
    return np.linspace(low, high, bins + 1)


def _add_threshold(figure: go.Figure, value: float, label: str) -> None:
    figure.add_vline(x=value, line={"color": theme.VERMILION, "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=value,
        y=1,
        yref="paper",
        text=f"◀ {label} ▶",
        showarrow=False,
        yanchor="bottom",
        font={"color": theme.VERMILION},
    )


def _boxes(
    values: NDArray[np.float64], labels: NDArray[np.str_], shown: NDArray[np.str_]
) -> Mapping[str, list[float | None]]:
    keys = {"lowerfence": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "upperfence": 0.95}
    result: dict[str, list[float | None]] = {key: [] for key in keys}
    for group in shown:
        mine = values[(labels == group) & np.isfinite(values)]
        for key, share in keys.items():
            result[key].append(float(np.quantile(mine, share)) if len(mine) else None)
    return result
