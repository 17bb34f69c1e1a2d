"""A trial of what a selection is good for: a small model of how embeddings move on, learned from the selection alone.

The model predicts the next window's embedding from the present one, both seen from the middle of their clip: what a
place looks like is no motion. It is a ridge regression on the 16 directions in which clips move most, drawn towards one
number: how fast all of them return to the middle. Few windows teach that number and hardly more; drawn towards zero,
a model of few windows was worse than "nothing changes". The penalty is the greatest of those that did about as well as
the best one, by less than a standard error, on clips of the selection that were not learned from (Breiman et al.,
1984). It learns from the chosen windows of some groups and is tried on every window of the groups left out, so that a
selection that stands for the whole does well and one that holds only oddities does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import Unit

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_COMPONENTS = 32
_COMPONENTS_OF_MOTION = 16
_PENALTIES = 10.0 ** np.arange(0.5, 5.5, 0.5)
_FOLDS = 5


def next_rows(clips: NDArray[np.generic], times_s: Floats) -> Rows:
    """Return the row that follows each row in its clip, -1 for the last; equal times keep the order they are given."""
    labels = np.unique(clips, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((np.arange(len(times_s)), times_s, labels))
    result = np.full(len(times_s), -1, dtype=np.int64)
    same = labels[order[1:]] == labels[order[:-1]]
    result[order[:-1][same]] = order[1:][same]
    return result


def main_directions(unit: Unit, components: int = _COMPONENTS) -> Floats:
    """Return every row on the directions in which rows differ most, scaled so that the mean square is 1."""
    centred = unit.astype(np.float64) - unit.mean(axis=0, dtype=np.float64)
    sample = centred[np.unique(np.linspace(0, len(centred) - 1, min(len(centred), 10_000)).astype(np.int64))]
    vectors = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :components]
    placed = centred @ vectors
    scale = float(np.sqrt((placed**2).mean()))
    return np.asarray(placed / scale if scale > 0 else placed, dtype=np.float64)


def motion_in_clips(unit: Unit, clips: NDArray[np.generic]) -> Floats:
    """Return every row, less the mean of its clip, on the 16 directions in which these differ most; mean square 1."""
    numbers = np.unique(clips, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((numbers.max(initial=-1) + 1, unit.shape[1]))
    np.add.at(sums, numbers, unit)
    means = (sums / np.bincount(numbers)[:, None]).astype(np.float32)
    return main_directions(unit - means[numbers], _COMPONENTS_OF_MOTION)


def fold_of_groups(groups: NDArray[np.generic], seed: int) -> Rows:
    """Return the fold (0 to 4, fewer with fewer groups) of each row; a group is in one fold."""
    names, numbers = np.unique(groups, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(names)) % min(_FOLDS, len(names))
    return np.asarray(folds[numbers.reshape(-1)], dtype=np.int64)


def dynamics_error(places: Floats, following: Rows, chosen: Rows, fold: Rows, clips: Rows) -> float:
    """Return the error of predicting the next row over that of predicting no change, on held-out groups.

    Below 1 the model has learned something; 1 when nothing was chosen outside a fold, NaN with fewer than two folds or
    when nothing ever changes.

    Parameters
    ----------
    places : shape (n, k), from :func:`motion_in_clips`. following : shape (n,), from :func:`next_rows`.
    chosen : rows the model may learn from. fold : shape (n,), from :func:`fold_of_groups`.
    clips : shape (n,), number of each row's clip; the penalty is chosen on clips that were not learned from.
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
        weights = _learned(places[learn], places[following[learn]] - places[learn], clips[learn])
        missed += float(((change - places[test] @ weights) ** 2).sum())
        still += float((change**2).sum())
    return missed / still if still > 0 else float("nan")


def _learned(known: Floats, change: Floats, clips: Rows) -> Floats:
    """Return the weights of the change by the present place; with one clip alone, those of the greatest penalty."""
    parts = np.unique(clips, return_inverse=True)[1].reshape(-1) % _FOLDS
    inside = [parts == part for part in range(int(parts.max(initial=-1)) + 1)]
    squares, products = known.T @ known, known.T @ change
    if len(inside) < 2:
        return _ridge(squares, products, _PENALTIES[-1])
    errors = np.zeros((len(inside), len(_PENALTIES)))
    for own, missed in zip(inside, errors, strict=True):
        less = squares - known[own].T @ known[own], products - known[own].T @ change[own]
        missed[:] = [((change[own] - known[own] @ _ridge(*less, penalty)) ** 2).sum() for penalty in _PENALTIES]
    best = int(errors.sum(axis=0).argmin())
    more = errors - errors[:, best : best + 1]
    alike = more.mean(axis=0) <= more.std(axis=0, ddof=1) / len(inside) ** 0.5
    return _ridge(squares, products, _PENALTIES[np.flatnonzero(alike).max()])


def _ridge(squares: Floats, products: Floats, penalty: float) -> Floats:
    """Return the weights of least squares, drawn towards the best multiple of the identity."""
    size = float(np.trace(squares))
    usual = float(np.trace(products)) / size if size > 0 else 0.0
    same = np.eye(len(squares))
    more = np.linalg.solve(squares + penalty * same, products - usual * squares)
    return np.asarray(usual * same + more, dtype=np.float64)
