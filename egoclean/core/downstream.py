"""A trial of what a selection is good for: a small model of how embeddings move on, learned from the selection alone.

The model predicts the next window's embedding from the present one (ridge regression on the 32 main directions of all
rows). It learns from the chosen windows of some groups and is tried on every window of the groups left out, so that
a selection that stands for the whole does well and one that holds only oddities does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import Unit

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_COMPONENTS = 32
_PENALTY = 1.0
_FOLDS = 5


def next_rows(clips: NDArray[np.generic], times_s: Floats) -> Rows:
    """Return the row that follows each row in its clip, -1 for the last; equal times keep the order they are given."""
    labels = np.unique(clips, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((np.arange(len(times_s)), times_s, labels))
    result = np.full(len(times_s), -1, dtype=np.int64)
    same = labels[order[1:]] == labels[order[:-1]]
    result[order[:-1][same]] = order[1:][same]
    return result


def main_directions(unit: Unit) -> Floats:
    """Return every row on the 32 directions in which rows differ most, scaled so that the mean square is 1."""
    centred = unit.astype(np.float64) - unit.mean(axis=0, dtype=np.float64)
    sample = centred[np.unique(np.linspace(0, len(centred) - 1, min(len(centred), 10_000)).astype(np.int64))]
    vectors = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :_COMPONENTS]
    placed = centred @ vectors
    scale = float(np.sqrt((placed**2).mean()))
    return np.asarray(placed / scale if scale > 0 else placed, dtype=np.float64)


def fold_of_groups(groups: NDArray[np.generic], seed: int) -> Rows:
    """Return the fold (0 to 4, fewer with fewer groups) of each row; a group is in one fold."""
    names, numbers = np.unique(groups, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(names)) % min(_FOLDS, len(names))
    return np.asarray(folds[numbers.reshape(-1)], dtype=np.int64)


def dynamics_error(places: Floats, following: Rows, chosen: Rows, fold: Rows) -> float:
    """Return the error of predicting the next row over that of predicting no change, on held-out groups.

    Below 1 the model has learned something; 1 when nothing was chosen outside a fold, NaN with fewer than two folds or
    when nothing ever changes.

    Parameters
    ----------
    places : shape (n, k), from :func:`main_directions`. following : shape (n,), from :func:`next_rows`.
    chosen : rows the model may learn from. fold : shape (n,), from :func:`fold_of_groups`.
    """
    if fold.max(initial=0) < 1:
        return float("nan")
    taught = np.zeros(len(places), dtype=np.bool_)
    taught[chosen] = True
    missed = still = 0.0
    for number in range(int(fold.max()) + 1):
        learn = np.flatnonzero(taught & (following >= 0) & (fold != number))
        test = np.flatnonzero((following >= 0) & (fold == number))
        change = places[following[test]] - places[test]
        missed += float(((change - _predict(places, following, learn, test)) ** 2).sum())
        still += float((change**2).sum())
    return missed / still if still > 0 else float("nan")


def _predict(places: Floats, following: Rows, learn: Rows, test: Rows) -> Floats:
    if len(learn) == 0:
        return np.zeros_like(places[test])
    known = np.column_stack([places[learn], np.ones(len(learn))])
    change = places[following[learn]] - places[learn]
    penalty = _PENALTY * np.eye(known.shape[1])
    weights = np.linalg.solve(known.T @ known + penalty, known.T @ change)
    return np.asarray(np.column_stack([places[test], np.ones(len(test))]) @ weights, dtype=np.float64)
