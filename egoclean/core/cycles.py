"""Cycle-aware thinning: of a worker's many alike work cycles a few typical ones, every anomaly, a share of idle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from egoclean.core.coverage import DenseGains
from egoclean.core.greedy import LazyGreedy
from egoclean.core.pickers import uniform_order
from egoclean.core.rows import Unit

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


def cycle_repeats(unit: Unit, clips: NDArray[np.generic], cycles: Rows, groups: Rows, typical: int) -> Flags:
    """Return which rows belong to a work cycle beyond the ``typical`` most typical ones of their group.

    A cycle is described by the mean of its rows. The typical cycles of a group are those that stand best for all of
    its cycles (facility location), so that they differ where the work differs. A group with at most ``typical``
    cycles loses none.

    Parameters
    ----------
    unit : shape (n, d), unit embeddings.
    clips : shape (n,), a label; cycles of different clips are different cycles.
    cycles : shape (n,), number of the cycle in its clip, -1 for a row outside cycles.
    groups : shape (n,), number of the group.
    """
    clip_numbers = np.unique(clips, return_inverse=True)[1]
    result = np.zeros(len(unit), dtype=np.bool_)
    for group in np.unique(groups):
        rows = np.flatnonzero((groups == group) & (cycles >= 0))
        pairs = np.stack([clip_numbers[rows], cycles[rows]], axis=1)
        names, member = np.unique(pairs, axis=0, return_inverse=True)
        if len(names) > typical:
            kept = _typical(_means(unit[rows], member.reshape(-1), len(names)), typical)
            result[rows] = ~np.isin(member.reshape(-1), kept)
    return result


def idle_beyond(
    clips: NDArray[np.generic], times_s: NDArray[np.float64], idle: Flags, groups: Rows, share: float
) -> Flags:
    """Return which idle rows exceed ``share`` of their group's idle rows; those kept are spread evenly in time.

    The number kept is rounded up, so that a share above zero keeps at least one.
    """
    result = np.zeros(len(idle), dtype=np.bool_)
    for group in np.unique(groups[idle]):
        rows = np.flatnonzero(idle & (groups == group))
        kept = math.ceil(round(share * len(rows), 9))
        result[rows[uniform_order(clips[rows], times_s[rows])[kept:]]] = True
    return result


def _means(unit: Unit, member: Rows, count: int) -> Unit:
    sums = np.zeros((count, unit.shape[1]), dtype=np.float32)
    np.add.at(sums, member, unit)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0), dtype=np.float32)


def _typical(means: Unit, count: int) -> list[int]:
    rows = np.arange(len(means))
    closed = np.zeros(len(means), dtype=np.bool_)
    greedy = LazyGreedy(DenseGains([(rows, means, 0.0)], np.ones(len(means))), np.zeros_like(rows), closed)
    chosen: list[int] = []
    while len(chosen) < count and (found := greedy.best([0])) is not None:
        greedy.take(found[0])
        closed[found[0]] = True
        chosen.append(found[0])
    return chosen
