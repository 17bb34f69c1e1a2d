"""Facility location: what a set of rows stands for, and which row adds most to it.

A row stands for another as far as they are similar. The coverage of a set ``S`` is
``sum_i w_i max_{j in S} s_ij / sum_i w_i`` in [0, 1], with ``s_ii = 1``: it grows with every row, by less and less
(it is monotone and submodular), so taking the best row again and again comes within ``1 - 1/e`` of the best set of
any size (Nemhauser, Wolsey and Fisher, 1978), and a gain computed earlier bounds the gain now (Minoux, 1978).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, get_index_dtype

from egoclean.core.neighbours import NeighbourGraph, to_similarity
from egoclean.core.rows import Unit

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_BLOCK_COLUMNS = 64
_BLOCK_EDGES = 1 << 17
_DUE_SHARE = 1.0
_NOTHING = np.float32(0)

WEIGHT_GRID = 64.0
"""Weights are multiples of 1/64: times a similarity they fit a float32, and their sums a float64, without rounding."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Row ``j`` stands for ``rows[starts[j]:starts[j + 1]]`` by ``similarities[...]``; for itself with similarity 1.

    Parameters
    ----------
    starts : shape (n + 1,). rows : sorted within each part. similarities : on the grid, above 0.
    """

    starts: Rows
    rows: NDArray[np.int32]
    similarities: NDArray[np.float32]

    @property
    def row_count(self) -> int:
        """Rows of the data."""
        return len(self.starts) - 1


def reach_of(parts: list[tuple[Rows, NeighbourGraph]], row_count: int) -> Reach:
    """Return who stands for whom: row ``j`` for row ``i`` when ``j`` is among the neighbours of ``i``.

    Parameters
    ----------
    parts : for each embedding space, the rows of the data that its graph is over, in the graph's order, and the graph.
    row_count : rows of the data; a row in no part stands for itself alone.
    """
    width = max((graph.width for _, graph in parts), default=0) + 1
    by = np.repeat(np.arange(row_count, dtype=np.int32)[:, None], width, axis=1)
    by_similarity = np.zeros(by.shape, dtype=np.float32)
    by_similarity[:, 0] = 1.0
    for rows, graph in parts:
        there = graph.neighbours >= 0
        others = rows.astype(np.int32).take(graph.neighbours, mode="clip")
        by[rows, 1 : graph.width + 1] = np.where(there, others, rows.astype(np.int32)[:, None])
        by_similarity[rows, 1 : graph.width + 1] = np.where(there, graph.similarities, np.float32(0))
    starts = np.arange(0, by.size + 1, width).astype(get_index_dtype(maxval=by.size))
    columns = csr_array((by_similarity.ravel(), by.ravel(), starts), shape=(row_count, row_count)).tocsc()
    columns.eliminate_zeros()
    similarities = columns.data.astype(np.float32, copy=False)
    return Reach(columns.indptr.astype(np.int64), columns.indices.astype(np.int32, copy=False), similarities)


def on_weight_grid(weights: Floats) -> Floats:
    """Return the weights rounded to multiples of 1/64."""
    return np.asarray(np.rint(weights * WEIGHT_GRID) / WEIGHT_GRID, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Worth:
    """What every edge of a graph is worth: the weight of the row it reaches times the similarity.

    Parameters
    ----------
    weights : shape (n,), on the grid, how much each row counts.
    edges : shape (n, n); row ``j`` holds what ``j`` adds where nothing is covered yet.
    gains : shape (n,), the sum of each row.
    """

    weights: Floats
    edges: csr_array
    gains: Floats


def worth_of(reach: Reach, weights: Floats) -> Worth:
    """Return what every edge is worth with these weights."""
    counts = weights.astype(np.float32)
    worth, gains = np.empty_like(reach.similarities), np.zeros(reach.row_count)
    for block in _blocks(reach.starts):
        edges = slice(reach.starts[block.start], reach.starts[block.stop])
        np.multiply(reach.similarities[edges], counts.take(reach.rows[edges]), out=worth[edges])
        gains[block] = _sums(worth[edges], reach.starts[block.start : block.stop + 1] - edges.start)
    return Worth(weights, _as_rows(worth, reach.rows, reach.starts), gains)


class GraphGains:
    """Gains over a kNN graph, exact: sums of grid values do not round.

    An edge that adds nothing will never add anything again: such edges are dropped from time to time, so that looking
    gets cheaper as more is covered.

    Parameters
    ----------
    worth : what the edges are worth; it is left as it is.
    counted : shape (n,), the rows that count; any other counts as covered.
    candidates : shape (n,), the rows that may be taken, and of which gains are asked for.
    """

    def __init__(self, worth: Worth, counted: NDArray[np.bool_], candidates: NDArray[np.bool_]) -> None:
        self._edges, self._bounds, self._candidates = worth.edges, worth.gains, candidates
        self._covered = np.where(counted, np.float32(0), np.float32(np.inf))
        self._looked_at, self._shared = 0, True

    def bounds(self) -> tuple[Floats, bool]:
        """Return at least every row's gain: what it would be if all rows counted, and whether they do."""
        return self._bounds.copy(), not np.isinf(self._covered).any()

    def of_all_if_due(self) -> Floats | None:
        """Return every row's gain when so many edges were looked at that dropping the spent ones makes up for it."""
        if self._looked_at <= _DUE_SHARE * self._edges.nnz:
            return None
        if self._shared:
            self._keep_candidates()
        return self._drop_spent_edges()

    def of_some(self, rows: Rows) -> Floats:
        """Return the gains of some rows now."""
        some = self._edges[rows]
        self._looked_at += some.nnz
        return _sums(self._added(some.data, some.indices), some.indptr)

    def of(self, row: int) -> float:
        """Return the gain of a row now."""
        edges = self._of_row(row)
        added = self._added(self._edges.data[edges], self._edges.indices[edges])
        return float(added.sum(dtype=np.float64))

    def take(self, row: int) -> None:
        """Add a row to the set."""
        edges = self._of_row(row)
        reached = self._edges.indices[edges]
        self._covered.put(reached, np.maximum(self._covered.take(reached), self._edges.data[edges]))

    def _of_row(self, row: int) -> slice:
        return slice(self._edges.indptr[row], self._edges.indptr[row + 1])

    def _added(self, worth: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        added = worth - self._covered.take(rows)
        return np.asarray(np.maximum(added, _NOTHING, out=added))

    def _keep_candidates(self) -> None:
        own, lengths = self._edges[self._candidates], np.zeros(len(self._candidates), dtype=np.int64)
        lengths[self._candidates] = np.diff(own.indptr)
        self._edges, self._shared = _as_rows(own.data, own.indices, np.concatenate([[0], np.cumsum(lengths)])), False

    def _drop_spent_edges(self) -> Floats:
        worth, rows, starts = self._edges.data, self._edges.indices, self._edges.indptr
        gains, kept, kept_before = np.zeros(len(starts) - 1), 0, np.zeros_like(starts)
        for block in _blocks(starts):
            edges = slice(starts[block.start], starts[block.stop])
            added = worth[edges] - self._covered.take(rows[edges])
            live = np.flatnonzero(added > 0)
            # What is kept moves forward in the same memory: asking for as much anew costs more than the looking.
            worth[kept : kept + len(live)] = worth[edges].take(live)
            rows[kept : kept + len(live)] = rows[edges].take(live)
            places = np.searchsorted(live, starts[block.start : block.stop + 1] - edges.start)
            gains[block] = _sums(added.take(live), places)
            kept_before[block.start : block.stop + 1] = kept + places
            kept += len(live)
        # A new csr_array would copy what is kept.
        self._edges.data, self._edges.indices, self._edges.indptr = worth[:kept], rows[:kept], kept_before
        self._looked_at = 0
        return gains


def _as_rows(worth: NDArray[np.float32], rows: NDArray[np.int32], starts: Rows) -> csr_array:
    return csr_array((worth, rows, starts), shape=(len(starts) - 1, len(starts) - 1))


def _sums(values: NDArray[np.float32], starts: NDArray[np.integer]) -> Floats:
    sums, some = np.zeros(len(starts) - 1), np.diff(starts) > 0
    sums[some] = np.add.reduceat(values, starts[:-1][some], dtype=np.float64)
    return sums


def _blocks(starts: NDArray[np.integer]) -> Iterator[slice]:
    """Yield the slices that part rows into blocks, whose edges a processor's cache holds where no row has more."""
    count = len(starts) - 1
    cuts = np.searchsorted(starts[:-1], np.arange(0, starts[-1] + _BLOCK_EDGES, _BLOCK_EDGES))
    cuts[-1:] = count
    cuts[:1] = 0
    return (slice(start, stop) for start, stop in itertools.pairwise(np.unique(cuts).tolist()))


class DenseGains:
    """Gains over all pairs of each space, a block of columns of similarities at a time: no matrix of pairs is kept.

    Parameters
    ----------
    spaces : for each embedding space its rows of the data, their unit embeddings and the background cosine.
    weights : shape (n,), how much each row counts.
    """

    def __init__(self, spaces: list[tuple[Rows, Unit, float]], weights: Floats) -> None:
        self._spaces = spaces
        self._weights = weights
        self._covered = np.zeros(len(weights))
        self._place = np.full((len(weights), 2), -1, dtype=np.int64)
        for number, (rows, _, _) in enumerate(spaces):
            self._place[rows] = np.stack([np.full(len(rows), number), np.arange(len(rows))], axis=1)

    def bounds(self) -> tuple[Floats, bool]:
        """Return every row's gain."""
        return self.of_some(np.arange(len(self._weights))), True

    def of_all_if_due(self) -> None:
        """Return None: looking at a row costs the same at all times."""

    def of(self, row: int) -> float:
        """Return the gain of a row now."""
        return float(self.of_some(np.array([row]))[0])

    def of_some(self, rows: Rows) -> Floats:
        """Return the gains of some rows now."""
        gains: Floats = self._weights[rows] * (1 - self._covered[rows])
        for number, (reached, _, _) in enumerate(self._spaces):
            asked = np.flatnonzero(self._place[rows, 0] == number)
            for start in range(0, len(asked), _BLOCK_COLUMNS):
                block = asked[start : start + _BLOCK_COLUMNS]
                near = self._columns(number, self._place[rows[block], 1])
                gains[block] = self._weights[reached] @ np.maximum(near - self._covered[reached, None], 0.0)
        return gains

    def take(self, row: int) -> None:
        """Add a row to the set."""
        number, place = self._place[row]
        if number < 0:
            self._covered[row] = 1.0
            return
        reached = self._spaces[number][0]
        self._covered[reached] = np.maximum(self._covered[reached], self._columns(number, place[None])[:, 0])

    def _columns(self, number: int, places: Rows) -> Floats:
        _, unit, background = self._spaces[number]
        near = to_similarity(unit @ unit[places].T, background).astype(np.float64)
        near[places, np.arange(len(places))] = 1.0
        return near
