"""Spherical k-means: bundles of rows that point the same way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import Unit

_BLOCK_ROWS = 8192


def spherical_kmeans(unit: Unit, cluster_count: int, generator: np.random.Generator, iterations: int = 20) -> Unit:
    """Return ``cluster_count`` unit centres, shape (clusters, d): Lloyd's algorithm on cosine.

    Centres start at rows drawn without replacement; one that loses all its rows moves to the row that is farthest
    from its own centre. Fewer rows than clusters give one centre a row.
    """
    cluster_count = min(cluster_count, len(unit))
    centres = unit[np.sort(generator.permutation(len(unit))[:cluster_count])].copy()
    for _ in range(iterations):
        labels, nearness = _assign(unit, centres)
        counts = np.bincount(labels, minlength=cluster_count)
        order = np.argsort(labels, kind="stable")
        filled = np.flatnonzero(counts)
        centres[filled] = np.add.reduceat(unit[order], np.searchsorted(labels[order], filled), axis=0)
        empty = np.flatnonzero(counts == 0)
        centres[empty] = unit[np.argsort(nearness, kind="stable")[: len(empty)]]
        lengths = np.linalg.norm(centres, axis=1, keepdims=True)
        centres = np.divide(centres, lengths, out=np.zeros_like(centres), where=lengths > 0)
    return centres


def nearest_centre(unit: Unit, centres: Unit) -> NDArray[np.int64]:
    """Return the index of the centre with the greatest cosine for each row; the first of equals."""
    return _assign(unit, centres)[0]


def _assign(unit: Unit, centres: Unit) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    labels = np.empty(len(unit), dtype=np.int64)
    nearness = np.empty(len(unit), dtype=np.float32)
    for start in range(0, len(unit), _BLOCK_ROWS):
        near = unit[start : start + _BLOCK_ROWS] @ centres.T
        labels[start : start + len(near)] = near.argmax(axis=1)
        nearness[start : start + len(near)] = near.max(axis=1)
    return labels, nearness
