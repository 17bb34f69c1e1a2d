"""Cells of rows that point the same way: k-means in a projection, and which cells hold a cell's neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import Embeddings, Unit, unit_rows

Rows = NDArray[np.int64]

_PROJECTED = 64
_ROWS_A_CELL = 250
_TRAINING_ROWS_A_CELL = 25
_PROJECTION_ROWS = 8000
_ITERATIONS = 8
_QUERIES = 1000
_NEAREST = 10
_WANTED_RECALL = 0.96
_MOST_PROBES = 64
_BLOCK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of rows and, for each cell, the cells to look for neighbours in.

    Parameters
    ----------
    order : shape (n,), rows sorted by cell; ``starts`` : shape (count + 1,), where each cell's rows start in it.
    probed : shape (count, probes), the nearest cells of each cell, itself first.
    queries : rows whose true neighbours were found by comparing them with every row.
    nearest : shape (queries, 10), those neighbours.
    """

    order: Rows
    starts: Rows
    probed: Rows
    queries: Rows
    nearest: Rows

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.starts) - 1

    @property
    def probes(self) -> int:
        """Cells that a cell's rows are compared with, itself included."""
        return int(self.probed.shape[1])

    def members(self, cell: int) -> Rows:
        """Return the rows of a cell, ascending."""
        return self.order[self.starts[cell] : self.starts[cell + 1]]

    def candidates(self, cell: int) -> Rows:
        """Return the rows of all cells that ``cell`` is compared with, ascending."""
        return np.sort(np.concatenate([self.members(int(other)) for other in self.probed[cell]]))


def make_cells(embeddings: Embeddings, seed: int) -> Cells:
    """Return cells of about 250 rows and the fewest probes that keep 96 % of the true neighbours of 1,000 rows.

    The true ten nearest rows are found exactly for 1,000 rows drawn at random; the probes are chosen on them, up to
    64, so the recall of the graph that is measured on the same rows is a fair one of what was reached.
    """
    count = len(embeddings)
    generator = np.random.default_rng(seed)
    cell_count = max(count // _ROWS_A_CELL, 1)
    basis = _projection(unit_rows(embeddings, _sample(count, _PROJECTION_ROWS, generator)))
    training = _project(embeddings, basis, _sample(count, cell_count * _TRAINING_ROWS_A_CELL, generator))
    centres = spherical_kmeans(training, cell_count, generator)
    cell_of, queries = np.empty(count, dtype=np.int32), _sample(count, _QUERIES, generator)
    asked, nearest = unit_rows(embeddings, queries), _Best(len(queries))
    for start in range(0, count, _BLOCK_ROWS):
        block = unit_rows(embeddings, slice(start, start + _BLOCK_ROWS))
        cell_of[start : start + len(block)] = nearest_centre(_unit(block @ basis), centres)
        nearest.add(asked @ block.T, start, queries)
    order = np.argsort(cell_of, kind="stable").astype(np.int64)
    starts = np.searchsorted(cell_of[order], np.arange(cell_count + 1)).astype(np.int64)
    between = centres @ centres.T
    np.fill_diagonal(between, 2.0)
    ranking = np.argsort(-between, axis=1, kind="stable")
    probes = _fewest_probes(ranking, cell_of[queries], cell_of[nearest.rows])
    return Cells(order, starts, ranking[:, :probes].astype(np.int64), queries, nearest.rows)


def spherical_kmeans(
    unit: Unit, cluster_count: int, generator: np.random.Generator, iterations: int = _ITERATIONS
) -> Unit:
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
        sums = np.add.reduceat(unit[order], np.searchsorted(labels[order], filled), axis=0)
        centres[filled] = sums
        empty = np.flatnonzero(counts == 0)
        centres[empty] = unit[np.argsort(nearness, kind="stable")[: len(empty)]]
        centres = _unit(centres)
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


class _Best:
    """The nearest rows of some queries among the rows seen so far."""

    def __init__(self, query_count: int) -> None:
        self.rows: Rows = np.full((query_count, _NEAREST), -1, dtype=np.int64)
        self._values = np.full((query_count, _NEAREST), -2, dtype=np.float32)

    def add(self, near: NDArray[np.float32], start: int, queries: Rows) -> None:
        inside = np.flatnonzero((queries >= start) & (queries < start + near.shape[1]))
        near[inside, queries[inside] - start] = -2.0
        kept = min(_NEAREST, near.shape[1])
        columns = np.argpartition(near, near.shape[1] - kept, axis=1)[:, near.shape[1] - kept :]
        values = np.concatenate([self._values, np.take_along_axis(near, columns, axis=1)], axis=1)
        rows = np.concatenate([self.rows, columns + start], axis=1)
        best = np.argsort(-values, axis=1, kind="stable")[:, :_NEAREST]
        self._values, self.rows = np.take_along_axis(values, best, axis=1), np.take_along_axis(rows, best, axis=1)


def _fewest_probes(ranking: Rows, query_cells: NDArray[np.int32], nearest_cells: NDArray[np.int32]) -> int:
    position = np.argsort(ranking, axis=1, kind="stable")
    needed = position[query_cells[:, None], nearest_cells]
    reached = np.cumsum(np.bincount(needed.ravel(), minlength=len(ranking))) / needed.size
    return min(int(np.searchsorted(reached, _WANTED_RECALL)) + 1, _MOST_PROBES, len(ranking))


def _sample(count: int, wanted: int, generator: np.random.Generator) -> Rows:
    return np.sort(generator.choice(count, size=min(wanted, count), replace=False)).astype(np.int64)


def _projection(sample: Unit) -> Unit:
    width = min(_PROJECTED, sample.shape[1])
    _, vectors = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return np.ascontiguousarray(vectors[:, ::-1][:, :width], dtype=np.float32)


def _project(embeddings: Embeddings, basis: Unit, rows: Rows) -> Unit:
    parts = [
        unit_rows(embeddings, rows[start : start + _BLOCK_ROWS]) @ basis for start in range(0, len(rows), _BLOCK_ROWS)
    ]
    return _unit(np.concatenate(parts))


def _unit(rows: NDArray[np.float32]) -> Unit:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0), dtype=np.float32)
