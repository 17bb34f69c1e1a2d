"""Temporal structure of one clip: when it repeats, when it changes, when it is unlike itself. Arrays in, arrays out.

Conventions: a window's value stands at its centre (start + window / 2); a span is the union of its points'
centre +- stride / 2, half-open. Times are seconds from the clip's first frame.

References: Foote (2000) for novelty; Ellis (2007) for the chain of cycles; Otsu (1979) for the published threshold;
Truong, Oudre and Vayatis (2020) for change points by ruptures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from egoclean.config import StructureConfig
from egoclean.core.anomaly import Anomaly, moving_average, published_anomalies
from egoclean.core.gaps import cut_out, gap_spans, whole_cycles
from egoclean.core.interruptions import odd_stretches
from egoclean.core.period import (
    Period,
    PeriodOverTime,
    cut,
    estimate_period,
    keeps_rhythm,
    lag_spectrum,
    period_over_time,
)
from egoclean.core.repeats import Cycle, cycle_starts, describe_cycles, regularity
from egoclean.core.segments import (
    GLANCE_S,
    PENALTIES,
    STRICT_PENALTY,
    change_points_of_each,
    delay_rows,
    match_profile,
    novelty_curve,
)
from egoclean.core.shifts import APART_S, Shift, find_shifts, match_residuals
from egoclean.core.similarity import Float32, Float64, Floats, autocorrelation, change_signal, regress_out, typicality
from egoclean.core.stream import Stream, make_stream, slower
from egoclean.core.work import Segment, Segmentation, Work, find_segments

LEAST_SEGMENT_S = 0.6
"""The edge of a shift this close to a boundary is that boundary."""

CLOSE_SHARE = 0.1
"""A lower penalty is kept when the share of repeating time it gives is at most this much below the greatest."""

LEAST_CONFIDENCE, SURE_REPEATS = 0.235, 7.0
"""Least confidence of a clip's clearest period: each way to cut a clip is a further chance to find one by luck. A work
of fewer repeats must be as much clearer: what wanders slowly comes back by itself."""

STRUCTURE_VERSION = 2
"""Version of ``NAME_structure.json``."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """Everything found in one clip. Arrays of shape ``(n,)`` stand at ``centres_s``.

    ``change[0]`` is NaN: the first window has no predecessor. ``anomaly_score`` is the smoothed published score;
    ``novelty`` and ``lag_spectrum`` have their own axes ``novelty_s`` and ``lags_s``. With covariates, ``change_left``
    is the change signal without what they explain and ``change_explained`` the share of its variance that they do;
    ``typicality_elsewhere`` is each window's mean cosine with the same worker's other clips. None when not given.
    """

    window_s: float
    stride_s: float
    starts_s: Float64
    centres_s: Float64
    change: Float64
    typicality: Float64
    anomaly_score: Float64
    autocorrelation: Float64
    lags_s: Float64
    lag_spectrum: Float64
    novelty_s: Float64
    novelty: Float64
    period: Period
    regularity: float | None
    cycles: tuple[Cycle, ...]
    segments: tuple[Segment, ...]
    anomalies: tuple[Anomaly, ...]
    published_anomalies: tuple[Anomaly, ...]
    over_time: PeriodOverTime
    change_left: Float64 | None = None
    change_explained: float | None = None
    typicality_elsewhere: Float64 | None = None

    @property
    def period_s(self) -> float | None:
        """The clip's period, or None."""
        return self.period.period_s


def analyse(
    embeddings: Floats,
    times_s: ArrayLike,
    tokens: Floats | None = None,
    window_s: float | None = None,
    config: StructureConfig | None = None,
    *,
    covariates: ArrayLike | None = None,
    elsewhere: tuple[Float64, int] | None = None,
) -> Structure:
    """Return the temporal structure of one clip.

    Parameters
    ----------
    embeddings : one row a window, shape ``(n, d)``, any float type; lengths of rows do not matter.
    times_s : start of each window, seconds, strictly increasing, shape ``(n,)``.
    tokens : ``(n, t, d)``, in time order within the window; makes periods below two strides measurable.
    window_s : length of a window; default one stride.
    covariates : what else moves the change signal, ``(n,)`` or ``(n, c)``: the head's rotation, blur; NaN for unknown.
    elsewhere : the sum of unit rows of the same worker's other clips and their number, from
        :func:`~egoclean.core.similarity.direction_sum`; tells what is rare here from what is rare everywhere.

    Raises
    ------
    ValueError : for NaN, infinite or zero rows (by number), times that do not increase (by row), lengths that differ
        (both shapes), or no windows. One window, or constant embeddings, give no cycles and no anomalies. A hole in
        the footage is a segment of its own, labelled ``gap``: no cycle and no anomaly reaches across it.
    """
    # Thousands of small products: on a busy machine threads that wait for each other take twice the time of one.
    with threadpool_limits(limits=1, user_api="blas"):
        return _analyse(embeddings, times_s, tokens, window_s, config or StructureConfig(), covariates, elsewhere)


def _analyse(
    embeddings: Floats,
    times_s: ArrayLike,
    tokens: Floats | None,
    window_s: float | None,
    config: StructureConfig,
    covariates: ArrayLike | None,
    elsewhere: tuple[Float64, int] | None,
) -> Structure:
    starts = check_inputs(embeddings, times_s, tokens)
    if window_s is not None and not (math.isfinite(window_s) and window_s > 0):
        raise ValueError(f"window_s must be a positive number of seconds, found {window_s}.")
    stride_s = float(np.median(np.diff(starts))) if len(starts) > 1 else float(window_s or 1.0)
    length_s = float(window_s) if window_s else stride_s
    richest = embeddings if tokens is None else tokens
    change = change_signal(embeddings)
    typical = typicality(richest, name="embeddings" if tokens is None else "tokens")
    centres = starts + length_s / 2
    found_published = published_anomalies(
        typical,
        centres,
        stride_s,
        smoothing=config.smoothing,
        debounce=config.debounce,
        minimum_s=config.minimum_anomaly_s,
    )
    stream = make_stream(richest, starts, length_s, stride_s)
    coarse, rows, parts = _segment(stream)
    blocks, apart = parts.cycle_long_blocks(coarse), coarse.steps(APART_S)
    residuals = match_residuals(rows, coarse.values, blocks, apart)
    residuals[~coarse.present] = np.nan
    shifts = find_shifts(residuals, np.repeat(parts.groups, np.diff(parts.edges)), coarse.step_s)
    edges = [edge for shift in shifts for edge in (shift.first, shift.stop)]
    gaps = gap_spans(starts, max(length_s, stride_s))
    segments = cut_out(parts.split(edges, coarse.steps(LEAST_SEGMENT_S)).segments(coarse), gaps)
    busy = _repeating_points(stream, parts.works)
    by_work = [whole_cycles(_cycles(stream, work, busy), gaps) for work in parts.works]
    period = _main_period(parts.works)
    cycles = tuple(sorted((cycle for found in by_work for cycle in found), key=lambda cycle: cycle.start_s))
    odd = [*odd_stretches(segments, config.minimum_anomaly_s), *_shifted(shifts, coarse, config.minimum_anomaly_s)]
    left, explained = (None, None) if covariates is None else regress_out(change, covariates)
    apart_from_clip = typicality(embeddings)
    apart_from_worker = None if elsewhere is None else typicality(embeddings, elsewhere)
    odd = [_with_rarity(anomaly, centres, apart_from_clip, apart_from_worker) for anomaly in odd]
    spectrum = lag_spectrum(stream, max(2, int(len(stream.values) * 0.6)))
    return Structure(
        window_s=length_s,
        stride_s=stride_s,
        starts_s=starts,
        centres_s=centres,
        change=change,
        typicality=typical,
        anomaly_score=moving_average(1.0 - typical, config.smoothing),
        autocorrelation=autocorrelation(change),
        lags_s=stream.step_s * np.arange(len(spectrum), dtype=np.float64),
        lag_spectrum=spectrum,
        novelty_s=coarse.times_s - coarse.step_s / 2,
        novelty=novelty_curve(coarse, period.period_s or 4.0),
        period=period,
        regularity=regularity(cycles),
        cycles=cycles,
        segments=segments,
        anomalies=tuple(sorted(odd, key=lambda anomaly: anomaly.start_s)),
        published_anomalies=found_published,
        over_time=period_over_time(stream, period.period_s),
        change_left=left,
        change_explained=explained,
        typicality_elsewhere=apart_from_worker,
    )


def check_inputs(embeddings: Floats, times_s: ArrayLike, tokens: Floats | None) -> Float64:
    """Return ``times_s`` as float64 once shapes and order are right; rows are checked where they are used."""
    rows, starts = np.asarray(embeddings), np.asarray(times_s, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"embeddings must have shape (n, d) with at least one row, found {rows.shape}.")
    if starts.shape != (len(rows),):
        raise ValueError(f"times_s must have one value a row: embeddings {rows.shape}, times {starts.shape}.")
    if tokens is not None and (tokens.ndim != 3 or len(tokens) != len(rows) or tokens.size == 0):
        raise ValueError(f"tokens must have shape (n, t, d): embeddings {rows.shape}, tokens {tokens.shape}.")
    if not np.isfinite(starts).all():
        raise ValueError(f"Row {int(np.argmin(np.isfinite(starts)))} of times_s is not a finite number.")
    steps = np.diff(starts)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        raise ValueError(f"times_s must increase: row {row} ({starts[row]} s) follows {starts[row - 1]} s.")
    return starts


def _segment(stream: Stream) -> tuple[Stream, Float32, Segmentation]:
    coarse = slower(stream, max(1, round(0.2 / stream.step_s)))
    first_guess = estimate_period([stream])
    block_s = max(4.0, 1.25 * (first_guess.period_s or 0.0))
    rows = delay_rows(coarse)
    profile = match_profile(rows, coarse.steps(block_s))
    least, memory, glance = max(2, coarse.steps(2.0)), 1.0 / coarse.step_s, coarse.steps(GLANCE_S)
    *usual, strict = change_points_of_each(profile, least, memory, glance, (*PENALTIES, STRICT_PENALTY))
    tried: list[Segmentation] = []
    for edges in {tuple(edges.tolist()): edges for edges in usual}.values():
        parts = find_segments(stream, coarse, rows, edges)
        if _is_believed(parts, stream.step_s):
            tried.append(parts)
            if tried[0].worked_share() >= 1.0 - CLOSE_SHARE:
                break  # no other can give much more
    if not tried:
        parts = find_segments(stream, coarse, rows, strict)
        return coarse, rows, parts if _is_believed(parts, stream.step_s) else parts.without_periods()
    most = max(parts.worked_share() for parts in tried)
    return coarse, rows, next(parts for parts in tried if parts.worked_share() >= most - CLOSE_SHARE)


def _is_believed(parts: Segmentation, step_s: float) -> bool:
    return any(
        work.period.confidence * min(1.0, work.repeats(step_s) / SURE_REPEATS) >= LEAST_CONFIDENCE
        for work in parts.works
    )


def _main_period(works: Sequence[Work]) -> Period:
    """Return the period of the longest work that repeats; of the longest work when nothing repeats."""
    # Time in whole cycles would put works of long cycles back: what is cut at both ends counts for nothing there.
    repeating = [work for work in works if work.period.period_s is not None]
    return max(repeating or works, key=Work.worked_points).period


def _cycles(stream: Stream, work: Work, busy: NDArray[np.bool_]) -> tuple[Cycle, ...]:
    if work.period.period_s is None:
        return ()
    spans = _with_interludes(stream, work, busy)
    return describe_cycles(stream, [cycle_starts(stream, first, stop, work.period.period_s) for first, stop in spans])


def _repeating_points(stream: Stream, works: Sequence[Work]) -> NDArray[np.bool_]:
    busy = np.zeros(len(stream.values), dtype=np.bool_)
    for first, stop in (span for work in works if work.period.period_s is not None for span in work.spans):
        busy[first:stop] = True
    return busy


def _with_interludes(stream: Stream, work: Work, busy: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the work's spans, joined where the work keeps its rhythm in between, as it does in another light."""
    assert work.period.period_s is not None
    spans = [work.spans[0]]
    for first, stop in work.spans[1:]:
        before = spans[-1]
        between = cut(stream, before[1], first)
        if not busy[before[1] : first].any() and keeps_rhythm(between, work.period.period_s):
            spans[-1] = (before[0], stop)
        else:
            spans.append((first, stop))
    return spans


def _with_rarity(anomaly: Anomaly, centres_s: Float64, here: Float64, elsewhere: Float64 | None) -> Anomaly:
    inside = (centres_s >= anomaly.start_s) & (centres_s < anomaly.stop_s)
    if not inside.any():
        return anomaly
    everywhere = None if elsewhere is None else float(1.0 - elsewhere[inside].mean())
    return replace(anomaly, rare_here=float(1.0 - here[inside].mean()), rare_everywhere=everywhere)


def _shifted(shifts: list[Shift], coarse: Stream, minimum_s: float) -> list[Anomaly]:
    start_s, step_s = coarse.start_s - coarse.step_s / 2, coarse.step_s
    return [
        Anomaly(
            start_s + shift.first * step_s,
            start_s + shift.stop * step_s,
            start_s + (shift.peak + 0.5) * step_s,
            shift.separation,
            shift.least,
            "shift",
            "looks different while the work goes on",
        )
        for shift in shifts
        if (shift.stop - shift.first) * step_s >= minimum_s
    ]


def structure_to_dict(structure: Structure) -> dict[str, Any]:
    """Return ``NAME_structure.json`` as plain data: strict JSON, NaN as None, arrays as lists."""
    cycles = [_plain(cycle) for cycle in structure.cycles]
    deviations = [cycle.deviation for cycle in structure.cycles]
    return {
        "structure_version": STRUCTURE_VERSION,
        "window_s": structure.window_s,
        "stride_s": structure.stride_s,
        "period_s": structure.period_s,
        "period": _plain(structure.period),
        "regularity": structure.regularity,
        "cycle_count": len(cycles),
        "most_typical_cycle": int(np.argmin(deviations)) if cycles else None,
        "most_deviant_cycle": int(np.argmax(deviations)) if cycles else None,
        "cycles": cycles,
        "segments": [_plain(segment) for segment in structure.segments],
        "anomalies": [_plain(anomaly) for anomaly in structure.anomalies],
        "published_anomalies": [_plain(anomaly) for anomaly in structure.published_anomalies],
        "change_explained": structure.change_explained,
        "over_time": {
            "span_s": structure.over_time.span_s,
            "centres_s": _listed(structure.over_time.centres_s),
            "periods_s": _listed(structure.over_time.periods_s),
        },
        **{name: _listed(getattr(structure, name)) for name in _ARRAYS},
        **{
            name: None if getattr(structure, name) is None else _listed(getattr(structure, name))
            for name in ("change_left", "typicality_elsewhere")
        },
    }


_ARRAYS = (
    "starts_s",
    "centres_s",
    "change",
    "typicality",
    "anomaly_score",
    "autocorrelation",
    "lags_s",
    "lag_spectrum",
    "novelty_s",
    "novelty",
)


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _listed(values: Float64) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
