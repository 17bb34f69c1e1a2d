"""The figure of a lens: where in the picture a ray lands, and where its calibration stops to mean anything."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from egoclean.charts import theme
from egoclean.core.lens import LensCurve

_LARGEST_ANGLE_DEG = 180.0


def lens_plot(curve: LensCurve, shown_half_deg: float | None = None) -> go.Figure:
    """Return radius against angle: the lens, an equidistant one, the monotone limit and the picture's corner.

    Past the limit the polynomial is dashed. ``shown_half_deg`` marks half the field of view of the rectified picture.
    """
    hover = "%{x:.1f}° lands %{y:.0f} px from the centre<extra></extra>"
    curves = [
        ("equidistant lens", curve.angle_deg, curve.equidistant_px, (theme.GREY, 1.5, "dot")),
        ("this lens", curve.angle_deg, curve.radius_px, (theme.BLUE, 3, "solid")),
    ]
    if len(curve.beyond_deg):
        past = ("polynomial past its limit", curve.beyond_deg, curve.beyond_px, (theme.VERMILION, 2, "dash"))
        curves.append(past)
    traces = [
        go.Scatter(
            x=angles, y=radii, name=name, line={"color": colour, "width": width, "dash": dash}, hovertemplate=hover
        )
        for name, angles, radii, (colour, width, dash) in curves
    ]
    marks = []
    if curve.limit_deg < _LARGEST_ANGLE_DEG:
        marks.append((curve.limit_deg, f"limit {curve.limit_deg:.1f}°", theme.VERMILION, 0.02))
    if shown_half_deg is not None:
        marks.append((shown_half_deg, f"side of the view {shown_half_deg:.1f}°", theme.GREEN, 0.14))
    return theme.figure(
        [*traces, *_corner_point(curve)],
        x={"title": {"text": "angle from the optical axis, degrees"}},
        y={"title": {"text": "distance from the picture's centre, px"}, "rangemode": "tozero"},
        shapes=[
            theme.level(curve.corner_px, theme.ORANGE, 1, "dot"),
            *(theme.upright(angle_deg, colour, 1.5, "dash") for angle_deg, _, colour, _ in marks),
        ],
        annotations=[_corner_label(curve), *(_angle_label(*mark) for mark in marks)],
        hovermode="closest",
    )


def _corner_label(curve: LensCurve) -> dict[str, Any]:
    where = f"{curve.corner_deg:.1f}°" if curve.corner_deg is not None else "no ray lands there"
    text = f"corner of the picture: {curve.corner_px:.0f} px, {where}"
    look = {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"color": theme.ORANGE}}
    return {"x": 0, "xref": "paper", "y": curve.corner_px, "text": text, **look}


def _corner_point(curve: LensCurve) -> list[go.Scatter]:
    if curve.corner_deg is None:
        return []
    point = go.Scatter(
        x=[curve.corner_deg],
        y=[curve.corner_px],
        mode="markers",
        showlegend=False,
        marker={"color": theme.ORANGE, "size": 10},
        hovertemplate="corner of the picture: %{x:.1f}°, %{y:.0f} px<extra></extra>",
    )
    return [point]


def _angle_label(angle_deg: float, text: str, colour: str, height: float) -> dict[str, Any]:
    look = {"showarrow": False, "xanchor": "right", "yanchor": "bottom", "font": {"color": colour}}
    return {"x": angle_deg, "y": height, "yref": "paper", "text": text, **look}
