"""Cosine similarity of a clip's windows: change, self-similarity, typicality, and what can be summed without a matrix.

Conventions: rows are windows in time order; ``unit rows`` are rows divided by their length, so that the similarity of
two windows is their dot product. Every sum over the similarity matrix used here is a sum of dot products, so it equals
a dot product of sums: row means, pooled matrices and diagonal sums of a ten-hour recording are exact and never need
the ``n x n`` matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

Floats = NDArray[np.floating]
Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

LARGEST_MATRIX_ROWS = 4096
"""Most rows for which a full similarity matrix is made (64 MiB in float32)."""

_FFT_COLUMNS = 16
_BLOCK_ELEMENTS = 2**20
_LEAST_SQUARE, _GREATEST_SQUARE = 1e-20, 1e30


def unit_rows(rows: ArrayLike, name: str = "embeddings", first_row: int = 0) -> Float32:
    """Return each row divided by its Euclidean length, float32, same shape.

    Rows of more than one axis (tokens of a window, ``(n, t, d)``) are divided by the length of the whole row.
    ``first_row`` is added to row numbers in errors.

    Raises
    ------
    ValueError : when ``rows`` has fewer than two axes or is empty, and for a NaN, infinite or zero row, by number.
    """
    values = np.asarray(rows)
    if values.ndim < 2 or values.size == 0:
        raise ValueError(f"{name} must be a non-empty array of shape (n, d), found shape {values.shape}.")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, found dtype {values.dtype}.")
    units = np.empty(values.shape, dtype=np.float32)
    flat, flat_units = values.reshape(len(values), -1), units.reshape(len(values), -1)
    rows_at_once = max(1, _BLOCK_ELEMENTS // flat.shape[1])
    working: type[np.floating] = np.float32 if values.dtype.kind == "f" and values.dtype.itemsize <= 4 else np.float64
    for start in range(0, len(flat), rows_at_once):
        part: Floats = flat[start : start + rows_at_once].astype(working, copy=False)
        squares = np.einsum("ij,ij->i", part, part)
        # Squares that leave the range of the type say nothing of the row, so such a block is scaled first.
        if not ((squares > _LEAST_SQUARE) & (squares < _GREATEST_SQUARE)).all():
            largest = np.maximum(part.max(axis=1, keepdims=True), -part.min(axis=1, keepdims=True))
            _refuse_rows(~np.isfinite(largest[:, 0]), first_row + start, name, "holds NaN or infinity")
            _refuse_rows(largest[:, 0] == 0, first_row + start, name, "is all zero and has no direction")
            part = part / largest
            squares = np.einsum("ij,ij->i", part, part)
        np.divide(part, np.sqrt(squares)[:, None], out=flat_units[start : start + rows_at_once], casting="same_kind")
    return units


def unit_blocks(rows: Floats, name: str = "embeddings") -> Iterator[tuple[int, Float32]]:
    """Yield ``(first row, unit rows of a block flattened to (b, .))`` over all rows, a few megabytes at a time."""
    values = np.asarray(rows)
    rows_at_once = max(1, _BLOCK_ELEMENTS // max(1, values[:1].size))
    for start in range(0, max(1, len(values)), rows_at_once):
        part = unit_rows(values[start : start + rows_at_once], name, start)
        yield start, part.reshape(len(part), -1)


def _refuse_rows(bad: Any, offset: int, name: str, fault: str) -> None:
    if bad.any():
        raise ValueError(f"Row {offset + int(np.argmax(bad))} of {name} {fault}; {int(bad.sum())} rows do.")


def cosine_similarity(left: Floats, right: Floats | None = None) -> Float32:
    """Return ``out[i, j]``, the cosine of row ``i`` of ``left`` and row ``j`` of ``right`` (default ``left``).

    Symmetric with ones on the diagonal when ``right`` is None; values in [-1, 1].

    Raises
    ------
    ValueError : for rows without direction, rows of different length, or more than ``LARGEST_MATRIX_ROWS`` rows.
    """
    first = unit_rows(left, "left").reshape(len(left), -1)
    second = first if right is None else unit_rows(right, "right").reshape(len(right), -1)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"left and right must have rows of one length, found shapes {first.shape}, {second.shape}.")
    if max(len(first), len(second)) > LARGEST_MATRIX_ROWS:
        raise ValueError(
            f"A similarity matrix of {len(first)} x {len(second)} is over the limit of {LARGEST_MATRIX_ROWS} rows; "
            "use pooled_similarity."
        )
    matrix = np.asarray(np.clip(first @ second.T, -1.0, 1.0), dtype=np.float32)
    if right is None:
        matrix = np.asarray((matrix + matrix.T) / 2, dtype=np.float32)
        np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix, dtype=np.float32)


def change_signal(embeddings: Floats) -> Float64:
    """Return ``out[i] = 1 - cosine(row i - 1, row i)``, shape ``(n,)``, in [0, 2]; ``out[0]`` is NaN.

    The change into window ``i`` stands between the centres of windows ``i - 1`` and ``i``.
    """
    change = np.full(len(embeddings), np.nan)
    before: Float32 | None = None
    for start, units in unit_blocks(embeddings):
        joined = units if before is None else np.concatenate([before, units])
        products = np.einsum("ij,ij->i", joined[1:], joined[:-1], dtype=np.float64)
        change[start + len(units) - len(products) : start + len(units)] = np.clip(1.0 - products, 0.0, 2.0)
        before = units[-1:]
    return change


def direction_sum(embeddings: Floats, name: str = "embeddings") -> tuple[Float64, int]:
    """Return the sum of the unit rows, shape ``(d,)``, and their number: all that typicality needs of a clip.

    Sums and numbers of several clips add, so ``typicality`` against a worker's other clips is exact too.
    """
    total = np.sum([units.sum(axis=0, dtype=np.float64) for _, units in unit_blocks(embeddings, name)], axis=0)
    return total, len(embeddings)


def typicality(embeddings: Floats, reference: tuple[Float64, int] | None = None, name: str = "embeddings") -> Float64:
    """Return the mean cosine of each row with all rows of the clip, itself included, shape ``(n,)``, in [-1, 1].

    With ``reference`` from :func:`direction_sum`, the mean is over those rows instead: typicality in this clip says
    what is rare here, typicality against the same worker's other clips says what is rare everywhere. ``embeddings``
    may be tokens ``(n, t, d)``: rows are then compared token by token (the published method). ``name`` is what errors
    call them.
    """
    total, count = direction_sum(embeddings, name) if reference is None else reference
    width = np.asarray(embeddings)[:1].size
    if total.shape != (width,) or count < 1:
        raise ValueError(f"reference must be a sum of shape ({width},), found {total.shape} of {count} rows.")
    means = np.concatenate([units @ (total / count) for _, units in unit_blocks(embeddings)])
    return np.asarray(np.clip(means, -1.0, 1.0), dtype=np.float64)


def pooled_similarity(embeddings: Floats, max_side: int = 1000) -> Float32:
    """Return the self-similarity matrix averaged over equal blocks of rows, at most ``max_side`` on a side.

    ``out[a, b]`` is the mean of ``cosine(i, j)`` over every ``i`` in block ``a`` and ``j`` in block ``b``: exact, from
    the blocks' mean directions. Below ``max_side`` rows it is the similarity matrix itself.
    """
    if max_side < 1:
        raise ValueError(f"max_side must be at least 1, found {max_side}.")
    edges = pool_edges(len(embeddings), max_side)
    means = np.stack(
        [unit_rows(embeddings[a:b], first_row=int(a)).reshape(b - a, -1).mean(axis=0) for a, b in pairwise(edges)]
    )
    return np.asarray(np.clip(means @ means.T, -1.0, 1.0), dtype=np.float32)


def pool_edges(count: int, max_side: int) -> NDArray[np.int64]:
    """Return the first row of each block and ``count`` at the end: blocks of sizes that differ by at most one."""
    blocks = min(count, max_side)
    return np.arange(blocks + 1, dtype=np.int64) * count // blocks


def autocorrelation(signal: ArrayLike) -> Float64:
    """Return ``out[k] = sum (x[i] - m)(x[i + k] - m) / sum (x[i] - m)^2``, shape of ``signal``, ``out[0] == 1``.

    NaN values count as absent (they add nothing to either sum); a constant signal has no autocorrelation: all NaN.
    """
    values = np.asarray(signal, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"signal must have one axis, found shape {values.shape}.")
    present = np.isfinite(values)
    if not present.any():
        return np.full(len(values), np.nan)
    centred = np.where(present, values - values[present].mean(), 0.0)
    energy = float(centred @ centred)
    if energy <= 1e-20 * max(1.0, float(np.max(np.abs(values[present]))) ** 2) * len(values):
        return np.full(len(values), np.nan)
    return diagonal_sums(centred[:, None]) / energy


def diagonal_sums(rows: Floats, limit: int | None = None) -> Float64:
    """Return ``out[k] = sum over i of rows[i] . rows[i + k]`` for ``k < limit`` (default all), by FFT, O(n d log n).

    Of unit rows this is the sum along the ``k``-th diagonal of the similarity matrix.
    """
    count = len(rows)
    wanted = count if limit is None else min(limit, count)
    size = fft.next_fast_len(count + wanted, real=True)
    power = np.zeros(size // 2 + 1)
    for start in range(0, rows.shape[1], _FFT_COLUMNS):
        part = np.ascontiguousarray(rows[:, start : start + _FFT_COLUMNS].T, dtype=np.float64)
        spectrum = fft.rfft(part, size, axis=1)
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=0)
    sums: Float64 = fft.irfft(power, size)[:wanted]
    return sums


def rows_from_similarity(similarity: Floats) -> Float32:
    """Return unit rows whose cosines are ``similarity``, up to its negative eigenvalues, shape ``(n, at most n)``.

    Raises
    ------
    ValueError : when the matrix is not square, finite, symmetric with ones on the diagonal (to 1e-3), or too large.
    """
    matrix = np.asarray(similarity, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"similarity must be a square matrix, found shape {matrix.shape}.")
    if len(matrix) > LARGEST_MATRIX_ROWS:
        raise ValueError(f"similarity has {len(matrix)} rows, more than {LARGEST_MATRIX_ROWS}; give the embeddings.")
    _refuse_rows(~np.isfinite(matrix).all(axis=1), 0, "similarity", "holds NaN or infinity")
    _refuse_rows(np.abs(np.diag(matrix) - 1.0) > 1e-3, 0, "similarity", "is not 1 on the diagonal")
    _refuse_rows((np.abs(matrix - matrix.T) > 1e-3).any(axis=1), 0, "similarity", "is not symmetric")
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = values > values[-1] * 1e-9
    return unit_rows(vectors[:, kept] * np.sqrt(values[kept]), "similarity")


def regress_out(signal: ArrayLike, covariates: ArrayLike) -> tuple[Float64, float]:
    """Return ``signal`` without what ``covariates`` explain linearly, and the share of variance they explained.

    The residual keeps the signal's mean; the share is R squared, in [0, 1], 0 for a constant signal. Rows where the
    signal or a covariate is NaN are left out of the fit and NaN in the residual.

    Parameters
    ----------
    signal : shape ``(n,)``.
    covariates : shape ``(n,)`` or ``(n, c)``, for instance head rotation in deg/s and blur.
    """
    values, causes = np.asarray(signal, dtype=np.float64), np.asarray(covariates, dtype=np.float64)
    if values.ndim != 1 or causes.ndim not in (1, 2) or len(values) != len(causes):
        raise ValueError(f"signal and covariates must have equal length, found {values.shape} and {causes.shape}.")
    causes = causes.reshape(len(causes), -1)
    known = np.isfinite(values) & np.isfinite(causes).all(axis=1)
    residual = np.full(len(values), np.nan)
    if known.sum() <= causes.shape[1] + 1:
        return residual, 0.0
    centred = values[known] - values[known].mean()
    design = causes[known] - causes[known].mean(axis=0)
    weights = np.linalg.lstsq(design, centred, rcond=None)[0]
    left = centred - design @ weights
    residual[known] = left + values[known].mean()
    energy = float(centred @ centred)
    return residual, float(np.clip(1.0 - float(left @ left) / energy, 0.0, 1.0)) if energy > 0 else 0.0
