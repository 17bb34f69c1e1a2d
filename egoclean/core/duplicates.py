"""Near-duplicates: groups of rows of which one is kept and the others refer to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.coverage import Reach

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """``kept_for[i]`` is the row that row ``i`` is a near-duplicate of, -1 for a row that is kept.

    A row is a near-duplicate of a kept row that is itself at least as similar as the threshold: no chains.
    ``similarity[i]`` is how similar the two are, on the graph's scale; 0 for a row that is kept.
    """

    kept_for: Rows
    similarity: NDArray[np.float32]


def find_duplicates(reach: Reach, threshold: NDArray[np.float32], eligible: Flags, priority: Rows) -> Duplicates:
    """Return the near-duplicates that remain when rows are kept by priority.

    The result is that of going through the rows by priority, keeping each that is not similar enough to a row kept
    before; a row left out refers to the most similar row that was kept, the first by priority of equals.

    Parameters
    ----------
    threshold : shape (n,), the similarity from which a pair that holds the row is a near-duplicate.
    eligible : shape (n,); other rows neither are duplicates nor have any.
    priority : shape (n,), a permutation: the row of priority 0 is looked at first.
    """
    count = reach.row_count
    first, second, similarity = _pairs(reach, threshold, eligible)
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
    return _refer(first, second, similarity, kept, priority, count)


def _pairs(reach: Reach, threshold: NDArray[np.float32], eligible: Flags) -> tuple[Rows, Rows, NDArray[np.float32]]:
    near = np.flatnonzero(reach.similarities >= threshold.min(initial=np.inf))  # few pass: only they are looked up
    near = near[reach.similarities[near] >= threshold[reach.rows[near]]]
    first = np.searchsorted(reach.starts, near, side="right") - 1
    second = reach.rows[near].astype(np.int64)
    apart = (first != second) & eligible[first] & eligible[second]
    return first[apart], second[apart], reach.similarities[near[apart]]


def _refer(
    first: Rows, second: Rows, similarity: NDArray[np.float32], kept: Flags, priority: Rows, count: int
) -> Duplicates:
    rows, others = np.concatenate([first, second]), np.concatenate([second, first])
    values = np.concatenate([similarity, similarity])
    refers = kept[others] & ~kept[rows]
    rows, others, values = rows[refers], others[refers], values[refers]
    order = np.lexsort((priority[others], -values, rows))
    rows, others, values = rows[order], others[order], values[order]
    leading = np.flatnonzero(np.diff(rows, prepend=-1))
    kept_for, best = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.float32)
    kept_for[rows[leading]] = others[leading]
    best[rows[leading]] = values[leading]
    return Duplicates(kept_for, best)
