"""Figures of a selection: what it covers, and who gets picked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from egoclean.charts import theme

_MOST_GROUPS = 40
_DASHES = {"random": "dash", "uniform": "dot", "evenly in time": "dot", "score": "dashdot", "highest score": "dashdot"}


def coverage_curve(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> go.Figure:
    """Return coverage over budget, one line a strategy; ``random`` is dashed grey, so that it is found at once.

    Parameters
    ----------
    curves : for each strategy the budgets (windows) and the coverage at each, in [0, 1].
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
    return theme.figure(
        lines,
        x={"title": {"text": "windows chosen"}, "dtick": 1 if most <= 5 else None},
        y={"title": {"text": "share of all windows covered"}, "tickformat": ".0%", "rangemode": "tozero"},
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


def _line_colours(count: int) -> list[str]:
    colours = [colour for colour in (theme.CHOSEN, *theme.CATEGORIES) if colour != theme.GREY]
    distinct = list(dict.fromkeys(colours))
    return [distinct[index % len(distinct)] for index in range(count)]
