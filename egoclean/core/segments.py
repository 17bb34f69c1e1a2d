"""Where a clip changes what it does, and what each stretch is: repetitive, one-off or idle.

A work cycle changes all the time, so its phases must not count as change. Each moment is therefore described by how
well it matches the best moment of each block of the clip that is a cycle long: that profile is the same at every
phase of the same work, and differs as soon as the work does. Its change points are the boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from egoclean.core.period import Period, cut, estimate_period
from egoclean.core.similarity import Float64
from egoclean.core.stream import Stream

REPETITIVE, ONE_OFF, IDLE = "repetitive", "one-off", "idle"

_MOST_BLOCKS = 256
_MATCH_S = 0.8
_PENALTY = 3.0
_IDLE_MOTION = 0.35


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch between two boundaries, ``[start_s, stop_s)``, and the evidence for its label.

    ``recurrence`` is the share of the clip outside this stretch in which its moments are found again, in [0, 1];
    ``motion`` its mean change over half a second relative to the clip's median (1 is as usual);
    ``period_s`` and ``confidence`` are its own period, when it has one.
    """

    start_s: float
    stop_s: float
    label: str
    recurrence: float
    motion: float
    period_s: float | None
    confidence: float


def novelty_curve(stream: Stream, half_width_s: float) -> Float64:
    """Return the checkerboard novelty of each point: ``|mean after - mean before|^2 / 4``, shape ``(m,)``, in [0, 1].

    This equals the mean of a box checkerboard kernel of ``half_width_s`` on the self-similarity matrix (Foote, 2000)
    without making it: zero for constant input, mirrored by time reversal. With a half width of one period the phases
    of a cycle cancel. Point ``i`` compares ``[i - w, i)`` with ``[i, i + w)``, both shortened alike at the clip's ends.
    """
    count = len(stream.values)
    width = stream.steps(half_width_s)
    sums = np.concatenate([np.zeros((1, stream.values.shape[1])), np.cumsum(stream.values, axis=0, dtype=np.float64)])
    points = np.arange(count)
    reach = np.minimum(np.minimum(points, count - points), width)
    inner = reach > 0
    curve = np.zeros(count)
    at, wide = points[inner], reach[inner]
    after = sums[at + wide] - sums[at]
    before = sums[at] - sums[at - wide]
    curve[inner] = (((after - before) / wide[:, None]) ** 2).sum(axis=1) / 4 * (wide / width)
    return curve


def match_profile(stream: Stream, block_s: float, match_s: float = _MATCH_S) -> tuple[Float64, NDArray[np.int64]]:
    """Return ``(profile, block_edges)``: how well each point matches the best point of each block of ``block_s``.

    ``profile[i, b]`` is the greatest mean similarity, over ``match_s`` around both points, of point ``i`` with any
    point of block ``b``; shape ``(m, blocks)``. At most 256 blocks, evenly spread, so that long clips stay cheap.
    """
    count = len(stream.values)
    embedded = _delay_rows(stream.values, stream.steps(match_s))
    length = min(count, stream.steps(block_s))
    firsts = np.linspace(0, count - length, min(_MOST_BLOCKS, max(1, round(count / length)))).astype(np.int64)
    profile = np.empty((count, len(firsts)))
    for column, first in enumerate(firsts):
        profile[:, column] = (embedded @ embedded[first : first + length].T).max(axis=1)
    return profile, np.stack([firsts, firsts + length], axis=1)


def _delay_rows(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    padded = np.pad(values, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    joined = np.concatenate([padded[start : start + len(values)] for start in range(width)], axis=1)
    return np.asarray(joined / np.sqrt(width), dtype=np.float32)


def change_points(profile: Float64, least_points: int, correlation_points: float) -> NDArray[np.int64]:
    """Return the first point of each segment and the number of points: least squares with a penalty per segment.

    Kernel change point detection (ruptures' KernelCPD, linear kernel) on the profile's principal directions. The
    penalty grows with the profile's noise, the logarithm of its length and the points over which noise is correlated.
    """
    import ruptures

    count = len(profile)
    centred = profile - profile.mean(axis=0)
    if count < 2 * least_points or float(np.abs(centred).max()) < 1e-6:
        return np.array([0, count], dtype=np.int64)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :8]
    reduced = centred @ vectors
    step = max(1, round(correlation_points))
    noise = np.median(np.abs(reduced[step:] - reduced[:-step]), axis=0) / 0.954
    penalty = _PENALTY * float((noise**2).sum()) * np.log(count) * max(1.0, correlation_points)
    detector = ruptures.KernelCPD(kernel="linear", min_size=least_points).fit(reduced)
    return np.array([0, *detector.predict(pen=max(penalty, 1e-9))], dtype=np.int64)


def label_segments(
    stream: Stream, edges: NDArray[np.int64], profile: Float64, blocks: NDArray[np.int64], motion: Float64
) -> tuple[Segment, ...]:
    """Return the segments between ``edges`` with label and evidence; see :class:`Segment`."""
    usual_motion = float(np.median(motion))
    level = recurrence_level(profile, blocks)
    found = []
    for first, stop in pairwise(edges):
        outside = (blocks[:, 1] <= first) | (blocks[:, 0] >= stop)
        own = estimate_period(cut(stream, int(first), int(stop)))
        again = float((profile[first:stop][:, outside] >= level).mean()) if outside.any() else 0.0
        moves = float(motion[first:stop].mean() / usual_motion) if usual_motion > 1e-9 else 0.0
        label = _label(own, again, moves)
        start_s = stream.start_s + (first - 0.5) * stream.step_s
        stop_s = stream.start_s + (stop - 0.5) * stream.step_s
        found.append(Segment(float(start_s), float(stop_s), label, again, moves, own.period_s, own.confidence))
    return tuple(found)


def _label(period: Period, recurrence: float, motion: float) -> str:
    if motion < _IDLE_MOTION:
        return IDLE
    if period.period_s is not None or recurrence >= 0.5:
        return REPETITIVE
    return ONE_OFF


def recurrence_level(profile: Float64, blocks: NDArray[np.int64]) -> float:
    """Return the similarity above which a moment counts as found again: midway from usual to no match."""
    inside = np.zeros(profile.shape, dtype=bool)
    for column, (first, stop) in enumerate(blocks):
        inside[first:stop, column] = True
    others = profile[~inside]
    if len(others) == 0:
        return 1.0
    high, low = np.quantile(others, 0.9), np.quantile(others, 0.02)
    return float((high + low) / 2)


def motion_of(stream: Stream, over_s: float = 0.5) -> Float64:
    """Return one minus the similarity of the points half of ``over_s`` before and after each point, shape ``(m,)``."""
    half = max(1, round(over_s / 2 / stream.step_s))
    points = np.arange(len(stream.values))
    before, after = np.maximum(points - half, 0), np.minimum(points + half, len(points) - 1)
    alike = np.einsum("ij,ij->i", stream.values[before], stream.values[after], dtype=np.float64)
    return np.asarray(1.0 - alike, dtype=np.float64)
