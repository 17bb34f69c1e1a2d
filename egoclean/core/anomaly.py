"""Windows unlike the rest of their clip: the published detector, and the test whether there is anything to find.

The published method: one minus the row mean of the token-level similarity, an exponential moving average of weight
0.15, Otsu's threshold, hysteresis with a debounce of 3 windows, spans of at least 3 s. Otsu's method splits any
signal in two, so a clip with nothing wrong gets anomalies too; :func:`separation` says whether the two halves are two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egoclean.core.similarity import Float64

LEAST_SEPARATION = 4.0
"""Least distance of two modes: a normal distribution cut in two halves has 2.65, a uniform one 3.46."""

HYSTERESIS = 0.25
"""How far the threshold for the end of a span lies below the one for its start, as a share of the modes' distance."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A stretch unlike the rest: ``[start_s, stop_s)``, its worst moment, that moment's score and the threshold.

    ``rare_here`` is one minus the mean cosine of its windows with all of the clip's, ``rare_everywhere`` with those of
    the worker's other clips; None when that was not asked for or no window's centre lies in it.
    """

    start_s: float
    stop_s: float
    peak_s: float
    score: float
    threshold: float
    method: str
    reason: str = ""
    rare_here: float | None = None
    rare_everywhere: float | None = None


def moving_average(signal: ArrayLike, weight: float) -> Float64:
    """Return ``out[i] = weight * x[i] + (1 - weight) * out[i - 1]`` with ``out[0] = x[0]``; ``0 < weight <= 1``."""
    values = np.asarray(signal, dtype=np.float64)
    if not 0.0 < weight <= 1.0:
        raise ValueError(f"weight must be in (0, 1], found {weight}.")
    smooth = values.copy()
    for index in range(1, len(values)):
        smooth[index] = weight * values[index] + (1.0 - weight) * smooth[index - 1]
    return smooth


def otsu_threshold(values: ArrayLike) -> float:
    """Return the cut with the greatest variance between the two classes it makes: ``value > cut`` is the upper.

    The cut lies midway between two neighbouring values; a constant signal gives that constant (Otsu, 1979, on the
    values themselves and not on a histogram).
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if ordered.ndim != 1 or len(ordered) == 0 or not np.isfinite(ordered).all():
        raise ValueError("values must be a non-empty one-dimensional array of finite numbers.")
    if ordered[0] == ordered[-1]:
        return float(ordered[0])
    centred = ordered - ordered.mean()
    lower = np.arange(1, len(centred))
    sums = np.cumsum(centred)[:-1]
    between = sums**2 / (lower * (len(centred) - lower))
    between[np.diff(ordered) == 0] = -1.0
    cut = int(np.argmax(between))
    return float((ordered[cut] + ordered[cut + 1]) / 2)


def separation(values: ArrayLike, threshold: float) -> float:
    """Return the distance of the means below and above the threshold over their root mean square deviation.

    Ashman's D: above :data:`LEAST_SEPARATION` there are two modes; 0 when either side is empty.
    """
    numbers = np.asarray(values, dtype=np.float64)
    upper, lower = numbers[numbers > threshold], numbers[numbers <= threshold]
    if len(upper) == 0 or len(lower) == 0:
        return 0.0
    spread = np.sqrt((upper.var() + lower.var()) / 2)
    distance = upper.mean() - lower.mean()
    return float(min(distance / max(spread, 1e-12), 1e6))


def hysteresis_runs(signal: ArrayLike, start_above: float, stop_below: float, debounce: int) -> NDArray[np.int64]:
    """Return half-open index ranges, shape ``(k, 2)``: each starts with ``debounce`` values above ``start_above``.

    A range ends before the first of ``debounce`` values in a row that are not above ``stop_below``, or at the end of
    the signal; ranges are in order and never touch.
    """
    values = np.asarray(signal, dtype=np.float64)
    ranges: list[tuple[int, int]] = []
    inside, begun, run = False, 0, 0
    for index, value in enumerate(values):
        agrees = value > start_above if not inside else value <= stop_below
        run = run + 1 if agrees else 0
        if run == debounce:
            first = index - debounce + 1
            if inside:
                ranges.append((begun, first))
            begun, inside, run = first, not inside, 0
    if inside:
        ranges.append((begun, len(values)))
    return np.array(ranges, dtype=np.int64).reshape(-1, 2)


def published_anomalies(
    typicality: Float64,
    centres_s: Float64,
    stride_s: float,
    *,
    smoothing: float = 0.15,
    debounce: int = 3,
    minimum_s: float = 3.0,
    abstain: bool = True,
) -> tuple[Anomaly, ...]:
    """Return the spans the published method finds; none when ``abstain`` and the smoothed score has one mode.

    ``typicality`` is the row mean of the (token-level) similarity, shape ``(n,)``. A span is the union of its windows'
    centre +- stride / 2, so a hole in the footage ends it. Empty for fewer windows than ``debounce`` or a constant
    signal.
    """
    score = moving_average(1.0 - np.asarray(typicality, dtype=np.float64), smoothing)
    if len(score) < max(2, debounce) or np.ptp(score) <= 1e-9:
        return ()
    threshold = otsu_threshold(score)
    if abstain and separation(score, threshold) < LEAST_SEPARATION:
        return ()
    upper, lower = score[score > threshold].mean(), score[score <= threshold].mean()
    release = threshold - HYSTERESIS * (upper - lower)
    found = []
    for first, stop in _unbroken(hysteresis_runs(score, threshold, release, debounce), centres_s, stride_s):
        start_s, stop_s = centres_s[first] - stride_s / 2, centres_s[stop - 1] + stride_s / 2
        if stop_s - start_s >= minimum_s:
            peak = int(first + np.argmax(score[first:stop]))
            found.append(
                Anomaly(
                    float(start_s), float(stop_s), float(centres_s[peak]), float(score[peak]), threshold, "published"
                )
            )
    return tuple(found)


def _unbroken(runs: NDArray[np.int64], centres_s: Float64, stride_s: float) -> list[tuple[int, int]]:
    holes = np.flatnonzero(np.diff(centres_s) > 1.5 * stride_s) + 1
    parts = []
    for first, stop in runs:
        edges = [int(first), *holes[(holes > first) & (holes < stop)].tolist(), int(stop)]
        parts += list(pairwise(edges))
    return parts
