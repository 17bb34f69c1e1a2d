"""Choose which rows to train on: an order with gains and reasons, of which every budget takes a prefix.

The default, ``knn``, takes again and again the row that adds most to the coverage of all eligible rows over a kNN graph
(:mod:`egoclean.core.coverage`), each row weighing what its calibrated signal says. The other strategies are what it
is compared with. Every tie is broken by id, or by the row's bytes without ids, so that the same rows listed in
another way give the same choice.

Defined corners: no eligible row gives an empty selection; identical rows are near-duplicates of the first by id and
come last (or not at all); equal scores weigh alike; a row whose signal is NaN weighs like the middle row and passes no
threshold on that signal; a row whose embedding holds NaN is left out by strategies that need one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.budget import Budget, BudgetKind, parse_budget
from egoclean.core.choosing import Chooser, Parts, Phase
from egoclean.core.duplicates import LEAST_DUPLICATE_SIMILARITY, find_duplicates
from egoclean.core.eligibility import judge, row_values, thresholds_of
from egoclean.core.limits import Cap, Gaps, Quotas, parse_caps
from egoclean.core.prepare import Prepared, prepare
from egoclean.core.selection import Cause, Causes, Selection
from egoclean.core.selection_input import SelectionInput
from egoclean.core.signals import signal_names
from egoclean.core.strategies import GAIN_MEANING, make_picker

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Number = TypeVar("Number", np.int64, np.float64)


def select(data: SelectionInput, config: SelectConfig, prepared: Prepared | None = None) -> Selection:
    """Return exactly ``min(budget, eligible)`` rows in order, fewer only where caps or gaps forbid more.

    Parameters
    ----------
    data : the rows.
    config : strategy, budget, signal, thresholds and limits.
    prepared : what :func:`egoclean.core.prepare.prepare` returned for the same rows; made here when None.

    Raises
    ------
    UsageError : for an option that cannot be met, such as a signal or durations that are not there.
    """
    budget = parse_budget(config.budget)
    if prepared is None:
        prepared = prepare(data, config.neighbours, with_graph=needs_graph(config))
    ordered = data.in_order(prepared.order)
    durations_s = _durations_s(ordered, budget, config.budget)
    values = row_values(ordered, config)
    causes = judge(ordered, config, prepared)
    closed = ~np.isin(causes.cause, (Cause.OPEN, Cause.MUST_HAVE))
    apart = np.zeros_like(closed)
    if config.near_duplicates != "keep":
        apart = _mark_duplicates(config.near_duplicate, prepared, values, causes, closed)
    demanded = closed.copy()
    if config.near_duplicates == "drop":
        closed |= apart
    group_names, group_of = ordered.labels("quota_groups" if ordered.quota_groups is not None else "groups")
    phase_of = np.where(apart, Phase.NEAR_DUPLICATE, Phase.NORMAL)
    phase_of[causes.cause == Cause.MUST_HAVE] = Phase.MUST_HAVE
    eligible_count = int((~closed).sum())
    caps = parse_caps(config.cap, list(group_names))
    # Groups without limits need no parts of their own: a part costs time at every row.
    limited = config.least_per_group > 0 or any(cap != Cap() for cap in caps.values())
    part_group_of, part_caps = (group_of, list(caps.values())) if limited else (np.zeros_like(group_of), [Cap()])
    parts = Parts.of(phase_of, prepared.space_of, part_group_of, closed, len(prepared.spaces))
    quotas = Quotas(dict(enumerate(part_caps)), list(parts.space_sizes))
    picker, scale = make_picker(ordered, config, prepared, values, parts.part_of, closed, demanded)
    chooser = Chooser(picker, parts, quotas, closed, causes, _gaps(ordered, config), _enough(ordered, budget))
    chooser.run(config.least_per_group)
    order = prepared.order
    return Selection(
        order=order[np.array(chooser.order, dtype=np.int64)],
        gains=np.array(chooser.gains) / scale,
        length=len(chooser.order),
        row_count=data.row_count,
        eligible_count=eligible_count,
        budget=budget,
        strategy=config.strategy,
        gain_meaning=GAIN_MEANING[config.strategy],
        complete=chooser.exhausted,
        causes=causes.listed_as(order),
        groups=_listed_as(group_of, order),
        caps=tuple(caps.items()),
        durations_s=None if durations_s is None else _listed_as(durations_s, order),
        names=data.ids,
        thresholds=tuple(f"{item.signal} {item.sign} {item.value:g}" for item in thresholds_of(config)),
        notes=_notes(data, config) + prepared.notes,
        recall=prepared.recall,
    ).cut(budget)


def needs_graph(config: SelectConfig) -> bool:
    """Return whether a selection with this configuration looks at the kNN graph."""
    return config.strategy == "knn" or config.near_duplicates != "keep"


def _mark_duplicates(cosine: float, prepared: Prepared, values: Floats, causes: Causes, closed: Flags) -> Flags:
    """Write the near-duplicates among the rows that are not closed into ``causes`` and return them."""
    assert prepared.close_pairs is not None
    threshold = np.ones(len(closed), dtype=np.float32)
    for space in prepared.spaces:
        assert space.graph is not None
        similarity = max(space.graph.similarity_of(cosine), LEAST_DUPLICATE_SIMILARITY)
        threshold[space.positions] = np.float32(min(similarity, 1.0))
    must_have = causes.cause == Cause.MUST_HAVE
    first = np.lexsort((np.arange(len(closed)), -np.nan_to_num(values, nan=-1.0), ~must_have))
    priority = np.empty(len(closed), dtype=np.int64)
    priority[first] = np.arange(len(closed))
    found = find_duplicates(prepared.close_pairs, threshold, ~closed, priority)
    apart: Flags = (found.kept_for >= 0) & ~must_have
    for space in prepared.spaces:
        assert space.graph is not None
        rows = space.positions[apart[space.positions]]
        cosines = [space.graph.cosine_of(float(value)) for value in found.similarity[rows]]
        causes.put(rows, Cause.NEAR_DUPLICATE, other=found.kept_for[rows], number=cosines)
    return apart


def _durations_s(ordered: SelectionInput, budget: Budget, text: str) -> Floats | None:
    if budget.kind is BudgetKind.DURATION or ordered.durations_s is not None:
        return ordered.column("durations_s", f"The budget {text!r}")
    return None


def _gaps(ordered: SelectionInput, config: SelectConfig) -> Gaps | None:
    if config.least_gap_s <= 0:
        return None
    _, clips = ordered.labels("clips")
    return Gaps(clips, ordered.column("times_s", "A least gap in time"), config.least_gap_s)


def _enough(ordered: SelectionInput, budget: Budget) -> Callable[[list[int]], bool]:
    if budget.kind is not BudgetKind.DURATION:
        most = budget.most_rows(ordered.row_count)
        return lambda order: len(order) >= most
    durations_s = ordered.column("durations_s", "A budget in time")
    spent = [0.0, 0.0]

    def over(order: list[int]) -> bool:
        spent[0] += float(durations_s[order[int(spent[1]) :]].sum())
        spent[1] = len(order)
        return spent[0] > float(budget.amount)

    return over


def _notes(data: SelectionInput, config: SelectConfig) -> tuple[str, ...]:
    if not data.signals and signal_names(config.signal):
        return ("No signals were given: every row weighs alike.",)
    return ()


def _listed_as(values: NDArray[Number], order: Rows) -> NDArray[Number]:
    result = np.empty_like(values)
    result[order] = values
    return result
