"""The kNN graph that selection stands on: each row's nearest rows by cosine, and how sure that is.

Similarity here is ``(cosine - background) / (1 - background)``, clipped to [0, 1], where ``background`` is the median
cosine of two rows of the data: embeddings of one model often crowd in a narrow cone (cosines of 0.9 and more for
unlike windows), and only what exceeds the background says that one row stands for another. Similarities lie on a grid
of 2^-16, so that sums of them are exact and ties are ties.

Up to :data:`EXACT_ROWS` rows every pair is compared, always in the same way. Above, FAISS searches part of the rows
(:mod:`egoclean.core.approximate`), and the recall reached is part of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.approximate import search
from egoclean.core.rows import Embeddings, Unit, unit_or_zero_rows

EXACT_ROWS = 20_000
"""Most rows whose neighbours are found by comparing every pair."""

GRID = float(2**16)
"""Similarities are multiples of ``1 / GRID``."""

_BACKGROUND_ROWS = 1000
_BLOCK_ROWS = 512
_EDGES_WANTED = 4_000_000
_MOST_EDGES = 50_000_000
_FEWEST, _MOST = 100, 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class NeighbourGraph:
    """``neighbours[i, j]`` is the ``j``-th nearest row to row ``i`` and ``similarities[i, j]`` how near it is.

    Parameters
    ----------
    neighbours : shape (n, k), int32, never the row itself, nearest first; -1 where a row has fewer than k.
    similarities : shape (n, k), float32 in [0, 1] on the grid, as the module says; 0 where there is no neighbour.
    background : median cosine of two rows, what similarity 0 means.
    exact : whether every pair was compared.
    recall : share of the true ten nearest rows that are in the graph, measured on ``recall_queries`` rows; 1 if exact.
    recall_queries : rows that the recall was measured on, 0 if exact.
    cells, probes : cells that the rows were put into and how many were searched for each row; 0 if exact.
    """

    neighbours: NDArray[np.int32]
    similarities: NDArray[np.float32]
    background: float
    exact: bool
    recall: float = 1.0
    recall_queries: int = 0
    cells: int = 0
    probes: int = 0

    @property
    def row_count(self) -> int:
        """Rows of the graph."""
        return len(self.neighbours)

    @property
    def width(self) -> int:
        """Neighbours a row keeps at most."""
        return int(self.neighbours.shape[1])

    def similarity_of(self, cosine: float) -> float:
        """Return the similarity that a cosine stands for, not clipped."""
        return (cosine - self.background) / (1 - self.background)

    def cosine_of(self, similarity: float) -> float:
        """Return the cosine that a similarity stands for."""
        return self.background + similarity * (1 - self.background)


def neighbour_count(row_count: int, wanted: int = 0) -> int:
    """Return how many neighbours a row keeps: ``wanted``, or chosen from the number of rows when that is 0.

    The fewer the rows, the more of them each must be able to stand for: to cover ``n`` rows with ``m`` picks a pick
    must reach ``n / m`` of them, 100 where one row in a hundred is chosen. Up to 20,000 rows keep twice that, 40,000
    rows and more 100. Beyond 50 million edges memory is what costs, and half a million rows or more keep fewer, down
    to 50. Up to 200 rows the graph is complete.
    """
    affordable = min(max(_MOST_EDGES // max(row_count, 1), _FEWEST // 2), _FEWEST)
    chosen = wanted or min(max(_EDGES_WANTED // max(row_count, 1), affordable), _MOST)
    return max(min(chosen, row_count - 1), 0)


def build_graph(
    embeddings: Embeddings,
    wanted: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
    exact_rows: int = EXACT_ROWS,
) -> NeighbourGraph:
    """Return the kNN graph of ``embeddings`` in the order they are given.

    Parameters
    ----------
    embeddings : shape (n, d), any float type, may be memory-mapped; rows need no unit length. A row that is zero or
        not finite is near nothing.
    wanted : neighbours a row keeps; 0 lets :func:`neighbour_count` choose.
    seed : seed of the cells of the approximate search.
    exact_rows : up to so many rows, every pair is compared.
    """
    count = len(embeddings)
    width = neighbour_count(count, wanted)
    background = background_cosine(embeddings)
    if count <= exact_rows:
        neighbours, cosines = _exact(unit_or_zero_rows(embeddings, slice(None)), width, progress)
        return NeighbourGraph(neighbours, to_similarity(cosines, background), background, exact=True)
    found = search(embeddings, width, seed)
    return NeighbourGraph(
        found.neighbours,
        to_similarity(found.cosines, background),
        background,
        exact=False,
        recall=found.recall,
        recall_queries=found.queries,
        cells=found.cells,
        probes=found.probes,
    )


def background_cosine(embeddings: Embeddings) -> float:
    """Return the median cosine of pairs among up to 1,000 evenly spaced rows, at least 0 and below 1.

    With fewer than three rows, or when half of the pairs are the same direction, it is 0: nothing can be told apart.
    """
    rows = np.unique(np.linspace(0, len(embeddings) - 1, min(len(embeddings), _BACKGROUND_ROWS)).astype(np.int64))
    if len(rows) < 3:
        return 0.0
    sample = unit_or_zero_rows(embeddings, rows)
    above = np.triu_indices(len(sample), k=1)
    median = float(np.round(np.median((sample @ sample.T)[above]) * GRID) / GRID)
    return median if 0 < median < 1 - 2 / GRID else 0.0


def to_similarity(cosines: NDArray[np.float32], background: float) -> NDArray[np.float32]:
    """Return the similarity of each cosine: rescaled from the background, clipped to [0, 1], on the grid."""
    scaled = (cosines - np.float32(background)) * np.float32(GRID / (1 - background))
    np.clip(np.rint(scaled, out=scaled), 0, GRID, out=scaled)
    scaled /= np.float32(GRID)
    return scaled


def _exact(unit: Unit, width: int, progress: Progress | None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    count = len(unit)
    neighbours = np.full((count, width), -1, dtype=np.int32)
    cosines = np.full((count, width), -1, dtype=np.float32)
    for start in range(0, count, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, count)
        near = unit[start:stop] @ unit.T
        near[np.arange(stop - start), np.arange(start, stop)] = -2.0
        neighbours[start:stop], cosines[start:stop] = _nearest(near, width)
        if progress is not None:
            progress(stop, count)
    return neighbours, cosines


def _nearest(near: NDArray[np.float32], width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    first = near.shape[1] - width
    order = np.argpartition(near, first, axis=1)[:, first:] if width else np.empty((len(near), 0), dtype=np.int64)
    columns = order.astype(np.int32)
    values = np.take_along_axis(near, columns, axis=1)
    order = np.lexsort((columns, -values), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)
