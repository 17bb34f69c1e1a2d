"""Make a signal comparable between cameras, workers, scenes or factories.

A raw score says as much about the camera as about what it saw: one lens is sharper, one worker's bench is busier.
Calibration compares a row with the rows of its own group and, where that group is small, partly with all rows:
with ``m`` finite values in the group, the group's own verdict has the weight ``m / (m + SHRINKAGE_ROWS)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from egoclean.errors import UsageError

Method = Literal["rank", "robust", "none"]
Array = NDArray[np.float64]

SHRINKAGE_ROWS = 20
"""Rows a group needs for its own verdict to weigh as much as that of all rows together."""

_MAD_TO_SIGMA = 1.4826


def calibrate(
    values: NDArray[np.floating], groups: NDArray[np.generic] | Sequence[str] | None, method: Method = "rank"
) -> Array:
    """Return ``values`` as seen from each row's own group; growing with the value inside a group.

    ``rank``: the mid-rank ``(rank - 0.5) / m`` in (0, 1); equal values share a rank, and a constant signal is 0.5.
    ``robust``: ``(value - median) / (1.4826 MAD)``; where the MAD is zero the mean absolute deviation takes its
    place, and a constant group is 0. ``none``: the values themselves.
    A group of one row is judged almost entirely against all rows (weight 20/21). NaN and infinite values give NaN
    and count nowhere.

    Parameters
    ----------
    values : shape (n,).
    groups : shape (n,), any hashable labels, or None for a single group.
    method : ``rank``, ``robust`` or ``none``.

    Returns
    -------
    shape (n,), float64. ``rank`` and ``robust`` do not change when ``a * values + b`` with ``a > 0`` is given.

    Raises
    ------
    UsageError : for lengths that differ or an unknown method.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise UsageError(f"A signal must have one value a row, found the shape {numbers.shape}.")
    if method not in ("rank", "robust", "none"):
        raise UsageError(f"Unknown calibration {method!r}.", "Choose rank, robust or none.")
    finite = np.isfinite(numbers)
    result = np.full(numbers.shape, np.nan)
    if method == "none" or not finite.any():
        result[finite] = numbers[finite]
        return result
    judge = _mid_rank if method == "rank" else _robust_z
    overall = judge(numbers[finite])
    labels = _group_numbers(groups, len(numbers))[finite]
    result[finite] = _shrunk(numbers[finite], overall, labels, judge)
    return result


def _shrunk(values: Array, overall: Array, labels: NDArray[np.int64], judge: object) -> Array:
    assert callable(judge)
    if labels.max(initial=0) == 0:
        return overall
    result = np.empty_like(overall)
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        own_weight = len(rows) / (len(rows) + SHRINKAGE_ROWS)
        result[rows] = own_weight * judge(values[rows]) + (1 - own_weight) * overall[rows]
    return result


def _mid_rank(values: Array) -> Array:
    return np.asarray((rankdata(values) - 0.5) / len(values), dtype=np.float64)


def _robust_z(values: Array) -> Array:
    deviations = values - np.median(values)
    scale = _MAD_TO_SIGMA * float(np.median(np.abs(deviations)))
    if scale == 0:
        scale = float(np.mean(np.abs(deviations)))
    return deviations / scale if scale > 0 else np.zeros_like(values)


def _group_numbers(groups: NDArray[np.generic] | Sequence[str] | None, count: int) -> NDArray[np.int64]:
    if groups is None:
        return np.zeros(count, dtype=np.int64)
    labels = np.asarray(groups)
    if labels.shape != (count,):
        raise UsageError(f"There are {count} values but groups of the shape {labels.shape}.", "Give one group a row.")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
