"""Small figures of the whole project: where the footage went, and its windows on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from egoclean.charts import theme

FEW_POINTS = 2_000
"""Up to how many points the map is drawn without WebGL."""


def footage_bar(parts: Mapping[str, float], colours: Mapping[str, str], unit: str = "min") -> go.Figure:
    """Return one bar cut into ``parts``, each a name and its amount in ``unit``; parts of nothing are left out."""
    total = sum(parts.values())
    bars = [
        go.Bar(
            x=[amount],
            y=[""],
            name=name,
            orientation="h",
            marker={"color": colours.get(name, theme.GREY), "line": {"width": 0}},
            text=[f"{amount:.3g} {unit}" if amount > 0.06 * total else ""],
            textposition="inside",
            insidetextanchor="middle",
            hovertemplate=f"{name}: %{{x:.3g}} {unit}, {100 * amount / total:.1f} %<extra></extra>",
        )
        for name, amount in parts.items()
        if amount > 0
    ]
    return theme.figure(
        bars,
        height_px=112,
        x={"title": {"text": f"footage, {unit}"}, "showgrid": False},
        y={"visible": False},
        barmode="stack",
        margin={"l": 4, "r": 4, "t": 30, "b": 28},
        legend={**theme.LEGEND, "traceorder": "normal"},
    )


def map_figure(
    x: ArrayLike,
    y: ArrayLike,
    groups: Sequence[str],
    labels: Sequence[str],
    rows: ArrayLike,
    *,
    colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """Return windows as points on a plane, coloured by group.

    ``labels`` are shown on hover; ``rows`` go into each point's ``customdata`` so that a click or lasso names windows
    by row, not by position in the figure. Of more groups than there are colours, all but the largest are grey, under
    one name.
    """
    x_values, y_values = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)
    row_numbers, texts = np.asarray(rows), np.asarray(labels, dtype=object)
    numbers, found = pd.factorize(np.asarray(groups, dtype=object))
    largest = np.argsort(-np.bincount(numbers), kind="stable")
    shown = largest if len(found) <= len(theme.CATEGORIES) else largest[: len(theme.CATEGORIES) - 1]
    number_of = {str(found[number]): int(number) for number in shown}
    fixed = dict(colours or {})
    named = sorted(set(number_of) - set(fixed))
    palette = {**theme.category_colours(named), **fixed}
    places = {name: numbers == number for name, number in number_of.items()}
    # Drawn in this order: the groups that always have a colour come last, in front of the rest.
    order = [*named, *(name for name in reversed(list(fixed)) if name in number_of)]
    if len(found) > len(shown):
        others = f"{len(found) - len(shown):,} others"
        places[others], palette[others] = ~np.isin(numbers, shown), theme.GREY
        order.insert(0, others)
    # WebGL draws many points at once, and takes a second to begin where there is no graphics card.
    trace = go.Scatter if len(x_values) <= FEW_POINTS else go.Scattergl
    points = []
    for name in order:
        inside = places[name]
        points.append(
            trace(
                x=x_values[inside],
                y=y_values[inside],
                mode="markers",
                name=name,
                marker={"size": 7, "color": palette[name], "opacity": 0.75},
                customdata=row_numbers[inside],
                text=texts[inside],
                hovertemplate="%{text}<extra>" + name.replace("<", "&lt;") + "</extra>",
            )
        )
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False}
    return theme.figure(
        points,
        height_px=560,
        x={**bare, "title": {"text": "first direction of greatest spread"}},
        y={**bare, "title": {"text": "second direction"}},
        dragmode="lasso",
        showlegend=True,
    )
