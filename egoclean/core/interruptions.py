"""What interrupts the work: stretches of a clip that none of its usual works explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from egoclean.core.anomaly import Anomaly
from egoclean.core.gaps import GAP
from egoclean.core.work import REPETITIVE, Segment

AT_END = 1.5
"""How much longer a stretch must be that starts or stops with the clip: half of what would explain it is missing."""

COMMON_SHARE, COMMON_S, COMMON_RECURRENCE = 1 / 3, 12.0, 0.8
"""A stretch that fills more than this share of the clip and lasts this long, and is found again in itself this well, is
another work whose period could not be found rather than something unlike the rest."""


def odd_stretches(segments: Sequence[Segment], minimum_s: float) -> tuple[Anomaly, ...]:
    """Return the stretches of at least ``minimum_s`` seconds that belong to no usual work, with how they recur.

    Usual are the works that repeat; where none does, one that was left and taken up again and fills half the clip. A
    clip without usual work has no such stretch: there is nothing to be unlike.
    """
    usual = _usual_works(segments)
    if not usual:
        return ()
    by_kind = groupby(segments, lambda segment: segment.label != GAP and segment.work not in usual)
    found = []
    clip_s = _length_s(segments)
    for run in [list(stretch) for is_odd, stretch in by_kind if is_odd]:
        worst = min(run, key=lambda segment: segment.recurrence)
        start_s, stop_s = run[0].start_s, run[-1].stop_s
        is_cut_off = run[0] is segments[0] or run[-1] is segments[-1]
        least_s = minimum_s * (AT_END if is_cut_off else 1.0)
        if stop_s - start_s >= least_s and not _is_common(run, clip_s):
            peak_s = (worst.start_s + worst.stop_s) / 2
            found.append(Anomaly(start_s, stop_s, peak_s, 1.0 - worst.recurrence, 0.5, "recurrence", worst.label))
    return tuple(found)


def _usual_works(segments: Sequence[Segment]) -> set[int]:
    repeating = {segment.work for segment in segments if segment.label == REPETITIVE}
    if repeating:
        return repeating
    taken_up = Counter(segment.work for segment in segments if segment.label != GAP)
    least_s = _length_s(segments) / 2
    return {
        work
        for work, times in taken_up.items()
        if times > 1 and _length_s([segment for segment in segments if segment.work == work]) >= least_s
    }


def _length_s(segments: Sequence[Segment]) -> float:
    return sum(segment.stop_s - segment.start_s for segment in segments if segment.label != GAP)


def _is_common(run: list[Segment], clip_s: float) -> bool:
    length_s = run[-1].stop_s - run[0].start_s
    recurs = min(segment.recurrence for segment in run) >= COMMON_RECURRENCE
    return recurs and length_s >= max(COMMON_S, COMMON_SHARE * clip_s)
