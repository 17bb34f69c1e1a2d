"""Where each repeat of a work cycle starts and stops, and how it differs from the median cycle.

Cycle starts are chosen like beats in music (Ellis, 2007, Beat tracking by dynamic programming): a chain of moments,
each alike to the next, at distances near the period; the chain with the greatest sum of likeness wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from egoclean.core.similarity import Float64
from egoclean.core.stream import Stream

PHASES = 16
"""Moments of a cycle that are compared with the median cycle."""

_SHORTEST, _LONGEST = 0.65, 1.5
_TEMPO_WEIGHT = 3.0
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Cycle:
    """One repeat: ``[start_s, stop_s)``.

    ``deviation`` is one minus the mean cosine, moment by moment, with the median cycle of its clip, in [0, 2];
    ``tempo`` is its length over the median length.
    """

    start_s: float
    stop_s: float
    deviation: float
    tempo: float


def cycle_starts(stream: Stream, first: int, stop: int, period_s: float) -> NDArray[np.int64]:
    """Return the points where cycles start in ``[first, stop)``, with the end of the last one; empty under two.

    The chain maximises the sum over its links of ``likeness * length / period - 3 log(length / period)^2``, where
    likeness is the mean similarity over half a period around both ends of a link; links are 0.65 to 1.5 periods long.
    A link counts by its length, or more and shorter cycles would win wherever all moments are alike. A cycle that the
    stretch's start or end cuts off is added when at least half of it is there.
    """
    period = period_s / stream.step_s
    shortest, longest = max(1, int(_SHORTEST * period)), int(np.ceil(_LONGEST * period))
    count = stop - first
    if count <= shortest:
        return np.empty(0, dtype=np.int64)
    lags = np.arange(shortest, min(longest, count - 1) + 1)
    gains = _link_gains(stream.values[first:stop].astype(np.float64), lags, period)
    best = np.zeros(count)
    previous = np.full(count, -1, dtype=np.int64)
    for point in range(shortest, count):
        usable = lags[: np.searchsorted(lags, point, side="right")]
        totals = best[point - usable] + gains[point - usable, np.arange(len(usable))]
        top = int(np.argmax(totals))
        if totals[top] > 0:
            best[point], previous[point] = totals[top], point - usable[top]
    chain = [int(np.argmax(best))]
    while previous[chain[-1]] >= 0:
        chain.append(int(previous[chain[-1]]))
    return _with_ends(chain[::-1], count, period) + first


def _with_ends(chain: list[int], count: int, period: float) -> NDArray[np.int64]:
    if len(chain) < 2:
        return np.empty(0, dtype=np.int64)
    half = period * _LEAST_SHARE
    head = [max(0, round(chain[0] - period))] if chain[0] >= half else []
    tail = [min(count, round(chain[-1] + period))] if count - chain[-1] >= half else []
    return np.array([*head, *chain, *tail], dtype=np.int64)


def _link_gains(values: Float64, lags: NDArray[np.int64], period: float) -> Float64:
    gains = np.full((len(values), len(lags)), -np.inf)
    width = max(1, round(period / 2))
    for column, lag in enumerate(lags):
        alike = np.einsum("ij,ij->i", values[:-lag], values[lag:])
        likeness = uniform_filter1d(alike, min(width, len(alike)), mode="nearest")
        gains[: len(alike), column] = likeness * lag / period - _TEMPO_WEIGHT * np.log(lag / period) ** 2
    return gains


def describe_cycles(stream: Stream, chains: list[NDArray[np.int64]]) -> tuple[Cycle, ...]:
    """Return the cycles between neighbours of each chain, compared with the median of all of them.

    Each cycle is read at ``PHASES`` equal steps of its own length; the median cycle is the median value at each.
    """
    bounds = [(int(a), int(b)) for chain in chains for a, b in pairwise(chain)]
    if not bounds:
        return ()
    shapes = np.stack([_shape(stream.values, first, stop) for first, stop in bounds])
    median = np.median(shapes, axis=0)
    products = np.einsum("cpd,pd->cp", shapes, median)
    lengths = np.linalg.norm(shapes, axis=2) * np.linalg.norm(median, axis=1)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 1e-9)
    usual = float(np.median([stop - first for first, stop in bounds]))
    times_s = [
        (stream.start_s + (a - 0.5) * stream.step_s, stream.start_s + (b - 0.5) * stream.step_s) for a, b in bounds
    ]
    return tuple(
        Cycle(start_s, stop_s, float(1.0 - cosine), (stop - first) / usual)
        for (start_s, stop_s), cosine, (first, stop) in zip(times_s, cosines.mean(axis=1), bounds, strict=True)
    )


def _shape(values: NDArray[np.float32], first: int, stop: int) -> Float64:
    edges = np.linspace(first, stop, PHASES + 1)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values[first:stop], axis=0, dtype=np.float64)])
    grid = np.arange(first, stop + 1)
    at_edges = np.stack([np.interp(edges, grid, column) for column in sums.T], axis=1)
    return np.diff(at_edges, axis=0) / np.diff(edges)[:, None]


def regularity(cycles: tuple[Cycle, ...]) -> float | None:
    """Return one minus the coefficient of variation of the cycles' lengths, in [0, 1]; None for fewer than two."""
    if len(cycles) < 2:
        return None
    lengths_s = np.array([cycle.stop_s - cycle.start_s for cycle in cycles])
    return float(np.clip(1.0 - lengths_s.std() / lengths_s.mean(), 0.0, 1.0))
