"""Which rows may be chosen, what each is worth, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.calibrate import calibrate
from egoclean.core.coverage import on_weight_grid
from egoclean.core.cycles import cycle_repeats, idle_beyond
from egoclean.core.prepare import Prepared
from egoclean.core.selection import Cause, Causes
from egoclean.core.selection_input import SelectionInput
from egoclean.core.signals import Threshold, evaluate_expression, parse_thresholds, signal_names
from egoclean.errors import UsageError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEEDS_EMBEDDING = ("knn", "facility", "kcenter", "cluster")
"""Strategies that leave out rows without an embedding."""


def passing_rows(signals: Mapping[str, Floats], thresholds: tuple[Threshold, ...], row_count: int) -> Flags:
    """Return which rows pass all thresholds, whatever was decided on them: what is counted while a slider moves."""
    passing = np.ones(row_count, dtype=np.bool_)
    for threshold in thresholds:
        passing &= threshold.passes(signals[threshold.signal])
    return passing


def judge(ordered: SelectionInput, config: SelectConfig, prepared: Prepared) -> Causes:
    """Return why rows may not be chosen, or must be, before any is; by position.

    A must-have passes whatever else is said of its row. Of several causes a decision comes first, then the first
    threshold, then a missing embedding, then the thinning of cycles.
    """
    causes = Causes.none(ordered.row_count)
    _apply_thresholds(ordered, thresholds_of(config), causes)
    if config.strategy in NEEDS_EMBEDDING:
        _leave_out(causes, ~prepared.embedded, Cause.NO_EMBEDDING)
    if config.typical_cycles:
        _thin_cycles(ordered, config, prepared, causes)
    return causes


def row_values(data: SelectionInput, config: SelectConfig) -> Floats:
    """Return what each row is worth, in (0, 1): the calibrated signal, ranked among all rows; NaN where it is NaN.

    Without signals, and for the signal ``none``, every row is worth 0.5.

    Raises
    ------
    UsageError : for a signal that is not there.
    """
    names = signal_names(config.signal)
    if not names or not data.signals:
        return np.full(data.row_count, 0.5)
    groups = None if config.calibrate_by == "none" else data.groups
    if groups is None and config.calibration != "robust" and config.signal in names:
        return calibrate(_signal(data, config.signal), None, "rank")
    calibrated = {
        name: calibrate(_signal(data, name), groups, config.calibration)  # type: ignore[arg-type]
        for name in names
    }
    return calibrate(evaluate_expression(config.signal, calibrated), None, "rank")


def row_weights(values: Floats, strength: float) -> Floats:
    """Return how much each row counts: ``1 + strength (2 value - 1)``, on a grid of 1/64; 1 where the value is NaN."""
    return on_weight_grid(1 + strength * (2 * np.where(np.isnan(values), 0.5, values) - 1))


def thresholds_of(config: SelectConfig) -> tuple[Threshold, ...]:
    """Return every threshold of a configuration."""
    thresholds = list(parse_thresholds(config.thresholds))
    if config.minimum_score is not None:
        thresholds.append(Threshold("score", ">=", config.minimum_score))
    if config.maximum_score is not None:
        thresholds.append(Threshold("score", "<=", config.maximum_score))
    return tuple(thresholds)


def _apply_thresholds(data: SelectionInput, thresholds: tuple[Threshold, ...], causes: Causes) -> None:
    for place, threshold in reversed(list(enumerate(thresholds))):
        causes.put(~threshold.passes(_signal(data, threshold.signal)), Cause.THRESHOLD, number=place)
    causes.put(data.flags("must_not"), Cause.MUST_NOT)
    causes.put(data.flags("must_have"), Cause.MUST_HAVE)


def _thin_cycles(ordered: SelectionInput, config: SelectConfig, prepared: Prepared, causes: Causes) -> None:
    if ordered.cycles is None:
        raise UsageError("Typical cycles were asked for, and no cycles are known.", "Run structure first.")
    _, groups = ordered.labels("quota_groups" if ordered.quota_groups is not None else "groups")
    _, clips = ordered.labels("clips")
    spared = ordered.flags("anomalous")
    considered = (causes.cause == Cause.OPEN) & prepared.embedded & ~spared
    cycles = np.where(considered, ordered.cycles, -1)
    for space in prepared.spaces:
        rows = space.positions
        unit = prepared.unit(ordered.embeddings, rows)
        repeats = np.zeros(ordered.row_count, dtype=np.bool_)
        repeats[rows] = cycle_repeats(unit, clips[rows], cycles[rows], groups[rows], config.typical_cycles)
        _leave_out(causes, repeats, Cause.CYCLE_REPEAT)
    idle = ordered.flags("idle") & (causes.cause == Cause.OPEN) & ~spared
    if config.idle_share < 1 and idle.any():
        times_s = ordered.column("times_s", "A share of idle")
        _leave_out(causes, idle_beyond(clips, times_s, idle, groups, config.idle_share), Cause.IDLE)


def _leave_out(causes: Causes, rows: Flags, cause: Cause) -> None:
    causes.put(rows & (causes.cause == Cause.OPEN), cause)


def _signal(data: SelectionInput, name: str) -> Floats:
    if name not in data.signals:
        known = ", ".join(sorted(data.signals)) or "none"
        raise UsageError(f"There is no signal {name!r}.", f"Signals at hand: {known}.")
    return np.asarray(data.signals[name], dtype=np.float64)
