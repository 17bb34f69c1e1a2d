"""Few-label probe: a person keeps or rejects some windows, and a logistic regression on embeddings learns from it.

A few labels beat every unsupervised score, so the review page asks for those that teach most: uncertain, and unlike one
another. The probe's worth is measured on groups (clips, scenes) it has not seen, never on windows next to those it
learned from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from egoclean.core.coverage import DenseGains, on_weight_grid
from egoclean.core.greedy import LazyGreedy
from egoclean.core.metrics import Interval, auroc_interval
from egoclean.core.rows import Unit
from egoclean.errors import UsageError

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_COMPONENTS = 32
_MOST_FOLDS = 5
_INVERSE_PENALTY = 0.1
_MOST_CANDIDATES = 2000


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that has learned from labels.

    Parameters
    ----------
    scores : shape (n,), probability that a person would keep each row; NaN where the row has no embedding. It may be
        used as a signal.
    auroc : AUROC on groups held out in cross-validation, with a 95 % interval; None where it cannot be measured.
    folds : groups of folds used, 0 where there were none.
    kept, rejected : labels learned from.
    note : why there is no AUROC, in a sentence; empty when there is.
    """

    scores: Floats
    auroc: Interval | None
    folds: int
    kept: int
    rejected: int
    note: str = ""


def fit_probe(
    unit: Unit,
    labels: NDArray[np.integer],
    groups: NDArray[np.generic],
    has_embedding: NDArray[np.bool_],
    seed: int = 0,
) -> Probe:
    """Return a probe learned from labels, and how well it does on groups it has not seen.

    Rows are centred and projected on the 32 directions in which all rows differ most, labelled or not, each scaled to
    unit variance; then a logistic regression (L2, both kinds weighing alike) is fitted.

    Parameters
    ----------
    unit : shape (n, d), unit embeddings. labels : shape (n,), 1 keep, 0 reject, -1 not labelled.
    groups : shape (n,), rows of one group are never split between learning and testing.
    has_embedding : shape (n,).

    Raises
    ------
    UsageError : when no row was kept or none was rejected.
    """
    taught = np.flatnonzero((labels >= 0) & has_embedding)
    kept = int((labels[taught] == 1).sum())
    if kept in (0, len(taught)):
        raise UsageError(
            f"A probe needs windows kept and windows rejected, and there are {kept} and {len(taught) - kept}.",
            "Label some of both.",
        )
    features = _features(unit, has_embedding)
    wanted = labels[taught] == 1
    scores = np.full(len(unit), np.nan)
    scores[has_embedding] = _fit(features[taught], wanted).predict_proba(features[has_embedding])[:, 1]
    interval, folds, note = _held_out(features[taught], wanted, np.asarray(groups)[taught], seed)
    return Probe(scores, interval, folds, kept, len(taught) - kept, note)


def propose(
    unit: Unit, labels: NDArray[np.integer], probe_scores: Floats | None, count: int, has_embedding: NDArray[np.bool_]
) -> Rows:
    """Return up to ``count`` rows worth labelling next: those that stand best for the rows the probe is unsure of.

    They are taken by facility location in which a row weighs ``1 - |2 p - 1|``, what the probe does not know of it (1
    without a probe), and rows labelled already stand for their surroundings. Of more than 2,000 open rows those of
    greatest weight are looked at, evenly spaced ones of equal weight.
    """
    open_rows = np.flatnonzero(has_embedding & (labels < 0))
    if probe_scores is None:
        unsure = np.ones(len(unit))
        looked_at = open_rows[_evenly(len(open_rows))]
    else:
        unsure = 1 - np.abs(2 * np.nan_to_num(probe_scores, nan=0.5) - 1)
        looked_at = np.sort(open_rows[np.argsort(-unsure[open_rows], kind="stable")[:_MOST_CANDIDATES]])
    labelled = np.flatnonzero(has_embedding & (labels >= 0))
    rows = np.concatenate([labelled, looked_at])
    weights = on_weight_grid(np.concatenate([np.zeros(len(labelled)), np.maximum(unsure[looked_at], 1 / 64)]))
    gains = DenseGains([(np.arange(len(rows)), unit[rows], _background(unit[rows]))], weights)
    for place in range(len(labelled)):
        gains.take(place)
    if len(looked_at) == 0:
        return np.zeros(0, dtype=np.int64)
    closed = np.arange(len(rows)) < len(labelled)
    greedy = LazyGreedy(gains, np.where(closed, -1, 0), closed)
    proposed: list[int] = []
    while len(proposed) < count and (found := greedy.best([0])) is not None:
        greedy.take(found[0])
        closed[found[0]] = True
        proposed.append(int(rows[found[0]]))
    return np.array(proposed, dtype=np.int64)


def _background(unit: Unit) -> float:
    if len(unit) < 3:
        return 0.0
    sample = unit[_evenly(len(unit), 500)]
    median = float(np.median((sample @ sample.T)[np.triu_indices(len(sample), 1)]))
    return median if 0 < median < 0.9999 else 0.0


def _evenly(count: int, most: int = _MOST_CANDIDATES) -> Rows:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.zeros(0, np.int64)


def _features(unit: Unit, has_embedding: NDArray[np.bool_]) -> Floats:
    known = unit[has_embedding].astype(np.float64)
    mean = known.mean(axis=0)
    fitted = known[_evenly(len(known), 10_000)] - mean
    values, vectors = np.linalg.eigh(fitted.T @ fitted / len(fitted))
    kept = values[::-1][:_COMPONENTS] > 1e-12
    directions = vectors[:, ::-1][:, :_COMPONENTS][:, kept]
    scale = np.sqrt(values[::-1][:_COMPONENTS][kept])
    result = np.zeros((len(unit), max(len(scale), 1)))
    result[has_embedding, : len(scale)] = (known - mean) @ directions / scale
    return result


def _fit(features: Floats, wanted: NDArray[np.bool_]) -> LogisticRegression:
    model = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    return model.fit(features, wanted)


def _held_out(
    features: Floats, wanted: NDArray[np.bool_], groups: NDArray[np.generic], seed: int
) -> tuple[Interval | None, int, str]:
    of_both = min(len(np.unique(groups[wanted])), len(np.unique(groups[~wanted])))
    folds = min(_MOST_FOLDS, of_both)
    if folds < 2:
        return None, 0, "The labels of a kind are all in one group: label windows of more groups to measure the probe."
    scores = np.full(len(wanted), np.nan)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for learn, test in splitter.split(features, wanted, groups):
        if 0 < int(wanted[learn].sum()) < len(learn):
            scores[test] = _fit(features[learn], wanted[learn]).predict_proba(features[test])[:, 1]
    seen = np.isfinite(scores)
    if int(wanted[seen].sum()) in (0, int(seen.sum())):
        return None, 0, "The labels lie in groups so uneven that no group can be held out."
    return auroc_interval(wanted[seen], scores[seen], seed), folds, ""
