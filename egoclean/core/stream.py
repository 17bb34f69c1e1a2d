"""A clip as one regular series of points: tokens at their own time, averaged where windows overlap.

A window's mean says little about a cycle shorter than two windows; its tokens stand about 1/15 s apart. Placed at
their own time they make a stream on which a 3.7 s cycle can be measured to a few hundredths of a second.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from egoclean.core.similarity import Float32, Float64, Floats, unit_blocks

COMPONENTS = 24
"""Directions of greatest variance that a stream keeps; the rest of an embedding is mostly noise."""

_FIT_ROWS = 4096
_ITERATE_ABOVE = 512
_MINIMUM_WINDOWS_TO_CENTRE = 8


@dataclass(frozen=True, slots=True)
class Stream:
    """Points at equal steps: ``values[i]`` stands at ``start_s + i * step_s``.

    ``values`` has shape ``(m, c)``, float32: unit rows, or zero where ``present[i]`` is False (a gap in the clip).
    """

    start_s: float
    step_s: float
    values: Float32
    present: NDArray[np.bool_]

    @property
    def times_s(self) -> Float64:
        """Seconds of each point, shape ``(m,)``."""
        return self.start_s + self.step_s * np.arange(len(self.values), dtype=np.float64)

    def steps(self, seconds: float) -> int:
        """Return the whole number of steps nearest to ``seconds``, at least 1."""
        return max(1, round(seconds / self.step_s))


def make_stream(rows: Floats, starts_s: Float64, window_s: float, stride_s: float) -> Stream:
    """Return the stream of a clip from embeddings ``(n, d)`` or tokens ``(n, t, d)``.

    Token ``j`` of a window stands at ``start + (j + 1/2) window_s / t``; an embedding at its window's centre. Tokens
    of one place in the window share a bias (the model knows where in the window they stand) that would repeat with
    every stride, so the mean over windows is taken off each place. Points that fall into one step are averaged, then
    projected on ``COMPONENTS`` principal directions and scaled to unit length.
    """
    shape = rows.shape if rows.ndim == 3 else (rows.shape[0], 1, rows.shape[1])
    count, places, _ = shape
    step_s = window_s / places if places > 1 else stride_s
    projected = _project(rows, shape)
    offsets_s = (np.arange(places) + 0.5) * window_s / places
    points_s = (starts_s[:, None] + offsets_s[None, :]).reshape(-1)
    cells = np.rint((points_s - points_s[0]) / step_s).astype(np.int64)
    total = np.zeros((int(cells.max()) + 1, projected.shape[2]))
    np.add.at(total, cells, projected.reshape(count * places, -1))
    hits = np.bincount(cells, minlength=len(total))
    present = hits > 0
    values = total / np.maximum(hits, 1)[:, None]
    lengths = np.linalg.norm(values, axis=1)
    present &= lengths > 1e-6
    values[present] /= lengths[present, None]
    values[~present] = 0.0
    return Stream(float(points_s[0]), float(step_s), values.astype(np.float32), present)


def slower(stream: Stream, factor: int) -> Stream:
    """Return the stream averaged over ``factor`` steps at a time, rows scaled to unit length again."""
    if factor <= 1:
        return stream
    edges = np.arange(0, len(stream.values), factor)
    values = np.add.reduceat(stream.values.astype(np.float64), edges, axis=0)
    lengths = np.linalg.norm(values, axis=1)
    present = lengths > 1e-6
    values[present] /= lengths[present, None]
    start_s = stream.start_s + (factor - 1) / 2 * stream.step_s
    return Stream(start_s, stream.step_s * factor, values.astype(np.float32), present)


def _project(rows: Floats, shape: tuple[int, int, int]) -> Float64:
    count, places, width = shape
    blocks = unit_blocks(rows, "tokens" if places > 1 else "embeddings")
    mean = np.sum([units.sum(axis=0, dtype=np.float64) for _, units in blocks], axis=0).reshape(places, width) / count
    if count < _MINIMUM_WINDOWS_TO_CENTRE:
        mean[:] = mean.mean(axis=0)
    directions = _principal_directions(rows, mean)
    offset = mean @ directions
    projected = np.empty((count, places, directions.shape[1]))
    for start, units in unit_blocks(rows):
        part = units.reshape(-1, width) @ directions.astype(np.float32)
        projected[start : start + len(units)] = part.reshape(len(units), places, -1) - offset
    return projected


def _principal_directions(rows: Floats, mean: Float64) -> Float64:
    count, (places, width) = len(rows), mean.shape
    chosen = np.unique(np.linspace(0, count - 1, min(count, max(1, _FIT_ROWS // places))).astype(np.int64))
    sample = np.concatenate([units for _, units in unit_blocks(rows[chosen])]).reshape(-1, places, width) - mean
    sample = sample.reshape(-1, width)
    kept = min(COMPONENTS, *sample.shape)
    if len(sample) < width:
        values, vectors = _leading(sample @ sample.T, kept)
        vectors = sample.T @ vectors / np.sqrt(np.maximum(values, 1e-30))
    else:
        values, vectors = _leading(sample.T @ sample, kept)
    useful = values > max(values[-1], 0.0) * 1e-9
    return np.asarray(vectors[:, useful][:, ::-1] if useful.any() else np.zeros((width, 1)), dtype=np.float64)


def _leading(matrix: Floats, kept: int) -> tuple[Floats, Floats]:
    """Return the greatest eigenvalues, ascending, and their vectors as columns, of a symmetric matrix."""
    side = len(matrix)
    if side > _ITERATE_ABOVE and float(np.trace(matrix)) > 1e-6:
        # Only a few of many are wanted: iterating takes a tenth of the time. The start decides, so it is fixed.
        start = np.random.default_rng(0).normal(size=side).astype(matrix.dtype)
        with suppress(ArpackNoConvergence):
            values, vectors = eigsh(matrix, k=kept, v0=start, tol=1e-3, ncv=min(side, 3 * kept))
            order = np.argsort(values)
            return values[order], vectors[:, order]
    values, vectors = eigh(matrix, subset_by_index=[side - kept, side - 1])
    return values, vectors
