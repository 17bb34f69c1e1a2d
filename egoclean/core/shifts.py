"""Stretches of repeating work that look different as a whole while the work goes on: other light, another camera tilt.

Such a stretch matches the other cycles moment by moment, so its work is recognised in it. What differs is the same at
every phase: the residual of each moment from the same moment of the other cycles keeps one direction for seconds,
while glances, shadows and the head's sway turn it within two or three. Pairs of moments further apart than that tell
the two apart without knowing the noise: their residuals are alike only where something stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from egoclean.core.recognise import Points, median_of_known, points_of, some_blocks
from egoclean.core.similarity import Float32, Float64

APART_S = 2.6
"""Moments at least this far apart are compared: a glance or a passing shadow is over by then."""

SHORTEST_S, LONGEST_S = 4.0, 14.0
"""Shortest and longest stretch looked for."""

LEAST_SEPARATION = 4.2
"""Least distance, in spreads, of a 6 s stretch's lower quartile above the rest's upper quartile along its direction.

A shorter stretch must stand as much clearer as its mean is less certain, ``sqrt(6 s / length)``; past 7 s nothing more
is allowed for, because neighbouring seconds share their disturbance.
"""

AT_END = 1.4
"""How much more is asked of a stretch that starts or stops with its work: it is not seen to come or to go."""

END_S = 1.5
"""A stretch this close to where its work starts or stops starts or stops with it, seconds."""

LEAST_WORK_S = 20.0
"""Seconds of repeating work below which nothing is looked for."""

_LEAST_POINTS = 24
_MOST_BLOCKS = 40
_LEAST_TRIED = 6
_TRY_EVERY_S = 20.0
_AROUND_S = 600.0
_REACH_S = 3.0
_FAST_S = 2.0
_FLOOR = 0.1
_LARGEST = 1.5
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Shift:
    """Points ``[first, stop)`` at another level; ``peak`` is the one furthest off.

    ``separation`` is how clearly they stand apart from the rest, in spreads, and ``least`` how clearly they had to.
    """

    first: int
    stop: int
    separation: float
    least: float
    peak: int


def overlapping_blocks(spans: Sequence[tuple[int, int]], length: int, hop: int) -> Points:
    """Return ``(first, stop)`` of blocks of ``length`` points every ``hop`` points of each span, shape ``(k, 2)``.

    A span shorter than ``length`` is one block; the last block of a span ends with it.
    """
    found = [
        (min(first + offset, max(first, stop - length)), min(first + offset + length, stop))
        for first, stop in spans
        for offset in range(0, max(1, stop - first - length + hop), hop)
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def match_residuals(rows: Float32, values: Float32, works: Sequence[Points], apart: int) -> Float64:
    """Return what each point differs in from the same moment of the other cycles of its work, shape of ``values``.

    The moment of another cycle is the one whose row is most alike; what is taken off is the median over the blocks of
    the work, :func:`overlapping_blocks`, that lie at least ``apart`` points away. NaN for points of no work, and
    where fewer than two blocks are left.
    """
    residuals = np.full(values.shape, np.nan)
    for blocks in works:
        if len(blocks) < 3:
            continue
        inside = np.unique(points_of(blocks))
        for start in range(0, len(inside), _ROWS_AT_ONCE):
            points = inside[start : start + _ROWS_AT_ONCE]
            residuals[points] = values[points] - _usual_moment(
                rows, values, some_blocks(blocks, _MOST_BLOCKS), points, apart
            )
    return residuals


def _usual_moment(rows: Float32, values: Float32, blocks: Points, points: Points, apart: int) -> Float64:
    moments = np.empty((len(blocks), len(points), values.shape[1]), dtype=np.float32)
    references, starts = rows[points_of(blocks)], np.cumsum([0, *(blocks[:, 1] - blocks[:, 0])])
    alike = rows[points] @ references.T
    for number, (first, stop) in enumerate(blocks):
        own = alike[:, starts[number] : starts[number + 1]]
        moments[number] = values[first:stop][np.argmax(own, axis=1)]
        moments[number][(points > first - apart) & (points < stop + apart - 1)] = np.nan
    enough = np.isfinite(moments[:, :, 0]).sum(axis=0) >= 2
    return np.where(enough[:, None], median_of_known(moments), np.nan)


def in_units_of_noise(residuals: Float64, lag: int) -> Float64:
    """Return residuals of known points turned and scaled so that what changes within ``lag`` steps is even noise.

    Shape ``(k, c)``, centred on the median. The noise is half the covariance of differences ``lag`` steps apart, so
    that the directions in which the head turns count little and those which seldom change count much. Rows longer
    than 1.5 times the median length are cut to it, so that no moment counts for many; the mean square length is 1.
    Constant residuals give zeros.
    """
    lag = min(lag, len(residuals) - 1)
    steps = residuals[lag:] - residuals[: len(residuals) - lag]
    variances, directions = np.linalg.eigh(steps.T @ steps / (2 * len(steps)))
    scale = np.sqrt(np.maximum(variances, 0.0) + _FLOOR * max(float(variances.mean()), 1e-18))
    scaled = residuals @ directions / scale
    scaled -= np.median(scaled, axis=0)
    lengths = np.linalg.norm(scaled, axis=1)
    longest = _LARGEST * float(np.median(lengths))
    scaled *= np.minimum(1.0, longest / np.maximum(lengths, 1e-12))[:, None]
    energy = float(np.mean(np.sum(scaled**2, axis=1)))
    return np.asarray(scaled / np.sqrt(energy) if energy > 1e-12 else np.zeros_like(scaled), dtype=np.float64)


def distant_likeness(rows: Float64, apart: int, longest: int) -> Iterator[tuple[int, Float64]]:
    """Yield ``(length, out)``: the mean product of rows at least ``apart`` steps apart within each stretch.

    ``out[i]`` is that of ``[i, i + length)``, for every length from ``apart + 1`` to ``longest``. Each length comes
    from the two before it, so that no stretch is summed twice.
    """
    count = len(rows)
    before, last = np.zeros(count + 1), np.zeros(count + 1)
    for length in range(2, min(longest, count) + 1):
        size = count - length + 1
        now = last[:size] + last[1 : size + 1] - before[1 : size + 1]
        if length > apart:
            now = now + np.einsum("ij,ij->i", rows[:size], rows[length - 1 :])
            pairs = (length - apart) * (length - apart + 1) / 2
            yield length, now / pairs
        before, last = last, now


def find_shifts(residuals: Float64, shown: Points, step_s: float) -> list[Shift]:
    """Return the stretches whose residuals stay off in one direction, in order; none where nothing stands clear.

    ``residuals`` has shape ``(m, c)``, NaN where nothing is known; ``shown`` is the work of each point. Stretches with
    a great product of length and likeness of distant moments are tried; one counts when three quarters of it lie clear
    of three quarters of what is within ten minutes of it, along its own direction, by :data:`LEAST_SEPARATION`. A clip
    with less than :data:`LEAST_WORK_S` of work, a level that changes once and stays, and slow drift have none.
    """
    known = np.flatnonzero(np.isfinite(residuals).all(axis=1))
    if len(known) < _LEAST_POINTS or len(known) * step_s < LEAST_WORK_S:
        return []
    rows = in_units_of_noise(residuals[known], max(1, round(_FAST_S / step_s)))
    breaks = np.flatnonzero((np.diff(known) > 1) | (np.diff(shown[known]) != 0)) + 1
    ends = np.concatenate([[0], breaks, [len(known)]])
    found: list[Shift] = []
    for span in _most_alike(rows, step_s):
        shift = _judged(rows, span, ends, step_s)
        if shift is None or known[shift.stop - 1] - known[shift.first] != shift.stop - 1 - shift.first:
            continue  # an interruption inside it is not work that goes on
        if all(shift.stop <= item.first or shift.first >= item.stop for item in found):
            found.append(shift)
    return [
        replace(item, first=int(known[item.first]), stop=int(known[item.stop - 1]) + 1, peak=int(known[item.peak]))
        for item in sorted(found, key=lambda item: item.first)
    ]


def _most_alike(rows: Float64, step_s: float) -> list[tuple[int, int]]:
    """Return the stretches with the greatest product of length and likeness that do not overlap, greatest first."""
    shortest, longest = max(2, round(SHORTEST_S / step_s)), min(round(LONGEST_S / step_s), len(rows) // 2)
    lengths, scores = [], []
    for length, likeness in distant_likeness(rows, max(1, round(APART_S / step_s)), longest):
        if length >= shortest:
            lengths.append(length)
            scores.append(np.pad(likeness * length, (0, length - 1), constant_values=-np.inf))
    table = np.array(scores).reshape(len(lengths), -1)
    found: list[tuple[int, int]] = []
    for _ in range(_LEAST_TRIED + len(rows) // round(_TRY_EVERY_S / step_s) if lengths else 0):
        row, first = np.unravel_index(int(np.argmax(table)), table.shape)
        if table[row, first] <= 0:
            break
        span = (int(first), int(first) + lengths[row])
        found.append(span)
        for index, length in enumerate(lengths):
            table[index, max(0, span[0] - length + 1) : span[1]] = -np.inf
    return found


def _judged(clip: Float64, found: tuple[int, int], clip_ends: Points, step_s: float) -> Shift | None:
    origin = max(0, found[0] - round(_AROUND_S / step_s))
    rows, ends = clip[origin : found[1] + round(_AROUND_S / step_s)], clip_ends - origin
    span = found[0] - origin, found[1] - origin
    direction = rows[span[0] : span[1]].mean(axis=0)
    along = rows @ (direction / max(float(np.linalg.norm(direction)), 1e-12))
    first, stop = _fitted(along, span, max(1, round(_REACH_S / step_s)))
    if (stop - first) * step_s < SHORTEST_S / 2 or 2 * (stop - first) > len(rows):
        return None
    outside = np.concatenate([along[:first], along[stop:]])
    spread = 1.4826 * float(np.median(np.abs(outside - np.median(outside))))
    clear = float(np.percentile(along[first:stop], 25) - np.percentile(outside, 75)) / max(spread, 1e-9)
    least = LEAST_SEPARATION * float(np.sqrt(6.0 / min((stop - first) * step_s, 7.0)))
    if min(np.abs(ends - first).min(), np.abs(ends - stop).min()) * step_s < END_S:
        least *= AT_END
    if clear < least:
        return None
    return Shift(origin + first, origin + stop, clear, least, origin + first + int(np.argmax(along[first:stop])))


def _fitted(along: Float64, span: tuple[int, int], reach: int) -> tuple[int, int]:
    """Return the span with each end moved, by at most ``reach``, to where the two levels part best."""
    inside = np.zeros(len(along), dtype=np.bool_)
    inside[span[0] : span[1]] = True
    between = (float(np.median(along[inside])) + float(np.median(along[~inside]))) / 2
    middle = (span[0] + span[1]) // 2
    low, high = max(0, span[0] - reach), min(middle, span[0] + reach)
    first = low + int(np.argmin(np.concatenate([[0.0], np.cumsum(along[low:high] - between)])))
    low, high = max(middle, span[1] - reach), min(len(along), span[1] + reach)
    stop = low + int(np.argmax(np.concatenate([[0.0], np.cumsum(along[low:high] - between)])))
    return first, stop
