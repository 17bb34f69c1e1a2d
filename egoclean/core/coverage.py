"""Facility location: what a set of rows stands for, and which row adds most to it.

A row stands for another as far as they are similar. The coverage of a set ``S`` is
``sum_i w_i max_{j in S} s_ij / sum_i w_i`` in [0, 1], with ``s_ii = 1``: it grows with every row, by less and less
(it is monotone and submodular), so taking the best row again and again comes within ``1 - 1/e`` of the best set of
any size (Nemhauser, Wolsey and Fisher, 1978), and a gain computed earlier bounds the gain now (Minoux, 1978).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from egoclean.core.neighbours import NeighbourGraph, to_similarity
from egoclean.core.rows import Unit

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_BLOCK_ROWS = 512
_MOST_LOWERED = 300_000
_NONE: Floats = np.zeros(0)

WEIGHT_GRID = 64.0
"""Weights are multiples of 1/64: times a similarity they fit a float32, and their sums a float64, without rounding."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who stands for whom, looked up both ways; a row always stands for itself with similarity 1.

    Parameters
    ----------
    starts, rows, similarities : row ``j`` stands for ``rows[starts[j]:starts[j + 1]]`` by ``similarities[...]``.
    by : shape (n, k + 1), the rows that stand for each row, itself first; itself again where it has fewer than k.
    by_similarity : shape (n, k + 1), how well; 0 where ``by`` repeats the row.
    """

    starts: Rows
    rows: NDArray[np.int32]
    similarities: NDArray[np.float32]
    by: NDArray[np.int32]
    by_similarity: NDArray[np.float32]

    @property
    def row_count(self) -> int:
        """Rows of the data."""
        return len(self.by)


def reach_of(parts: list[tuple[Rows, NeighbourGraph]], row_count: int) -> Reach:
    """Return who stands for whom: row ``j`` for row ``i`` when ``j`` is among the neighbours of ``i``.

    Parameters
    ----------
    parts : for each embedding space, the rows of the data that its graph is over, in the graph's order, and the graph.
    row_count : rows of the data; a row in no part stands for itself alone.
    """
    width = max((graph.width for _, graph in parts), default=0)
    by = np.repeat(np.arange(row_count, dtype=np.int32)[:, None], width + 1, axis=1)
    by_similarity = np.zeros(by.shape, dtype=np.float32)
    by_similarity[:, 0] = 1.0
    for rows, graph in parts:
        missing = graph.neighbours < 0
        others = rows.astype(np.int32)[graph.neighbours]
        by[rows, 1 : graph.width + 1] = np.where(missing, rows[:, None], others)
        by_similarity[rows, 1 : graph.width + 1] = np.where(missing, 0.0, graph.similarities)
    starts = np.arange(0, by.size + 1, width + 1)
    matrix = csr_array((by_similarity.ravel(), by.ravel(), starts), shape=(row_count, row_count))
    columns = matrix.tocsc()
    kept = columns.data > 0
    kept_before = np.concatenate([[0], np.cumsum(kept)])
    return Reach(
        kept_before[columns.indptr].astype(np.int64),
        columns.indices[kept].astype(np.int32),
        columns.data[kept],
        by,
        by_similarity,
    )


def on_weight_grid(weights: Floats) -> Floats:
    """Return the weights rounded to multiples of 1/64."""
    return np.asarray(np.rint(weights * WEIGHT_GRID) / WEIGHT_GRID, dtype=np.float64)


class Gains(Protocol):
    """What each row would add to the coverage of the rows taken so far, in units of weight."""

    def first(self) -> Floats:
        """Return every row's gain while nothing is taken."""

    def of(self, row: int) -> float:
        """Return a row's gain now."""

    def take(self, row: int) -> None:
        """Add a row to the set."""


class GraphGains:
    """Gains over a kNN graph, exact: sums of grid values do not round.

    Taking a row lowers the gains of the rows around it. Where those are few they are lowered at once; where they are
    many, gains from before are only bounds, and a row's gain is summed up again when it is asked for.
    """

    def __init__(self, reach: Reach, weights: Floats) -> None:
        self._reach = reach
        self._starts = reach.starts.tolist()
        self._rows = reach.rows
        self._weights = weights.astype(np.float32)
        self._worth = reach.similarities * self._weights[reach.rows]
        self._covered = np.zeros(reach.row_count, dtype=np.float32)
        self._gains = np.add.reduceat(self._worth, self._starts[:-1], dtype=np.float64) if self._starts[1:] else _NONE
        self._taken = self._bounds_since = 0
        self._known_at = [0] * reach.row_count

    def first(self) -> Floats:
        """Return every row's gain while nothing is taken."""
        return self._gains.copy()

    def of(self, row: int) -> float:
        """Return a row's gain now."""
        if self._known_at[row] < self._bounds_since:
            start, stop = self._starts[row], self._starts[row + 1]
            added = self._worth[start:stop] - self._covered[self._rows[start:stop]]
            self._gains[row] = np.add.reduce(np.maximum(added, 0.0, out=added), dtype=np.float64)
            self._known_at[row] = self._taken
        return float(self._gains[row])

    def take(self, row: int) -> None:
        """Add a row to the set."""
        start, stop = self._starts[row], self._starts[row + 1]
        reached, worth = self._rows[start:stop], self._worth[start:stop]
        before = self._covered[reached]
        better = np.flatnonzero(worth > before)
        reached, worth, before = reached[better], worth[better], before[better]
        self._covered[reached] = worth
        self._taken += 1
        if len(reached) * self._reach.by.shape[1] > _MOST_LOWERED:
            self._bounds_since = self._taken
            return
        low = before[:, None]
        others = self._reach.by_similarity[reached] * self._weights[reached][:, None]
        lost = np.minimum(np.maximum(others, low, out=others), worth[:, None], out=others)
        lost -= low
        np.subtract.at(self._gains, self._reach.by[reached].ravel(), lost.ravel().astype(np.float64))


class DenseGains:
    """Gains over all pairs of each space, a column of similarities at a time: no matrix of pairs is kept.

    Parameters
    ----------
    spaces : for each embedding space its rows of the data, their unit embeddings and the background cosine.
    """

    def __init__(self, spaces: list[tuple[Rows, Unit, float]], weights: Floats) -> None:
        self._spaces = spaces
        self._weights = weights
        self._covered = np.zeros(len(weights))
        self._gains = np.zeros(len(weights))
        self._taken, self._known_at = 0, [-1] * len(weights)
        self._place = np.full((len(weights), 2), -1, dtype=np.int64)
        for number, (rows, _, _) in enumerate(spaces):
            self._place[rows] = np.stack([np.full(len(rows), number), np.arange(len(rows))], axis=1)

    def first(self) -> Floats:
        """Return every row's gain while nothing is taken."""
        gains = self._weights.copy()
        for rows, unit, background in self._spaces:
            for start in range(0, len(rows), _BLOCK_ROWS):
                block = slice(start, start + _BLOCK_ROWS)
                near = to_similarity(unit @ unit[block].T, background)
                near[np.arange(start, start + near.shape[1]), np.arange(near.shape[1])] = 1.0
                gains[rows[block]] = self._weights[rows] @ near
        return gains

    def of(self, row: int) -> float:
        """Return a row's gain now."""
        if self._known_at[row] < self._taken:
            rows, near = self._column(row)
            self._gains[row] = (np.maximum(near - self._covered[rows], 0.0) * self._weights[rows]).sum()
            self._known_at[row] = self._taken
        return float(self._gains[row])

    def take(self, row: int) -> None:
        """Add a row to the set."""
        rows, near = self._column(row)
        self._covered[rows] = np.maximum(self._covered[rows], near)
        self._taken += 1

    def _column(self, row: int) -> tuple[Rows, Floats]:
        number, place = self._place[row]
        if number < 0:
            return np.array([row]), np.ones(1)
        rows, unit, background = self._spaces[number]
        near = to_similarity(unit @ unit[place], background)
        near[place] = 1.0
        return rows, near.astype(np.float64)


class LazyGreedy:
    """Takes the row of greatest gain again and again, looking only at rows whose last known gain is high enough.

    The result is that of looking at every row each time; of equal gains the first row is taken.

    Parameters
    ----------
    gains : what a row adds.
    part_of : shape (n,), the part each row may be taken from; -1 for rows that may not be taken.
    closed : shape (n,), rows that may no longer be taken; read at every step, the caller writes it.
    """

    def __init__(self, gains: Gains, part_of: Rows, closed: NDArray[np.bool_]) -> None:
        self._gains = gains
        self._closed = closed
        first = gains.first()
        self._heaps: list[list[tuple[float, int]]] = []
        for part in range(int(part_of.max(initial=-1)) + 1):
            rows = np.flatnonzero(part_of == part)
            order = rows[np.argsort(-first[rows], kind="stable")]
            self._heaps.append(list(zip((-first[order]).tolist(), order.tolist(), strict=True)))

    def best(self, parts: list[int]) -> tuple[int, float] | None:
        """Return the row of greatest gain in ``parts`` and that gain, or None when they hold no open row."""
        heaps = [heap for part in parts if (heap := self._heaps[part])]
        while heaps:
            heap = heaps[0] if len(heaps) == 1 else min(heaps)
            bound, row = heap[0]
            if self._closed[row]:
                heapq.heappop(heap)
                if not heap:
                    heaps.remove(heap)
            elif (gain := self._gains.of(row)) == -bound:
                return row, gain
            else:
                heapq.heapreplace(heap, (-gain, row))
        return None

    def take(self, row: int) -> None:
        """Take a row; the caller closes it."""
        self._gains.take(row)
