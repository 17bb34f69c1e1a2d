"""Figures of a selection: what it covers, who gets picked, and where it lies among all windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from egoclean.charts import theme

MOST_POINTS = 12_000
"""Most points of a map: with their hover texts they stay under two megabytes."""

_MOST_GROUPS = 40
_DASHES = {"random": "dash", "uniform": "dot", "evenly in time": "dot", "score": "dashdot", "highest score": "dashdot"}


def coverage_curve(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    chosen: int | None = None,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> go.Figure:
    """Return coverage over budget, one line a strategy; ``random`` is dashed grey, so that it is found at once.

    Parameters
    ----------
    curves : for each strategy the budgets (windows) and the coverage at each, in [0, 1].
    chosen : the budget in use, drawn as a line.
    bands : for a strategy the lowest and highest coverage over seeds, at the same budgets.
    """
    lines = []
    others = [name for name in curves if name != "random"]
    colours = {"random": theme.GREY, **dict(zip(others, _line_colours(len(others)), strict=True))}
    for name, (budgets, shares) in curves.items():
        x, y = np.asarray(budgets), np.asarray(shares, dtype=np.float64)
        if bands is not None and name in bands:
            low, high = (np.asarray(edge, dtype=np.float64) for edge in bands[name])
            band = go.Scatter(
                x=np.concatenate([x, x[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                line={"width": 0},
                fillcolor=colours[name],
                opacity=0.2,
                hoverinfo="skip",
                showlegend=False,
            )
            lines.append(band)
        line = {"color": colours[name], "dash": _DASHES.get(name, "solid"), "width": 2}
        lines.append(go.Scatter(x=x, y=y, mode="lines", name=name, line=line))
    most = max((int(np.max(budgets)) for budgets, _ in curves.values() if len(np.asarray(budgets))), default=0)
    label = {"showarrow": False, "xanchor": "left", "yanchor": "top", "y": 1, "yref": "y domain"}
    return theme.figure(
        lines,
        x={"title": {"text": "windows chosen"}, "dtick": 1 if most <= 5 else None},
        y={"title": {"text": "share of all windows covered"}, "tickformat": ".0%", "rangemode": "tozero"},
        shapes=[] if chosen is None else [theme.upright(chosen, theme.VERMILION, 2)],
        annotations=[] if chosen is None else [{"x": chosen, "text": f"{chosen:,} windows", **label}],
    )


def picked_shares(names: ArrayLike, windows: ArrayLike, chosen: ArrayLike, group_name: str = "group") -> go.Figure:
    """Return two bars a group: its share of all windows and its share of the chosen ones.

    ``names`` are the groups in the order they are drawn, ``windows`` and ``chosen`` how many windows each has and how
    many of them were chosen. Of more than 40 groups those with the most windows are shown.
    """
    names, counts, picked = (np.asarray(values) for values in (names, windows, chosen))
    shown = np.sort(np.argsort(-counts, kind="stable")[:_MOST_GROUPS])
    bars = [
        go.Bar(
            x=names[shown],
            y=(amounts / max(int(amounts.sum()), 1))[shown],
            name=title,
            marker={"color": colour},
            customdata=amounts[shown],
            hovertemplate="%{x}: %{y:.1%} (%{customdata:,} windows)<extra>" + title + "</extra>",
        )
        for amounts, title, colour in (
            (counts, "of all windows", theme.GREY),
            (picked, "of the chosen", theme.CHOSEN),
        )
    ]
    return theme.figure(bars, x={"title": {"text": group_name}}, y={"title": {"text": "share"}, "tickformat": ".0%"})


def embedding_map(
    places: ArrayLike, chosen: ArrayLike, ids: Sequence[str], texts: Sequence[str] | None = None
) -> go.Figure:
    """Return a scatter of windows on a plane, the chosen ones in front; each point carries its id in ``customdata``.

    Parameters
    ----------
    places : shape (n, 2), such as :func:`egoclean.core.projection.plane` returns; rows with NaN are not drawn.
    chosen : a flag a row.
    ids : names that a lasso returns; ``texts`` : what hovering shows, such as the reason; the id when None.

    Of more than 12,000 rows an evenly spaced part is drawn, of the chosen ones at most half of it; the title of the
    figure says so.
    """
    points, flags = np.asarray(places, dtype=np.float64), np.asarray(chosen, dtype=np.bool_)
    drawable = np.isfinite(points).all(axis=1)
    front = _thinned(np.flatnonzero(drawable & flags), MOST_POINTS // 2)
    back = _thinned(np.flatnonzero(drawable & ~flags), MOST_POINTS - len(front))
    labels = ids if texts is None else texts
    clouds = [
        go.Scattergl(
            x=np.round(points[rows, 0], 4).astype(np.float32),
            y=np.round(points[rows, 1], 4).astype(np.float32),
            mode="markers",
            name=name,
            customdata=[ids[row] for row in rows.tolist()],
            text=[labels[row] for row in rows.tolist()],
            hovertemplate="%{text}<extra></extra>",
            marker={"color": colour, "size": size, "opacity": 0.75, "line": {"width": 0}},
        )
        for rows, name, colour, size in (
            (back, f"left out ({int((drawable & ~flags).sum()):,})", theme.DROPPED, 5),
            (front, f"chosen ({int((drawable & flags).sum()):,})", theme.CHOSEN, 8),
        )
    ]
    drawn, all_of_them = len(front) + len(back), int(drawable.sum())
    return theme.figure(
        clouds,
        height_px=520,
        x={"title": {"text": "first direction"}},
        y={"title": {"text": "second direction"}},
        title={"text": f"{drawn:,} of {all_of_them:,} windows drawn"} if drawn < all_of_them else None,
        dragmode="lasso",
    )


def _line_colours(count: int) -> list[str]:
    colours = [colour for colour in (theme.CHOSEN, *theme.CATEGORIES) if colour != theme.GREY]
    distinct = list(dict.fromkeys(colours))
    return [distinct[index % len(distinct)] for index in range(count)]


def _thinned(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
