"""Near-duplicates: groups of rows of which one is kept and the others refer to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.coverage import Reach

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


LEAST_DUPLICATE_SIMILARITY = 0.9
"""Near-duplicates must also be this similar on the graph's scale, so that crowded embeddings are not all duplicates."""


@dataclass(frozen=True, slots=True)
class ClosePairs:
    """Pairs of different rows at least ``LEAST_DUPLICATE_SIMILARITY`` similar: all that may be near-duplicates.

    Parameters
    ----------
    first, second : shape (m,), rows of the data.
    similarity : shape (m,), on the graph's scale.
    """

    first: Rows
    second: Rows
    similarity: NDArray[np.float32]

    @classmethod
    def of(cls, reach: Reach) -> ClosePairs:
        """Return the close pairs of a graph."""
        near = np.flatnonzero(reach.similarities >= LEAST_DUPLICATE_SIMILARITY)
        first = np.searchsorted(reach.starts, near, side="right") - 1
        second = reach.rows[near].astype(np.int64)
        apart = first != second
        return cls(first[apart], second[apart], reach.similarities[near[apart]])

    def only(self, wanted: Flags) -> ClosePairs:
        """Return some of the pairs; ``wanted`` has shape (m,)."""
        return ClosePairs(self.first[wanted], self.second[wanted], self.similarity[wanted])


@dataclass(frozen=True, slots=True)
class Duplicates:
    """``kept_for[i]`` is the row that row ``i`` is a near-duplicate of, -1 for a row that is kept.

    A row is a near-duplicate of a kept row that is itself at least as similar as the threshold: no chains.
    ``similarity[i]`` is how similar the two are, on the graph's scale; 0 for a row that is kept.
    """

    kept_for: Rows
    similarity: NDArray[np.float32]


def find_duplicates(pairs: ClosePairs, threshold: NDArray[np.float32], eligible: Flags, priority: Rows) -> Duplicates:
    """Return the near-duplicates that remain when rows are kept by priority.

    The result is that of going through the rows by priority, keeping each that is not similar enough to a row kept
    before; a row left out refers to the most similar row that was kept, the first by priority of equals.

    Parameters
    ----------
    threshold : shape (n,), the similarity from which a pair that holds the row is a near-duplicate; both rows of a pair
        are of one space and have the same.
    eligible : shape (n,); other rows neither are duplicates nor have any.
    priority : shape (n,), a permutation: the row of priority 0 is looked at first.
    """
    count = len(priority)
    pairs = pairs.only((pairs.similarity >= threshold[pairs.second]) & eligible[pairs.first] & eligible[pairs.second])
    first, second = pairs.first, pairs.second
    waiting, kept = np.zeros(count, dtype=np.bool_), eligible.copy()
    waiting[first] = True
    waiting[second] = True
    kept[waiting] = False
    open_pairs = np.arange(len(first))
    while len(open_pairs):
        low, high = first[open_pairs], second[open_pairs]
        best = np.full(count, count, dtype=np.int64)
        np.minimum.at(best, low, priority[high])
        np.minimum.at(best, high, priority[low])
        won = waiting & (priority < best)
        kept |= won
        waiting &= ~won
        beaten = np.concatenate([high[won[low]], low[won[high]]])
        waiting[beaten] = False
        # A waiting row whose rivals are all decided against it is free again: no open pair, nothing before it.
        open_pairs = open_pairs[waiting[low] & waiting[high]]
        free = waiting.copy()
        free[first[open_pairs]] = False
        free[second[open_pairs]] = False
        kept |= free
        waiting &= ~free
    return _refer(pairs, kept, priority)


def _refer(pairs: ClosePairs, kept: Flags, priority: Rows) -> Duplicates:
    rows, others = np.concatenate([pairs.first, pairs.second]), np.concatenate([pairs.second, pairs.first])
    values = np.concatenate([pairs.similarity, pairs.similarity])
    refers = kept[others] & ~kept[rows]
    rows, others, values = rows[refers], others[refers], values[refers]
    order = np.lexsort((priority[others], -values, rows))
    rows, others, values = rows[order], others[order], values[order]
    leading = np.flatnonzero(np.diff(rows, prepend=-1))
    kept_for, best = np.full(len(kept), -1, dtype=np.int64), np.zeros(len(kept), dtype=np.float32)
    kept_for[rows[leading]] = others[leading]
    best[rows[leading]] = values[leading]
    return Duplicates(kept_for, best)
