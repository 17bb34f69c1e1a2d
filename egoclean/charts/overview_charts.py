"""Small figures of the whole project: where the footage went, and its windows on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from egoclean.charts import theme


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
    by row, not by position in the figure. More than 20 groups share the last colour under the name ``other``.
    """
    x_values, y_values = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)
    row_numbers, names, texts = np.asarray(rows), np.asarray(groups, dtype=object), np.asarray(labels, dtype=object)
    found, counts = np.unique(names, return_counts=True)
    shown = [str(name) for name in found[np.argsort(-counts, kind="stable")][:20]]
    names = np.where(np.isin(names, shown), names, "other")
    # Drawn in this order: the groups that always have a colour come last, in front of the rest.
    order = (["other"] if len(found) > len(shown) else []) + sorted(set(shown) - set(colours or {}))
    order += [name for name in reversed(list(colours or {})) if name in shown]
    palette = {**theme.category_colours(order), **(colours or {})}
    points = []
    for name in order:
        inside = names == name
        points.append(
            go.Scattergl(
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
