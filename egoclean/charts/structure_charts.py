"""Plotly figures of one clip's structure: timeline, self-similarity heat map, lag spectrum.

Spans carry their seconds in ``customdata`` and the heat map has seconds on both axes, so that a click or a brushed
box says where in the clip it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from egoclean.charts import theme

LABEL_COLOURS = {
    "repetitive": theme.GREEN,
    "one-off": theme.PURPLE,
    "idle": theme.ORANGE,
    "cycle": theme.BLUE,
    "anomaly": theme.ANOMALY,
}
LARGEST_SIDE = 1000
"""Most rows a heat map is drawn with: one byte each, 1.4 MB on the wire."""

LabelledSpan = tuple[float, float, str]
"""Start in seconds, stop in seconds, label."""


def change_figure(
    times_s: ArrayLike,
    change: ArrayLike,
    lanes: Mapping[str, Sequence[LabelledSpan]] | None = None,
    *,
    height_px: int = 360,
) -> go.Figure:
    """Return the change signal over a strip of lanes on one time axis.

    ``lanes`` names rows of spans, from the top: ``{"segments": [(start_s, stop_s, label), ...], "cycles": ...}``. Each
    bar's ``customdata`` is ``[start_s, stop_s]``, so that a click on it can seek a player.
    """
    rows = lanes or {}
    heights = [0.6, 0.4] if rows else [1.0]
    figure = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.04, row_heights=heights)
    figure.add_trace(
        go.Scatter(
            x=np.asarray(times_s, dtype=np.float32),
            y=np.asarray(change, dtype=np.float32),
            mode="lines+markers",
            line={"color": theme.BLUE, "width": 1.5},
            marker={"size": 4},
            name="change",
            hovertemplate="%{x:.1f} s: %{y:.4f}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    for name, spans in rows.items():
        if spans:
            figure.add_trace(_lane(name, spans), row=2, col=1)
    if rows:
        order = list(rows)[::-1]
        figure.update_yaxes(type="category", categoryorder="array", categoryarray=order, row=2, col=1)
        figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_yaxes(title_text="change", row=1, col=1)
    figure.update_xaxes(title_text="seconds", row=len(heights), col=1)
    return theme.apply(figure.update_layout(showlegend=False), height_px=height_px)


def _lane(name: str, spans: Sequence[LabelledSpan]) -> go.Bar:
    starts = np.array([span[0] for span in spans], dtype=np.float64)
    stops = np.array([span[1] for span in spans], dtype=np.float64)
    colours = [
        theme.SKY if label == "cycle" and index % 2 else LABEL_COLOURS.get(label, theme.GREY)
        for index, (_, _, label) in enumerate(spans)
    ]
    return go.Bar(
        base=starts,
        x=stops - starts,
        y=[name] * len(spans),
        orientation="h",
        marker={"color": colours, "line": {"color": theme.GRID, "width": 1}},
        customdata=np.stack([starts, stops], axis=1),
        text=[label for _, _, label in spans],
        textposition="none",
        name=name,
        hovertemplate="%{text}: %{customdata[0]:.1f} to %{customdata[1]:.1f} s<extra></extra>",
    )


def quantise_similarity(matrix: NDArray[np.floating]) -> tuple[NDArray[np.uint8], float, float]:
    """Return ``(bytes, low, high)``: the matrix from its 1st to its 99th percentile as 0 to 255, the rest clipped."""
    low, high = (float(value) for value in np.quantile(matrix, [0.01, 0.99]))
    scale = 255.0 / max(high - low, 1e-9)
    return np.clip(np.rint((matrix - low) * scale), 0, 255).astype(np.uint8), low, high


def similarity_figure(matrix: NDArray[np.floating], times_s: ArrayLike, *, height_px: int = 520) -> go.Figure:
    """Return the self-similarity heat map; ``times_s`` are the seconds of the matrix's rows.

    Raises
    ------
    ValueError : when the matrix is not square, has more than ``LARGEST_SIDE`` rows, or the times do not fit it.
    """
    times = np.asarray(times_s, dtype=np.float32)
    if matrix.ndim != 2 or matrix.shape != (len(times), len(times)):
        raise ValueError(f"matrix must be square with one time a row, found {matrix.shape} and {times.shape}.")
    if len(times) > LARGEST_SIDE:
        raise ValueError(f"matrix has {len(times)} rows, more than {LARGEST_SIDE}; pool it first.")
    levels, low, high = quantise_similarity(matrix)
    ticks = np.linspace(0, 255, 5)
    figure = go.Figure(
        go.Heatmap(
            z=levels,
            x=times,
            y=times,
            zmin=0,
            zmax=255,
            colorscale=theme.SEQUENTIAL,
            hovertemplate="%{x:.1f} s and %{y:.1f} s<extra></extra>",
            colorbar={
                "tickvals": ticks.tolist(),
                "ticktext": [f"{low + (high - low) * tick / 255:.3f}" for tick in ticks],
                "title": "similarity",
            },
        )
    )
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain", title_text="seconds")
    figure.update_xaxes(constrain="domain", title_text="seconds")
    figure.update_layout(dragmode="select")
    return theme.apply(figure.update_layout(showlegend=False), height_px=height_px)


def lag_spectrum_figure(
    lags_s: ArrayLike, spectrum: ArrayLike, period_s: float | None = None, *, height_px: int = 280
) -> go.Figure:
    """Return how alike moments are that lie ``lag`` apart, with the period and its multiples marked."""
    lags = np.asarray(lags_s, dtype=np.float64)
    kept = slice(None, None, max(1, len(lags) // 4000))
    figure = go.Figure(
        go.Scatter(
            x=lags[kept],
            y=np.asarray(spectrum, dtype=np.float32)[kept],
            mode="lines",
            line={"color": theme.BLUE, "width": 1.5},
            hovertemplate="%{x:.2f} s apart: %{y:.3f}<extra></extra>",
        )
    )
    if period_s is not None and len(lags):
        figure.update_layout(shapes=_period_lines(period_s, min(12, int(lags[-1] / period_s))))
        figure.add_annotation(
            x=period_s, y=1, yref="y domain", text=f"{period_s:.2f} s", showarrow=False, xanchor="left", yanchor="top"
        )
    figure.update_xaxes(title_text="seconds apart")
    figure.update_yaxes(title_text="mean similarity")
    return theme.apply(figure.update_layout(showlegend=False), height_px=height_px)


def _period_lines(period_s: float, many: int) -> list[dict[str, Any]]:
    """Return a period and its multiples as upright lines, for a figure to take at once: each call copies them all."""
    lines = []
    for multiple in range(1, many + 1):
        colour, width = (theme.VERMILION, 2) if multiple == 1 else (theme.GREY, 1)
        place = {"x0": multiple * period_s, "x1": multiple * period_s, "y0": 0, "y1": 1}
        line = {"color": colour, "width": width, "dash": "dot"}
        lines.append({"type": "line", "xref": "x", "yref": "y domain", "line": line, **place})
    return lines
