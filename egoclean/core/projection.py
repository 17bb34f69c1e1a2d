"""Embeddings on a plane, to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import finite_rows, unit_or_zero_rows

_FITTED_ROWS = 10_000


def plane(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return each row's place along the two directions in which unit rows differ most (PCA), shape (n, 2).

    A row that holds NaN has no place: NaN. Directions are found on up to 10,000 evenly spaced rows; the entry of
    greatest size in each is made positive, so that a picture does not flip from one run to the next. Data that differ
    in fewer than two directions lie at 0 in the others.
    """
    places = np.full((len(embeddings), 2), np.nan, dtype=np.float32)
    finite = np.flatnonzero(finite_rows(embeddings)) if embeddings.shape[1] else np.zeros(0, dtype=np.int64)
    if len(finite) == 0:
        return places
    fitted = finite[np.unique(np.linspace(0, len(finite) - 1, min(len(finite), _FITTED_ROWS)).astype(np.int64))]
    sample = unit_or_zero_rows(embeddings, fitted).astype(np.float64)
    mean = sample.mean(axis=0)
    sample -= mean
    values, vectors = np.linalg.eigh(sample.T @ sample)
    directions = vectors[:, ::-1][:, :2] * (values[::-1][:2] > 1e-12 * len(sample))
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])])
    for start in range(0, len(finite), 8192):
        rows = finite[start : start + 8192]
        places[rows, : directions.shape[1]] = (unit_or_zero_rows(embeddings, rows) - mean) @ directions
    places[finite] = np.nan_to_num(places[finite], nan=0.0)
    return places
