"""How good a selection is, without labels and with: coverage, redundancy, balance, rank of rare events, AUROC.

Distances are cosine distances ``1 - cosine``. Nothing here knows how the rows were chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from egoclean.core.rows import Unit
from egoclean.errors import UsageError

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_BLOCK_ROWS = 512
_RADIUS_ROWS = 2000


def coverage_radius(unit: Unit, neighbour: int = 10) -> float:
    """Return the median cosine distance of a row to its ``neighbour``-th nearest row.

    It is measured on up to 2,000 evenly spaced rows against all rows. With fewer rows the farthest one counts; a single
    row, or none, has the radius 0.
    """
    count = len(unit)
    if count < 2:
        return 0.0
    place = min(neighbour, count - 1)
    asked = np.unique(np.linspace(0, count - 1, min(count, _RADIUS_ROWS)).astype(np.int64))
    distances = []
    for start in range(0, len(asked), _BLOCK_ROWS):
        rows = asked[start : start + _BLOCK_ROWS]
        near = unit[rows] @ unit.T
        near[np.arange(len(rows)), rows] = 2.0
        distances.append(1.0 - np.partition(near, count - 1 - place, axis=1)[:, count - 1 - place])
    return max(float(np.median(np.concatenate(distances))), 0.0)


def first_covered(unit: Unit, order: Rows, radius: float, asked: Rows | None = None) -> Rows:
    """Return how many rows of ``order`` must be taken until each row has one within ``radius``.

    Parameters
    ----------
    unit : shape (n, d), unit rows. order : shape (m,), rows in the order they are taken.
    asked : rows to answer for; all when None.

    Returns
    -------
    shape (len(asked),), from 1 to m; ``m + 1`` for a row that is never covered.
    """
    rows = np.arange(len(unit)) if asked is None else asked
    result = np.full(len(rows), len(order) + 1, dtype=np.int64)
    if len(order) == 0:
        return result
    taken = unit[order]
    # Rounding of a row's cosine with itself must not leave a chosen row uncovered at radius 0.
    least = np.float32(1.0 - radius - 1e-5)
    for start in range(0, len(rows), _BLOCK_ROWS):
        within: NDArray[np.bool_] = np.asarray(unit[rows[start : start + _BLOCK_ROWS]] @ taken.T >= least)
        hit = np.asarray(within.any(axis=1))
        result[start : start + len(hit)][hit] = within[hit].argmax(axis=1) + 1
    return result


def coverage_at(covered: Rows, budgets: Sequence[int] | Rows) -> Floats:
    """Return the share of rows that have been covered after each budget, from what :func:`first_covered` gave."""
    if len(covered) == 0:
        return np.zeros(len(budgets))
    return np.searchsorted(np.sort(covered), np.asarray(budgets), side="right") / len(covered)


def redundancy(unit: Unit, chosen: Rows) -> float:
    """Return the mean cosine of a chosen row with the chosen row nearest to it; 0 for fewer than two."""
    if len(chosen) < 2:
        return 0.0
    taken = unit[chosen]
    nearest = []
    for start in range(0, len(taken), _BLOCK_ROWS):
        near = taken[start : start + _BLOCK_ROWS] @ taken.T
        near[np.arange(len(near)), np.arange(start, start + len(near))] = -2.0
        nearest.append(near.max(axis=1))
    return float(np.concatenate(nearest).mean())


def group_balance(groups: NDArray[np.generic], chosen: Rows) -> float:
    """Return how evenly the chosen rows are spread over all groups: entropy over its greatest, in [0, 1].

    1 means the same number from each group, 0 all from one. A single group is balanced: 1. Nothing chosen is 0.
    """
    names, numbers = np.unique(groups, return_inverse=True)
    if len(chosen) == 0:
        return 0.0
    if len(names) < 2:
        return 1.0
    shares = np.bincount(numbers.reshape(-1)[chosen], minlength=len(names)) / len(chosen)
    present = shares[shares > 0]
    return abs(float(-(present * np.log(present)).sum() / np.log(len(names))))


def first_ranks(order: Rows, kinds: Mapping[str, Rows]) -> dict[str, int | None]:
    """Return at which rank (from 1) the order first holds a row of each kind, None where it never does."""
    place = {row: rank for rank, row in reversed(list(enumerate(order.tolist(), start=1)))}
    return {
        kind: min((place[row] for row in rows.tolist() if row in place), default=None) for kind, rows in kinds.items()
    }


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval that holds the truth 95 times in 100."""

    value: float
    low: float
    high: float


def auroc(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the chance that a positive row scores above a negative one, ties counting half.

    Raises
    ------
    UsageError : when there is no positive or no negative row, or a score is not a number.
    """
    flags, values = np.asarray(positive, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    count = int(flags.sum())
    if count in (0, len(flags)):
        raise UsageError("AUROC needs rows of both kinds.", "Label some rows to keep and some to reject.")
    if not np.isfinite(values).all():
        raise UsageError("AUROC needs a score for every row.")
    ranks = rankdata(values)
    return float((ranks[flags].sum() - count * (count + 1) / 2) / (count * (len(flags) - count)))


def auroc_interval(positive: NDArray[np.bool_], scores: NDArray[np.floating], seed: int = 0) -> Interval:
    """Return AUROC with its 95 % interval, by 2,000 bootstrap samples of positives and negatives apart.

    Few rows that are all in order would give the interval [1, 1]; Hanley and McNeil's standard error with one half
    added to the pairs in disorder widens it then.

    Raises
    ------
    UsageError : as :func:`auroc`.
    """
    value = auroc(positive, scores)
    above, below = np.asarray(scores)[positive], np.asarray(scores)[~np.asarray(positive, dtype=np.bool_)]
    wins = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])
    generator = np.random.default_rng(seed)
    first = generator.integers(len(above), size=(2000, len(above)))
    second = generator.integers(len(below), size=(2000, len(below)))
    means = np.array([wins[rows][:, columns].mean() for rows, columns in zip(first, second, strict=True)])
    low, high = np.quantile(means, [0.025, 0.975])
    spread = 1.96 * _hanley_mcneil(value, len(above), len(below))
    return Interval(value, max(min(float(low), value - spread), 0.0), min(max(float(high), value + spread), 1.0))


def mean_interval(values: Sequence[float] | Floats) -> Interval:
    """Return the mean of repeated measurements with 1.96 standard errors either side; a single one has no width."""
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(numbers.mean())
    error = 1.96 * float(numbers.std(ddof=1)) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0
    return Interval(mean, mean - error, mean + error)


def _hanley_mcneil(value: float, positives: int, negatives: int) -> float:
    pairs = positives * negatives
    area = min(max(value, 0.5 / pairs), 1 - 0.5 / pairs)
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (first - area**2) + (negatives - 1) * (second - area**2)
    return float((max(variance, 0.0) / pairs) ** 0.5)
