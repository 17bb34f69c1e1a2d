"""Holes in a clip's footage: nothing is said of them, and nothing that is said reaches across one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from egoclean.core.repeats import Cycle
from egoclean.core.similarity import Float64
from egoclean.core.work import REPETITIVE, Segment

GAP = "gap"
"""Label of a segment without footage; its ``work`` is -1."""

LEAST_GAP_S = 1.0
"""A shorter hole is passed over, seconds."""

_MOST_OF_A_CYCLE = 0.25
_SLIVER_S = 3.0

Spans = Sequence[tuple[float, float]]


def gap_spans(starts_s: Float64, length_s: float, least_s: float = LEAST_GAP_S) -> list[tuple[float, float]]:
    """Return the spans, in seconds, of at least ``least_s`` from one window's end to the next one's start, in order.

    ``length_s`` is what a window stands for: its length, or the stride where that is longer.
    """
    stops_s = starts_s[:-1] + length_s
    return [
        (float(stop_s), float(start_s))
        for stop_s, start_s in zip(stops_s, starts_s[1:], strict=True)
        if start_s - stop_s >= least_s - 1e-9
    ]


def cut_out(segments: Iterable[Segment], gaps: Spans) -> tuple[Segment, ...]:
    """Return the segments with each gap as one of its own, labelled :data:`GAP`; they still partition the clip.

    What is left of a segment beside a gap when it is under 3 s, and repeating work goes on at its other side, belongs
    to that work: so close to a hole there is too little to tell them apart.
    """
    found: list[Segment] = []
    for segment in segments:
        at = segment.start_s
        for start_s, stop_s in gaps:
            if start_s < segment.stop_s and stop_s > segment.start_s:
                if start_s > at:
                    found.append(replace(segment, start_s=at, stop_s=start_s))
                at = min(stop_s, segment.stop_s)
                found.append(Segment(max(start_s, segment.start_s), at, GAP, -1, 0.0, 0.0, None, 0.0))
        if at < segment.stop_s:
            found.append(replace(segment, start_s=at))
    return tuple(_without_slivers(_joined(found))) if gaps else tuple(found)


def whole_cycles(cycles: Iterable[Cycle], gaps: Spans) -> tuple[Cycle, ...]:
    """Return the cycles of which at most a quarter lies in a gap: the others were not seen."""
    return tuple(
        cycle for cycle in cycles if _shared_s(cycle, gaps) <= _MOST_OF_A_CYCLE * (cycle.stop_s - cycle.start_s) + 1e-9
    )


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    found: list[Segment] = []
    for segment in segments:
        if found and segment.label == GAP == found[-1].label:
            found[-1] = replace(found[-1], stop_s=segment.stop_s)
        else:
            found.append(segment)
    return found


def _without_slivers(segments: Sequence[Segment]) -> list[Segment]:
    left = list(segments)
    found: list[Segment] = []
    for index, segment in enumerate(left):
        label_before = left[index - 1].label if index else None
        label_after = left[index + 1].label if index + 1 < len(left) else None
        is_sliver = segment.label not in (GAP, REPETITIVE) and segment.stop_s - segment.start_s < _SLIVER_S
        if is_sliver and (label_before, label_after) == (REPETITIVE, GAP):
            found[-1] = replace(found[-1], stop_s=segment.stop_s)
        elif is_sliver and (label_before, label_after) == (GAP, REPETITIVE):
            left[index + 1] = replace(left[index + 1], start_s=segment.start_s)
        else:
            found.append(segment)
    return found


def _shared_s(cycle: Cycle, gaps: Spans) -> float:
    return sum(max(0.0, min(cycle.stop_s, stop_s) - max(cycle.start_s, start_s)) for start_s, stop_s in gaps)
