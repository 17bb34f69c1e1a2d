"""Does a selection pay? It is put beside random, uniform and top-score selections of the same size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from egoclean.config import SelectConfig
from egoclean.core.downstream import dynamics_error, fold_of_groups, main_directions, motion_in_clips, next_rows
from egoclean.core.metrics import (
    Interval,
    coverage_at,
    coverage_radius,
    first_covered,
    first_ranks,
    group_balance,
    mean_interval,
    redundancy,
)
from egoclean.core.prepare import Prepared, prepare
from egoclean.core.rows import Unit, finite_rows, unit_or_zero_rows
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_CURVE_POINTS = 40


@dataclass(frozen=True, slots=True)
class Standing:
    """How one strategy does at the budget; means over seeds with a 95 % interval where it draws at random.

    Parameters
    ----------
    coverage : share of all rows within the radius of a chosen one.
    redundancy : mean cosine of a chosen row with the nearest other chosen row.
    balance : evenness over groups, in [0, 1].
    error : downstream error on held-out groups, below 1 when something was learned; None where there is no time.
    accuracy : accuracy of a classifier learned from the chosen rows on held-out groups; None without labels.
    rare_rank : rank at which each kind of rare event is first chosen, None for never; of the first seed.
    kinds_found : share of the kinds of rare event found within the budget; None where none are known.
    curve : coverage at each of the evaluation's ``budgets``; ``curve_low``, ``curve_high``: least and most over seeds.
    """

    coverage: Interval
    redundancy: Interval
    balance: Interval
    error: Interval | None
    accuracy: Interval | None
    rare_rank: Mapping[str, int | None]
    kinds_found: Interval | None
    curve: Floats
    curve_low: Floats
    curve_high: Floats


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Strategies beside one another at the same number of rows.

    ``radius`` is the cosine distance that coverage counts by: the median distance to the 10th nearest row.
    """

    row_count: int
    chosen_count: int
    radius: float
    budgets: Rows
    standings: Mapping[str, Standing]


def evaluate(
    data: SelectionInput,
    config: SelectConfig,
    prepared: Prepared | None = None,
    rare: Mapping[str, Rows] | None = None,
    labels: NDArray[np.integer] | None = None,
    seeds: int = 5,
) -> Evaluation:
    """Return how the configured selection and its rivals do at the number of rows the configured one chooses.

    The rivals keep decisions, thresholds and limits of ``config``; ``uniform`` and ``score`` take part where times and
    scores are known. Rows of one embedding space are compared with each other only if there is one space; otherwise
    the largest space is evaluated.

    Parameters
    ----------
    rare : for each kind of rare event the rows that show it, where truth is known.
    labels : shape (n,), class of each row, -1 where unknown.
    seeds : seeds of strategies that draw at random, and of the split into held-out groups.
    """
    prepared = prepared if prepared is not None else prepare(data, config.neighbours)
    own = select(data, config, prepared)
    bench = _Bench(data, rare or {}, labels, seeds)
    rivals = ["random"] + ["uniform"] * (data.times_s is not None) + ["score"] * bool(data.signals)
    budget = str(max(own.length, 1))
    standings = {config.strategy: bench.standing([own.order[: own.length]] if own.length else [], own.length)}
    for name in rivals:
        if name == config.strategy or own.length == 0:
            continue
        drawn = seeds if name == "random" else 1
        orders = [
            select(data, dataclasses.replace(config, strategy=name, budget=budget, seed=seed), prepared).rows
            for seed in range(config.seed, config.seed + drawn)
        ]
        standings[name] = bench.standing(orders, own.length)
    return Evaluation(data.row_count, own.length, bench.radius, bench.budgets(own.length), standings)


class _Bench:
    """What all strategies are measured on."""

    def __init__(
        self,
        data: SelectionInput,
        rare: Mapping[str, Rows],
        labels: NDArray[np.integer] | None,
        seeds: int,
    ) -> None:
        names, space_of = data.labels("space")
        finite = finite_rows(data.embeddings) if len(names) == 1 else np.ones(data.row_count, dtype=np.bool_)
        largest = int(np.bincount(space_of, minlength=len(names)).argmax())
        self._rows = np.flatnonzero(finite & (space_of == largest))
        embeddings = data.embeddings[:, np.isfinite(data.embeddings[self._rows]).all(axis=0)]
        self._unit: Unit = unit_or_zero_rows(embeddings, self._rows)
        self._place = np.full(data.row_count, -1, dtype=np.int64)
        self._place[self._rows] = np.arange(len(self._rows))
        self.radius = coverage_radius(self._unit)
        self._rare, self._seeds = rare, seeds
        group_column = "quota_groups" if data.quota_groups is not None else "groups"
        self._groups = data.labels(group_column if getattr(data, group_column) is not None else "clips")[1][self._rows]
        self._labels = None if labels is None else np.asarray(labels)[self._rows]
        self._following: Rows | None = None
        self._places = main_directions(self._unit) if len(self._unit) else np.zeros((0, 1))
        if data.times_s is not None and data.clips is not None and len(self._unit):
            self._clips = data.labels("clips")[1][self._rows]
            self._following = next_rows(self._clips, np.asarray(data.times_s, dtype=np.float64)[self._rows])
            self._motion = motion_in_clips(self._unit, self._clips)

    def budgets(self, length: int) -> Rows:
        """Return the numbers of rows at which the curve has a point."""
        return np.unique(np.linspace(0, length, min(length, _CURVE_POINTS) + 1).astype(np.int64))

    def standing(self, orders: list[Rows], length: int) -> Standing:
        """Return the standing of a strategy that gave these orders, one a seed."""
        placed = [self._place[order[:length]] for order in orders] or [np.zeros(0, dtype=np.int64)]
        inside = [rows[rows >= 0] for rows in placed]
        curves = np.stack([self._curve(places, length) for places in placed])
        ranks = [first_ranks(order[:length], self._rare) for order in orders]
        found = [sum(rank is not None for rank in one.values()) / len(one) for one in ranks if one]
        return Standing(
            coverage=mean_interval(curves[:, -1]),
            redundancy=mean_interval([redundancy(self._unit, rows) for rows in inside]),
            balance=mean_interval([group_balance(self._groups, rows) for rows in inside]),
            error=self._error(inside),
            accuracy=self._accuracy(inside),
            rare_rank=ranks[0] if ranks else {},
            kinds_found=mean_interval(found) if found else None,
            curve=curves.mean(axis=0),
            curve_low=curves.min(axis=0),
            curve_high=curves.max(axis=0),
        )

    def _curve(self, placed: Rows, length: int) -> Floats:
        """Return the coverage at each budget; rows of other spaces (-1) take room in it and cover nothing."""
        ranks = np.append(np.flatnonzero(placed >= 0) + 1, length + 1)
        covered = first_covered(self._unit, placed[placed >= 0], self.radius)
        return coverage_at(ranks[covered - 1], self.budgets(length))

    def _error(self, chosen: list[Rows]) -> Interval | None:
        if self._following is None or len(np.unique(self._groups)) < 2:
            return None
        motion, following, clips = self._motion, self._following, self._clips
        folds = [fold_of_groups(self._groups, seed) for seed in range(self._seeds)]
        errors = [[dynamics_error(motion, following, rows, fold, clips) for fold in folds] for rows in chosen]
        return _interval_over_draws(errors) if np.isfinite(errors).all() else None

    def _accuracy(self, chosen: list[Rows]) -> Interval | None:
        if self._labels is None or len(np.unique(self._groups)) < 2:
            return None
        shares = [[self._right(rows, seed) for seed in range(self._seeds)] for rows in chosen]
        known = [[share for share in each if share is not None] for each in shares]
        return _interval_over_draws([each for each in known if each]) if any(known) else None

    def _right(self, chosen: Rows, seed: int) -> float | None:
        assert self._labels is not None
        fold = fold_of_groups(self._groups, seed)
        right = count = 0
        for number in range(int(fold.max()) + 1):
            learn = chosen[(fold[chosen] != number) & (self._labels[chosen] >= 0)]
            test = np.flatnonzero((fold == number) & (self._labels >= 0))
            if len(np.unique(self._labels[learn])) < 2 or len(test) == 0:
                continue
            model = LogisticRegression(max_iter=1000).fit(self._places[learn], self._labels[learn])
            right += int((model.predict(self._places[test]) == self._labels[test]).sum())
            count += len(test)
        return right / count if count else None


def _interval_over_draws(found: list[list[float]]) -> Interval:
    """Return the interval over selections, each with its mean over splits; over the splits when there is one selection.

    Splits of one selection are not draws of their own: counted as such they would make the interval too narrow.
    """
    return mean_interval(found[0] if len(found) == 1 else [float(np.mean(each)) for each in found])
