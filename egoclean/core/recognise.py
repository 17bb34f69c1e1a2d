"""Recognise repeating work moment by moment, so that boundaries and interruptions are sharp.

Change points say roughly which stretches are which work. Here each moment is compared with all other moments of each
repeating work, and the most likely sequence of works is found (Viterbi, 1967); a moment that no work explains belongs
to none. A short look away from the work does not end it: a running median takes it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from egoclean.core.similarity import Float32, Float64

Points = NDArray[np.int64]

NO_WORK = -1

SPREADS, LEAST_DROP, MOST_DROP = 5.0, 0.2, 0.3
"""A match is below usual when it drops by this many spreads, and by at least and at most these shares."""

ONE_PERIOD = 1.04
"""Greatest ratio of two periods that are the same."""

_MOST_BLOCKS, _MOST_ASKED = 32, 400
_ROWS_AT_ONCE = 2048


def cycle_blocks(spans: list[tuple[int, int]], block_points: int) -> Points:
    """Return ``(first, stop)`` of equal blocks that fill each span, shape ``(k, 2)``; a short span is one block."""
    found: list[tuple[int, int]] = []
    for first, stop in spans:
        edges = np.linspace(first, stop, max(1, (stop - first) // block_points) + 1).astype(np.int64)
        found.extend(pairwise(edges.tolist()))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def points_of(blocks: Points) -> Points:
    """Return the points that the blocks hold, in the blocks' order."""
    return np.concatenate([np.arange(first, stop) for first, stop in blocks])


def some_blocks(blocks: Points, most: int = _MOST_BLOCKS) -> Points:
    """Return at most ``most`` of the blocks, evenly spread, so that long clips stay cheap."""
    chosen = np.linspace(0, len(blocks) - 1, min(len(blocks), most)).astype(np.int64)
    return np.asarray(blocks[np.unique(chosen)], dtype=np.int64)


def match_of_work(rows: Float32, blocks: Points, points: Points | None = None) -> Float64:
    """Return in the median block how well each row is matched by the block's best row, shape ``(m,)``.

    A row's own block does not count. What happens once is matched in few blocks, work in most; at most 32 of the
    blocks, evenly spread, are compared. A single block cannot say what recurs: all -1. ``points`` asks for some rows
    only, shape ``(len(points),)``.
    """
    asked = np.arange(len(rows)) if points is None else points
    chosen = some_blocks(blocks)
    if len(chosen) < 2:
        return np.full(len(asked), -1.0)
    references, starts = rows[points_of(chosen)], np.cumsum([0, *(chosen[:-1, 1] - chosen[:-1, 0])])
    match = np.empty(len(asked))
    for first in range(0, len(asked), _ROWS_AT_ONCE):
        part = asked[first : first + _ROWS_AT_ONCE]
        best = np.maximum.reduceat(rows[part] @ references.T, starts, axis=1)
        best[(part[:, None] >= chosen[:, 0]) & (part[:, None] < chosen[:, 1])] = np.nan
        match[first : first + len(part)] = median_of_known(best.T)
    return match


def median_of_known(values: Float32) -> Float64:
    """Return the median over the first axis of the values that are not NaN; NaN where none is.

    Sorting puts NaN last, which is several times as fast as :func:`numpy.nanmedian`.
    """
    ordered = np.sort(values, axis=0)
    counts = np.isfinite(ordered).sum(axis=0)[None]
    lower = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=0)[0]
    upper = np.take_along_axis(ordered, np.minimum(counts // 2, len(ordered) - 1), axis=0)[0]
    return np.asarray((lower.astype(np.float64) + upper) / 2, dtype=np.float64)


def most_likely_states(gains: Float64, switch_cost: float) -> Points:
    """Return the sequence of columns with the greatest sum of ``gains[i, state]`` less ``switch_cost`` a change.

    Shape ``(m,)``. Ties keep the state, then prefer the lower column.
    """
    count, states = gains.shape
    came_from = np.empty((count, states), dtype=np.int64)
    total = gains[0].copy()
    stay = np.arange(states)
    for point in range(1, count):
        best = int(np.argmax(total))
        moved = total[best] - switch_cost > total
        came_from[point] = np.where(moved, best, stay)
        total = np.where(moved, total[best] - switch_cost, total) + gains[point]
    path = np.empty(count, dtype=np.int64)
    path[-1] = int(np.argmax(total))
    for point in range(count - 1, 0, -1):
        path[point - 1] = came_from[point, path[point]]
    return path


def join_alike(
    rows: Float32,
    centred: Float32,
    works: list[Points],
    periods_s: Sequence[float],
    *,
    share: float,
    share_at_one_period: float,
) -> list[list[int]]:
    """Return which works are the same: lists of their indices, in order of the first.

    Works are joined, one pair at a time, that match each other's moments at least ``share`` as well as their own, or
    ``share_at_one_period`` in either kind of rows where their periods agree within 4 %: two works seldom do, and a
    change of light does not change the period. ``centred`` are the rows without the mean of each work.
    """
    groups = [[index] for index in range(len(works))]
    plain_of, centred_of = _Matches(rows, works), _Matches(centred, works)
    while len(groups) > 1:
        plain, without_level = plain_of.mutual(groups), centred_of.mutual(groups)
        pairs = [
            (a, b)
            for b in range(len(groups))
            for a in range(b)
            if plain[a, b] >= share
            or (
                _one_period(periods_s, groups[a] + groups[b])
                and max(plain[a, b], without_level[a, b]) >= share_at_one_period
            )
        ]
        if not pairs:
            break
        keep, drop = pairs[0]
        groups[keep] += groups.pop(drop)
    return groups


class _Matches:
    """How well groups of works match each other's moments; each group is compared with the clip once."""

    def __init__(self, rows: Float32, works: list[Points]) -> None:
        self._rows, self._works = rows, works
        self._asked = [_spread(points_of(blocks)) for blocks in works]
        self._known: dict[tuple[int, ...], list[Float64]] = {}

    def mutual(self, groups: list[list[int]]) -> Float64:
        """Return the lesser of the median match of group ``a`` in ``b`` and of ``b`` in ``a``, as shares of usual."""
        levels = np.array([[self._level(group, other) for other in groups] for group in groups])
        levels /= np.maximum(np.diag(levels), 1e-6)[:, None]
        return np.asarray(np.minimum(levels, levels.T), dtype=np.float64)

    def _level(self, group: list[int], other: list[int]) -> float:
        key = tuple(group)
        if key not in self._known:
            match = match_of_work(self._rows, _joined(self._works, group), np.concatenate(self._asked))
            self._known[key] = np.split(match, np.cumsum([len(asked) for asked in self._asked])[:-1])
        return float(np.median(np.concatenate([self._known[key][index] for index in other])))


def _spread(points: Points) -> Points:
    chosen = np.linspace(0, len(points) - 1, min(len(points), _MOST_ASKED)).astype(np.int64)
    return np.asarray(points[chosen], dtype=np.int64)


def _one_period(periods_s: Sequence[float], group: list[int]) -> bool:
    found = [periods_s[index] for index in group]
    return max(found) <= ONE_PERIOD * min(found)


def _joined(works: list[Points], group: list[int]) -> Points:
    blocks = np.concatenate([works[index] for index in group])
    return np.asarray(blocks[np.argsort(blocks[:, 0])], dtype=np.int64)


def recognise(
    rows: Float32, works: list[Points], *, glance_points: int, least_points: int, switch_cost: float
) -> Points:
    """Return the index of the work each row shows, or :data:`NO_WORK`, shape ``(m,)``.

    ``works`` are the blocks of each repeating work so far. A row shows a work when the running median of its match,
    over ``glance_points``, is not below what is usual within that work by more than its spread explains.
    ``switch_cost`` is in shares of the usual match times points. A stretch of no work shorter than ``least_points``
    is given to the works beside it.
    """
    if not works:
        return np.full(len(rows), NO_WORK, dtype=np.int64)
    steady = np.stack([_steady_match(rows, blocks, glance_points) for blocks in works], axis=1)
    gains = np.concatenate([steady, np.zeros((len(rows), 1))], axis=1)
    states = most_likely_states(gains, switch_cost)
    shown = np.where(states == len(works), NO_WORK, states)
    return _without_short_gaps(shown, steady, least_points)


def sharpen(
    rows: Float32, shown: Points, works: list[Points], *, reach_points: int, apart_points: int, least_points: int
) -> Points:
    """Return ``shown`` with each end of an interruption moved, by at most ``reach_points``, to where it fits best.

    A moment fits the work by its match with the work's blocks, and the interruption by its best match inside the
    interruption at least ``apart_points`` away; both without the running median. The end goes where the sum of the
    better sides is greatest. What is left of an interruption between two works when it is shorter than
    ``least_points`` was a change from one to the other: it is halved between them.
    """
    sharp = shown.copy()
    edges = [0, *(np.flatnonzero(np.diff(shown)) + 1).tolist(), len(shown)]
    spans = list(pairwise(edges))
    for before, after in pairwise(spans):
        left, right = shown[before[0]], shown[after[0]]
        if (left == NO_WORK) == (right == NO_WORK):
            continue
        work, odd = (works[right], before) if left == NO_WORK else (works[left], after)
        reach = min(reach_points, (before[1] - before[0]) // 2, (after[1] - after[0]) // 2)
        around = np.arange(after[0] - reach, after[0] + reach)
        lead = _match_at(rows, work, around) - _odd_match(rows, odd, around, apart_points)
        ahead = np.concatenate([[0.0], np.cumsum(lead if right == NO_WORK else -lead)])
        cut = after[0] - reach + int(np.argmax(ahead))
        sharp[after[0] - reach : cut], sharp[cut : after[0] + reach] = left, right
    for first, stop in _short_gaps(sharp, least_points):
        middle = (first + stop) // 2
        sharp[first:middle], sharp[middle:stop] = sharp[first - 1], sharp[stop]
    return sharp


def _match_at(rows: Float32, blocks: Points, points: Points) -> Float64:
    chosen = some_blocks(blocks)
    far = [(a, b) for a, b in chosen if b <= points[0] or a > points[-1]] or [(int(a), int(b)) for a, b in chosen]
    best = np.stack([(rows[points] @ rows[a:b].T).max(axis=1) for a, b in far], axis=1)
    return np.asarray(np.median(best, axis=1), dtype=np.float64)


def _odd_match(rows: Float32, odd: tuple[int, int], points: Points, apart_points: int) -> Float64:
    alike = rows[points] @ rows[odd[0] : odd[1]].T
    near = np.abs(points[:, None] - np.arange(*odd)[None, :]) < apart_points
    alike[near] = -1.0
    return np.asarray(alike.max(axis=1), dtype=np.float64)


def _steady_match(rows: Float32, blocks: Points, glance_points: int) -> Float64:
    steady = median_filter(_relative_match(rows, blocks), size=glance_points | 1, mode="nearest")
    inside = steady[points_of(blocks)]
    usual = float(np.median(inside))
    spread = 1.4826 * float(np.median(np.abs(inside - usual)))
    accept = usual - float(np.clip(SPREADS * spread, LEAST_DROP, MOST_DROP))
    return np.asarray(steady - accept, dtype=np.float64)


def _relative_match(rows: Float32, blocks: Points) -> Float64:
    match = match_of_work(rows, blocks)
    return np.minimum(match / max(float(np.median(match[points_of(blocks)])), 1e-6), 1.2)


def _without_short_gaps(shown: Points, steady: Float64, least_points: int) -> Points:
    filled = shown.copy()
    for first, stop in _short_gaps(shown, least_points):
        before, after = shown[first - 1], shown[stop]
        lead = np.concatenate([[0.0], np.cumsum(steady[first:stop, before] - steady[first:stop, after])])
        cut = first + int(np.argmax(lead))
        filled[first:cut], filled[cut:stop] = before, after
    return filled


def _short_gaps(shown: Points, least_points: int) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(shown)) + 1).tolist(), len(shown)]
    return [
        (first, stop)
        for first, stop in pairwise(edges)
        if shown[first] == NO_WORK and stop - first < least_points and first > 0 and stop < len(shown)
    ]
