"""The figure of a lens: where in the picture a ray lands, and where its calibration stops to mean anything."""

from __future__ import annotations

import plotly.graph_objects as go

from egoclean.charts import theme
from egoclean.core.lens import LensCurve

_LARGEST_ANGLE_DEG = 180.0


def lens_plot(curve: LensCurve, shown_half_deg: float | None = None) -> go.Figure:
    """Return radius against angle: the lens, an equidistant one, the monotone limit and the picture's corner.

    Past the limit the polynomial is dashed. ``shown_half_deg`` marks half the field of view of the rectified picture.
    """
    figure = go.Figure()
    hover = "%{x:.1f}° lands %{y:.0f} px from the centre<extra></extra>"
    figure.add_scatter(
        x=curve.angle_deg,
        y=curve.equidistant_px,
        name="equidistant lens",
        line={"color": theme.GREY, "width": 1.5, "dash": "dot"},
        hovertemplate=hover,
    )
    figure.add_scatter(
        x=curve.angle_deg,
        y=curve.radius_px,
        name="this lens",
        line={"color": theme.BLUE, "width": 3},
        hovertemplate=hover,
    )
    if len(curve.beyond_deg):
        figure.add_scatter(
            x=curve.beyond_deg,
            y=curve.beyond_px,
            name="polynomial past its limit",
            line={"color": theme.VERMILION, "width": 2, "dash": "dash"},
            hovertemplate=hover,
        )
    _mark_corner(figure, curve)
    if curve.limit_deg < _LARGEST_ANGLE_DEG:
        _mark_angle(figure, curve.limit_deg, f"limit {curve.limit_deg:.1f}°", theme.VERMILION, "bottom")
    if shown_half_deg is not None:
        _mark_angle(figure, shown_half_deg, f"side of the view {shown_half_deg:.1f}°", theme.GREEN, "top")
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(rangemode="tozero")
    return theme.apply(
        figure, x_title="angle from the optical axis, degrees", y_title="distance from the picture's centre, px"
    )


def _mark_corner(figure: go.Figure, curve: LensCurve) -> None:
    figure.add_hline(y=curve.corner_px, line={"color": theme.ORANGE, "width": 1, "dash": "dot"})
    where = f"{curve.corner_deg:.1f}°" if curve.corner_deg is not None else "no ray lands there"
    figure.add_annotation(
        x=0,
        xref="paper",
        y=curve.corner_px,
        text=f"corner of the picture: {curve.corner_px:.0f} px, {where}",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"color": theme.ORANGE},
    )
    if curve.corner_deg is not None:
        figure.add_scatter(
            x=[curve.corner_deg],
            y=[curve.corner_px],
            mode="markers",
            showlegend=False,
            marker={"color": theme.ORANGE, "size": 10},
            hovertemplate="corner of the picture: %{x:.1f}°, %{y:.0f} px<extra></extra>",
        )


def _mark_angle(figure: go.Figure, angle_deg: float, text: str, colour: str, place: str) -> None:
    figure.add_vline(x=angle_deg, line={"color": colour, "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        x=angle_deg,
        y=0.02 if place == "bottom" else 0.14,
        yref="paper",
        text=text,
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        font={"color": colour},
    )
