"""Where a clip changes what it does: novelty, match profile, change points.

A work cycle changes all the time, so its phases must not count as change. Each moment is therefore described by how
well it matches the best moment of each block of the clip that is a cycle long: that profile is the same at every
phase of the same work, and differs as soon as the work does. Its change points are the boundaries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from egoclean.core.similarity import Float32, Float64
from egoclean.core.stream import Stream

MATCH_S = 1.4
"""Seconds around two moments that must be alike for the moments to match."""

GLANCE_S = 3.0
"""Seconds of the running median on the profile: half of it is as long as a glance away from the work may last."""

PENALTIES = (4.0, 8.0, 14.0)
"""Costs of a boundary, in units of the noise, that are tried: the segmentation in which most time repeats is kept."""

STRICT_PENALTY = 20.0
"""Cost of a boundary where nothing repeats, so that nothing tells work from drift."""

_MOST_BLOCKS = 64
_PROFILE_DIRECTIONS = 8


def novelty_curve(stream: Stream, half_width_s: float) -> Float64:
    """Return the checkerboard novelty of each point: ``|mean after - mean before|^2 / 4``, shape ``(m,)``, in [0, 1].

    This equals the mean of a box checkerboard kernel of ``half_width_s`` on the self-similarity matrix (Foote, 2000)
    without making it: zero for constant input, mirrored by time reversal. With a half width of one period the phases
    of a cycle cancel. Value ``i`` stands between points ``i - 1`` and ``i`` and compares ``[i - w, i)`` with
    ``[i, i + w)``; within ``w`` of the clip's ends both sides are shortened alike and the value is scaled down.
    """
    count, width = len(stream.values), stream.steps(half_width_s)
    sums = np.concatenate([np.zeros((1, stream.values.shape[1])), np.cumsum(stream.values, axis=0, dtype=np.float64)])
    points = np.arange(count)
    reach = np.minimum(np.minimum(points, count - points), width)
    at, wide = points[reach > 0], reach[reach > 0]
    after, before = sums[at + wide] - sums[at], sums[at] - sums[at - wide]
    curve = np.zeros(count)
    curve[reach > 0] = (((after - before) / wide[:, None]) ** 2).sum(axis=1) / 4 * (wide / width)
    return curve


def delay_rows(stream: Stream, over_s: float = MATCH_S) -> Float32:
    """Return each point joined with its neighbours over ``over_s``, so that a dot product compares short stretches.

    ``out[i] @ out[j]`` is the mean similarity of points ``i + k`` and ``j + k`` over the stretch; at the clip's ends
    the last point is repeated. Shape ``(m, c * steps)``.
    """
    width = stream.steps(over_s)
    padded = np.pad(stream.values, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    joined = np.concatenate([padded[start : start + len(stream.values)] for start in range(width)], axis=1)
    return np.asarray(joined / np.sqrt(width), dtype=np.float32)


def match_profile(rows: Float32, block_points: int) -> Float64:
    """Return ``out[i, b]``, the greatest similarity of row ``i`` with any row of block ``b``, shape ``(m, blocks)``.

    Blocks are ``block_points`` long and evenly spread, at most 64, so that long clips stay cheap.
    """
    count = len(rows)
    length = min(count, block_points)
    firsts = np.linspace(0, count - length, min(_MOST_BLOCKS, max(1, round(count / length)))).astype(np.int64)
    profile = np.empty((count, len(firsts)))
    for column, first in enumerate(firsts):
        profile[:, column] = (rows @ rows[first : first + length].T).max(axis=1)
    return profile


def change_points(
    profile: Float64,
    least_points: int,
    correlation_points: float,
    glance_points: int,
    penalty: float = PENALTIES[0],
) -> NDArray[np.int64]:
    """Return the first point of each segment and, last, the number of points; see :func:`change_points_of_each`."""
    return change_points_of_each(profile, least_points, correlation_points, glance_points, (penalty,))[0]


def change_points_of_each(
    profile: Float64,
    least_points: int,
    correlation_points: float,
    glance_points: int,
    penalties: Sequence[float],
) -> list[NDArray[np.int64]]:
    """Return for each penalty the first point of each segment and, last, the number of points: least squares.

    Kernel change point detection (ruptures' KernelCPD, linear kernel) on the profile's principal directions. A
    boundary costs the penalty times the profile's noise, the logarithm of its length and the points over which noise
    is correlated.
    """
    import ruptures

    count = len(profile)
    centred = profile - profile.mean(axis=0)
    if count < 2 * least_points or float(np.abs(centred).max()) < 1e-6:
        return [np.array([0, count], dtype=np.int64) for _ in penalties]
    steady = median_filter(centred, size=(glance_points | 1, 1), mode="nearest")
    vectors = np.linalg.eigh(steady.T @ steady)[1][:, ::-1][:, :_PROFILE_DIRECTIONS]
    step = max(1, round(correlation_points))
    raw, reduced = centred @ vectors, steady @ vectors
    noise = np.median(np.abs(raw[step:] - raw[:-step]), axis=0) / 0.954
    cost = float((noise**2).sum()) * np.log(count) * max(1.0, correlation_points)
    detector = ruptures.KernelCPD(kernel="linear", min_size=least_points).fit(reduced)
    return [np.array([0, *detector.predict(pen=max(penalty * cost, 1e-9))], dtype=np.int64) for penalty in penalties]
