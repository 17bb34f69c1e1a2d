"""Plotly figures of one clip's structure: self-similarity heat map, lag spectrum.

The heat map has seconds on both axes, so that a brushed box says where in the clip it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from egoclean.charts import theme

LARGEST_SIDE = 1000
"""Most rows a heat map is drawn with: one byte each, 1.4 MB on the wire."""


def quantise_similarity(matrix: NDArray[np.floating]) -> tuple[NDArray[np.uint8], float, float]:
    """Return ``(bytes, low, high)``: the matrix from its 1st to its 99th percentile as 0 to 255, the rest clipped."""
    low, high = (float(value) for value in np.quantile(matrix, [0.01, 0.99]))
    scale = 255.0 / max(high - low, 1e-9)
    return np.clip(np.rint((matrix - low) * scale), 0, 255).astype(np.uint8), low, high


def similarity_figure(matrix: NDArray[np.floating], times_s: ArrayLike) -> go.Figure:
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
    heat_map = go.Heatmap(
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
            "orientation": "h",
            "thickness": 8,
            "y": -0.28,
            "len": 0.9,
        },
    )
    return theme.figure(
        [heat_map],
        height_px=420,
        x={"constrain": "domain"},
        y={"constrain": "domain", "autorange": "reversed", "scaleanchor": "x", "title": {"text": "seconds"}},
        dragmode="select",
        showlegend=False,
    )


def lag_spectrum_figure(lags_s: ArrayLike, spectrum: ArrayLike, period_s: float | None = None) -> go.Figure:
    """Return how alike moments are that lie ``lag`` apart, with the period and its multiples marked."""
    lags = np.asarray(lags_s, dtype=np.float64)
    kept = slice(None, None, max(1, len(lags) // 4000))
    curve = go.Scatter(
        x=lags[kept],
        y=np.asarray(spectrum, dtype=np.float32)[kept],
        mode="lines",
        line={"color": theme.BLUE, "width": 1.5},
        hovertemplate="%{x:.2f} s apart: %{y:.3f}<extra></extra>",
    )
    lines: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    if period_s is not None and len(lags):
        for multiple in range(1, min(12, int(lags[-1] / period_s)) + 1):
            colour, width = (theme.VERMILION, 2) if multiple == 1 else (theme.GREY, 1)
            lines.append(theme.upright(multiple * period_s, colour, width, "dot"))
        label = {"text": f"{period_s:.2f} s", "showarrow": False, "xanchor": "left", "yanchor": "top"}
        labels.append({"x": period_s, "y": 1, "yref": "y domain", **label})
    return theme.figure(
        [curve],
        height_px=280,
        x={"title": {"text": "seconds apart"}},
        y={"title": {"text": "mean similarity"}},
        shapes=lines,
        annotations=labels,
        showlegend=False,
    )
