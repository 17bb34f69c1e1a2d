"""Arrays to PNG pictures by matplotlib's Agg, without a display: for the command line and for reports."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from egoclean.charts.theme import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION
from egoclean.core.similarity import pooled_similarity
from egoclean.core.structure import Structure
from egoclean.store.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN_SIDE = 800
"""Most rows of a similarity matrix that is drawn."""

_DIAGNOSTICS_MARGINS = {"left": 0.045, "right": 0.985, "top": 0.94, "bottom": 0.045, "hspace": 0.42, "wspace": 0.17}
"""Set by hand: letting matplotlib find them takes as long as drawing."""

SEGMENT_COLOURS = {"repetitive": GREEN, "one-off": VERMILION, "idle": ORANGE}


def write_diagnostics(
    structure: Structure,
    embeddings: NDArray[np.floating],
    tokens: NDArray[np.floating] | None,
    path: str | os.PathLike[str],
    *,
    title: str = "",
) -> None:
    """Write ``NAME_diagnostics.png``: change, autocorrelation, both similarities, lag spectrum and detections.

    ``embeddings`` (n, d) and ``tokens`` (n, t, d), which may be missing, are those that ``structure`` was found in;
    matrices are pooled to ``DRAWN_SIDE`` rows. The file is complete or absent.
    """
    figure = Figure(figsize=(13, 13))
    FigureCanvasAgg(figure)
    grid = figure.subplots(4, 2, gridspec_kw={"height_ratios": [1, 2.6, 1, 1], **_DIAGNOSTICS_MARGINS})
    if title:
        figure.suptitle(title, y=0.985)
    extent_s = _extent_s(structure)
    _draw_change(grid[0, 0], structure)
    _draw_line(grid[0, 1], _window_lags_s(structure), structure.autocorrelation, "Autocorrelation of change", "lag, s")
    _draw_matrix(grid[1, 0], pooled_similarity(embeddings, DRAWN_SIDE), extent_s, "Similarity of windows")
    token_similarity = None if tokens is None else pooled_similarity(tokens, DRAWN_SIDE)
    _draw_matrix(grid[1, 1], token_similarity, extent_s, "Similarity of windows, token by token")
    _draw_line(grid[2, 0], structure.lags_s, structure.lag_spectrum, "Lag spectrum", "lag, s")
    if structure.period_s is not None:
        grid[2, 0].axvline(structure.period_s, color=VERMILION, label=f"period {structure.period_s:.2f} s")
        grid[2, 0].legend(loc="upper right")
    _draw_line(grid[2, 1], structure.novelty_s, structure.novelty, "Novelty", "s")
    grid[2, 1].set_xlim(*extent_s)
    _draw_line(grid[3, 0], structure.centres_s, structure.anomaly_score, "Anomaly score (published)", "s")
    grid[3, 0].set_xlim(*extent_s)
    _draw_detections(grid[3, 1], structure)
    _save(figure, path)


def write_score_histogram(
    scores: ArrayLike, path: str | os.PathLike[str], bins: int = 40, *, name: str = "score"
) -> None:
    """Write a histogram of ``scores`` with mean and median marked.

    Raises
    ------
    ValueError : for no scores, scores that are not finite, or fewer than one bin.
    """
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"scores must be finite and not empty; found {len(values)} values.")
    if bins < 1:
        raise ValueError(f"bins must be at least 1, found {bins}.")
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.hist(values, bins=bins, color=BLUE)
    axes.axvline(float(values.mean()), color=VERMILION, label=f"mean {values.mean():.4g}")
    axes.axvline(float(np.median(values)), color=ORANGE, linestyle="--", label=f"median {np.median(values):.4g}")
    axes.set_xlabel(name)
    axes.set_ylabel("windows")
    axes.set_title(f"{len(values)} windows")
    axes.legend()
    _save(figure, path)


def _extent_s(structure: Structure) -> tuple[float, float]:
    half_s = structure.stride_s / 2
    return float(structure.centres_s[0] - half_s), float(structure.centres_s[-1] + half_s)


def _window_lags_s(structure: Structure) -> NDArray[np.float64]:
    return structure.stride_s * np.arange(len(structure.autocorrelation), dtype=np.float64)


def _draw_line(axes: Axes, x: ArrayLike, y: ArrayLike, title: str, label: str) -> None:
    values = np.asarray(y, dtype=np.float64)
    if np.isfinite(values).any():
        axes.plot(np.asarray(x), values, color=BLUE, linewidth=1)
    else:
        axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", transform=axes.transAxes, color=GREY)
    axes.set_title(title)
    axes.set_xlabel(label)


def _draw_change(axes: Axes, structure: Structure) -> None:
    _draw_line(axes, structure.centres_s - structure.stride_s / 2, structure.change, "Change between neighbours", "s")
    for anomaly in structure.anomalies:
        axes.axvspan(anomaly.start_s, anomaly.stop_s, color=VERMILION, alpha=0.2)
    axes.set_xlim(*_extent_s(structure))


def _draw_matrix(axes: Axes, matrix: NDArray[np.floating] | None, extent_s: tuple[float, float], title: str) -> None:
    axes.set_title(title)
    if matrix is None:
        axes.text(0.5, 0.5, "no tokens given", ha="center", va="center", transform=axes.transAxes, color=GREY)
        axes.set_axis_off()
        return
    low, high = np.quantile(matrix, [0.02, 0.98])
    image = axes.imshow(
        matrix, cmap="cividis", vmin=low, vmax=max(high, low + 1e-6), extent=(*extent_s, *extent_s[::-1])
    )
    axes.figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set_xlabel("s")


def _draw_detections(axes: Axes, structure: Structure) -> None:
    for segment in structure.segments:
        axes.barh(
            2,
            segment.stop_s - segment.start_s,
            left=segment.start_s,
            color=SEGMENT_COLOURS.get(segment.label, "white"),
            edgecolor="white",
        )
    for number, cycle in enumerate(structure.cycles):
        colour = BLUE if number % 2 else SKY
        axes.barh(1, cycle.stop_s - cycle.start_s, left=cycle.start_s, color=colour, edgecolor="white")
    for anomaly in structure.anomalies:
        axes.barh(0, anomaly.stop_s - anomaly.start_s, left=anomaly.start_s, color=VERMILION)
    axes.set_yticks([0, 1, 2], ["anomalies", "cycles", "segments"])
    axes.set_ylim(-0.6, 2.6)
    axes.set_xlim(*_extent_s(structure))
    axes.set_title("Detections (segments: green repetitive, orange idle, red one-off)")
    axes.set_xlabel("s")


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    write_bytes(Path(path), picture.getvalue())
