"""Which stretches of a clip are the same work, and whether that work repeats, happens once, or is idleness.

Two stretches are the same work when the moments of each are found again in the other about as well as the moments of
a repeating stretch are found again in itself. Their lag spectra are then pooled, so that work which an interruption
cut in pieces of two cycles still shows its period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from egoclean.core.period import Period, cut, estimate_period, pooled_lag_spectrum
from egoclean.core.recognise import NO_WORK, cycle_blocks, join_alike, points_of, recognise, sharpen
from egoclean.core.segments import delay_rows
from egoclean.core.shifts import overlapping_blocks
from egoclean.core.similarity import Float32, Float64
from egoclean.core.stream import Stream

REPETITIVE, ONE_OFF, IDLE = "repetitive", "one-off", "idle"

Edges = NDArray[np.int64]

BLOCK_PERIODS = 1.25
"""Length of the blocks a repeating work is cut into, periods: each holds every phase of a cycle."""

JOIN_SHARE = 0.75
"""Two repeating works are one when they match each other at least this well, as a share of their own match."""

JOIN_SHARE_AT_ONE_PERIOD = 0.45
"""The same where their periods agree."""

GLANCE_S = 3.0
"""Seconds of the running median on matches: a look away of half of it does not end the work."""

LEAST_S = 3.0
"""Shortest stretch between two works that is no work, seconds."""

SWITCH_S = 0.3
"""Cost of a change of work: that of not matching at all for this long, seconds."""

REACH_S = 2.5
"""How far the end of an interruption may be moved to where it fits best, seconds."""

_SHARP_S, _SHARP_APART_S = 0.8, 1.6
_SAME_WORK = 0.8
_TOO_WEAK = "the clip's best lag stands out too little to be told from chance"
_STILL = 0.6
_MOST_REFERENCES, _MOST_ASKED = 20_000, 1000
_APART_S = 2.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch between two boundaries, ``[start_s, stop_s)``, and the evidence for its label.

    ``work`` numbers the work it belongs to, from 0: segments of one number are the same work. ``recurrence`` is how
    well its moments are found again in other stretches or at least 2 s apart in itself, as a share of how well the
    clip's usual work is. ``stillness`` is its similarity 1 to 2 s apart as a share of that at 0.1 s. ``period_s`` and
    ``confidence`` are those of the work.
    """

    start_s: float
    stop_s: float
    label: str
    work: int
    recurrence: float
    stillness: float
    period_s: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Work:
    """Stretches ``(first, stop)`` of points that are the same work, its period and its label."""

    spans: tuple[tuple[int, int], ...]
    period: Period
    stillness: float
    label: str

    def worked_points(self) -> int:
        """Return the number of points in its stretches."""
        return sum(stop - first for first, stop in self.spans)

    def repeats(self, step_s: float) -> float:
        """Return how many cycles long its stretches are together, at ``step_s`` seconds a point; 0 for no period."""
        return 0.0 if self.period.period_s is None else self.worked_points() * step_s / self.period.period_s


def match_levels(rows: Float32, edges: Edges, apart_points: int) -> Float64:
    """Return ``out[a, b]``: how well the median moment of stretch ``a`` is matched by the best moment of ``b``.

    The median is over at most some 1000 moments of the clip, evenly spread. On the diagonal, moments less than
    ``apart_points`` apart do not count; a stretch too short for that has -1. ``edges`` may leave out parts of the clip.
    """
    spans = [(int(first), int(stop)) for first, stop in pairwise(edges)]
    asked = [_some(first, stop, _MOST_ASKED, len(rows)) for first, stop in spans]
    starts = np.cumsum([0, *map(len, asked)])
    queries = rows[np.concatenate(asked)]
    levels = np.full((len(spans), len(spans)), -1.0)
    for column, (first, stop) in enumerate(spans):
        chosen = _some(first, stop, _MOST_REFERENCES, len(rows))
        alike = queries @ rows[chosen].T
        levels[:, column] = _medians(alike.max(axis=1), starts)
        levels[column, column] = -1.0
        if stop - first > 2 * apart_points:
            own = alike[starts[column] : starts[column + 1]]
            own[np.abs(asked[column][:, None] - chosen[None, :]) < apart_points] = -1.0
            levels[column, column] = float(np.median(own.max(axis=1)))
    return levels


def _medians(values: Float32, starts: Edges) -> Float64:
    """Return the median of each stretch of cosines; ``starts`` are their first places and, last, the number."""
    lengths = np.diff(starts)
    # Cosines span 2, so 4 apart the stretches keep their order in one plain sort, a tenth of the time of a lexsort.
    apart = np.repeat(4.0 * np.arange(len(lengths)), lengths)
    ordered = np.sort(values + apart) - apart
    return np.asarray((ordered[starts[:-1] + (lengths - 1) // 2] + ordered[starts[:-1] + lengths // 2]) / 2)


def _some(first: int, stop: int, most: int, count: int) -> Edges:
    """Return points of a stretch, evenly spread, its share of ``most`` in a clip of ``count``, but at least 32."""
    wanted = min(stop - first, max(32, round((stop - first) * most / max(most, count))))
    return np.unique(np.linspace(first, stop - 1, wanted).astype(np.int64))


def usual_level(levels: Float64, edges: Edges) -> float:
    """Return the median over the clip's time of how well a stretch is found again in itself; 1 when none can be."""
    own, lengths = np.diag(levels), np.diff(edges).astype(np.float64)
    known = own > -1.0
    if not known.any():
        return 1.0
    order = np.argsort(own[known])
    share = np.cumsum(lengths[known][order]) / lengths[known].sum()
    return float(own[known][order][np.searchsorted(share, 0.5)])


def merge_same_work(rows: Float32, edges: Edges, apart_points: int) -> Edges:
    """Return ``edges`` without those between two neighbours that are the same work, the most alike joined first."""
    known: dict[tuple[int, int, int], Float64] = {}

    def levels_of(first: int, middle: int, stop: int) -> Float64:
        if (first, middle, stop) not in known:
            known[first, middle, stop] = match_levels(rows, np.array([first, middle, stop]), apart_points)
        return known[first, middle, stop]

    while len(edges) > 2:
        pairs = [levels_of(*map(int, edges[index : index + 3])) for index in range(len(edges) - 2)]
        own = np.array([pairs[0][0, 0], *(levels[1, 1] for levels in pairs)])
        neighbours = np.array([min(levels[0, 1], levels[1, 0]) for levels in pairs])
        if not (neighbours >= _SAME_WORK * max(usual_level(np.diag(own), edges), 1e-6)).any():
            break
        edges = np.delete(edges, 1 + int(np.argmax(neighbours)))
    return edges


def group_same_work(levels: Float64, usual: float) -> NDArray[np.int64]:
    """Return the number of the work each stretch belongs to: chains of mutual matches share one number."""
    from scipy.sparse.csgraph import connected_components

    mutual = np.minimum(levels, levels.T) >= _SAME_WORK * max(usual, 1e-6)
    np.fill_diagonal(mutual, True)
    return np.asarray(connected_components(mutual, directed=False)[1], dtype=np.int64)


def describe_work(stream: Stream, spans: tuple[tuple[int, int], ...]) -> Work:
    """Return the work of several stretches ``(first, stop)`` of ``stream`` with period and label."""
    parts = [cut(stream, first, stop) for first, stop in spans]
    period = estimate_period(parts)
    still = _stillness(parts)
    whole = sum(stop - first for first, stop in spans) >= 0.9 * len(stream.values)
    return Work(spans, period, still, _label(period, still, whole))


def _label(period: Period, still: float, whole: bool) -> str:
    return REPETITIVE if period.period_s is not None else IDLE if still >= _STILL or whole else ONE_OFF


def _stillness(parts: list[Stream]) -> float:
    step_s = parts[0].step_s
    spectrum = pooled_lag_spectrum(parts, int(2.0 / step_s) + 2)
    near = spectrum[max(1, round(0.1 / step_s))]
    far = spectrum[max(1, int(1.0 / step_s)) :]
    far = far[np.isfinite(far)]
    return float(np.clip(far.mean() / near, 0.0, 1.0)) if len(far) and near > 1e-6 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A clip cut into segments: the first coarse point of each and the number of points, and the work of each.

    ``groups`` and ``recurrence`` have one value a segment; ``groups`` are indices into ``works``.
    """

    edges: Edges
    groups: Edges
    recurrence: Float64
    works: tuple[Work, ...]

    def segments(self, coarse: Stream) -> tuple[Segment, ...]:
        """Return the labelled segments in seconds."""
        bounds_s = coarse.start_s + (self.edges - 0.5) * coarse.step_s
        return tuple(
            _segment(start_s, stop_s, int(group), self.works[group], float(share))
            for (start_s, stop_s), group, share in zip(pairwise(bounds_s), self.groups, self.recurrence, strict=True)
        )

    def worked_share(self) -> float:
        """Return the share of the clip's time that belongs to repeating work."""
        worked = sum(work.worked_points() for work in self.works if work.label == REPETITIVE)
        return worked / max(1, sum(work.worked_points() for work in self.works))

    def without_periods(self) -> Segmentation:
        """Return the segmentation with no work called repeating, because its periods are too weak to be believed."""
        total = sum(work.worked_points() for work in self.works)
        works = []
        for work in self.works:
            weak = work.period.period_s is not None
            period = replace(work.period, period_s=None, reason=_TOO_WEAK) if weak else work.period
            whole = work.worked_points() >= 0.9 * total
            works.append(replace(work, period=period, label=_label(period, work.stillness, whole)))
        return replace(self, works=tuple(works))

    def cycle_long_blocks(self, coarse: Stream) -> list[Edges]:
        """Return for each repeating work the overlapping coarse blocks, about a cycle long, that fill its segments."""
        spans = list(pairwise(self.edges.tolist()))
        return [
            overlapping_blocks(
                [spans[index] for index in np.flatnonzero(self.groups == number)],
                coarse.steps(BLOCK_PERIODS * work.period.period_s),
                coarse.steps(work.period.period_s / 2),
            )
            for number, work in enumerate(self.works)
            if work.period.period_s is not None
        ]

    def split(self, points: Sequence[int], apart_points: int) -> Segmentation:
        """Return the segmentation with further edges, but for those closer than ``apart_points`` to an edge."""
        edges = self.edges.tolist()
        for point in points:
            if min(abs(point - edge) for edge in edges) >= apart_points:
                edges.append(point)
        cuts = np.array(sorted(edges), dtype=np.int64)
        parents = np.searchsorted(self.edges, cuts[:-1], side="right") - 1
        return Segmentation(cuts, self.groups[parents], self.recurrence[parents], self.works)


def find_segments(stream: Stream, coarse: Stream, rows: Float32, edges: Edges) -> Segmentation:
    """Return the segments and their works from rough boundaries on ``coarse``, a slower copy of ``stream``.

    ``rows`` are the delay rows of ``coarse``. Stretches of the same work are joined and grouped; each work that
    repeats is then recognised moment by moment, which gives the final boundaries.
    """
    apart = coarse.steps(_APART_S)
    edges = merge_same_work(rows, edges, apart)
    levels = match_levels(rows, edges, apart)
    usual = max(usual_level(levels, edges), 1e-6)
    groups = group_same_work(levels, usual)
    works = _works(stream, coarse, edges, groups)
    repeating = _repeating(rows, coarse, edges, groups, works)
    if repeating:
        shown = _shown(coarse, rows, [blocks for blocks, _ in repeating])
        edges = np.array([0, *(np.flatnonzero(np.diff(shown)) + 1), len(rows)], dtype=np.int64)
        states = shown[edges[:-1]]
        groups = _numbered(states, len(repeating))
        levels = match_levels(rows, edges, apart)
        before = {int(group): repeating[state][1] for group, state in zip(groups, states, strict=True) if state >= 0}
        works = _works(stream, coarse, edges, groups, before)
    return Segmentation(edges, groups, np.clip(levels.max(axis=1) / usual, 0.0, 1.0), works)


def _repeating(
    rows: Float32, coarse: Stream, edges: Edges, groups: Edges, works: Sequence[Work]
) -> list[tuple[Edges, Period]]:
    """Return the blocks and the period of each repeating work, those joined that are the same."""
    spans, blocks, periods = list(pairwise(edges.tolist())), [], []
    for number, work in enumerate(works):
        if work.period.period_s is not None:
            own = [spans[index] for index in np.flatnonzero(groups == number)]
            blocks.append(cycle_blocks(own, coarse.steps(BLOCK_PERIODS * work.period.period_s)))
            periods.append(work.period)
    lengths_s = [period.period_s or 0.0 for period in periods]
    joined = join_alike(
        rows,
        _centred_rows(coarse, blocks),
        blocks,
        lengths_s,
        share=JOIN_SHARE,
        share_at_one_period=JOIN_SHARE_AT_ONE_PERIOD,
    )
    return [
        (
            np.asarray(np.sort(np.concatenate([blocks[index] for index in group]), axis=0), dtype=np.int64),
            max((periods[index] for index in group), key=lambda period: period.confidence),
        )
        for group in joined
    ]


def _centred_rows(coarse: Stream, works: list[Edges]) -> Float32:
    centred = coarse.values.astype(np.float64)
    for blocks in works:
        inside = points_of(blocks)
        centred[inside] -= centred[inside].mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return delay_rows(Stream(coarse.start_s, coarse.step_s, centred.astype(np.float32), coarse.present))


def _shown(coarse: Stream, rows: Float32, repeating: list[Edges]) -> Edges:
    shown = recognise(
        rows,
        repeating,
        glance_points=coarse.steps(GLANCE_S),
        least_points=coarse.steps(LEAST_S),
        switch_cost=SWITCH_S / coarse.step_s,
    )
    sharp = delay_rows(coarse, _SHARP_S)
    return sharpen(
        sharp,
        shown,
        repeating,
        reach_points=coarse.steps(REACH_S),
        apart_points=coarse.steps(_SHARP_APART_S),
        least_points=coarse.steps(LEAST_S),
    )


def _numbered(states: Edges, works: int) -> Edges:
    numbers = states.copy()
    for index in np.flatnonzero(states == NO_WORK):
        numbers[index] = works + index
    return np.asarray(np.unique(numbers, return_inverse=True)[1], dtype=np.int64)


def _works(
    stream: Stream, coarse: Stream, edges: Edges, groups: Edges, before: Mapping[int, Period] | None = None
) -> tuple[Work, ...]:
    """Return the works of the groups; a work known ``before`` to repeat still does when its parts show less of it."""
    bounds_s = coarse.start_s + (edges - 0.5) * coarse.step_s
    points = np.clip(np.rint((bounds_s - stream.start_s) / stream.step_s + 0.5), 0, len(stream.values)).astype(int)
    spans = [(int(first), int(stop)) for first, stop in pairwise(points)]
    found = []
    for group in range(int(groups.max()) + 1):
        work = describe_work(stream, tuple(spans[index] for index in np.flatnonzero(groups == group)))
        if work.period.period_s is None and before and group in before:
            work = replace(work, period=before[group], label=REPETITIVE)
        found.append(work)
    return tuple(found)


def _segment(start_s: float, stop_s: float, number: int, work: Work, again: float) -> Segment:
    return Segment(
        float(start_s),
        float(stop_s),
        work.label,
        number,
        again,
        work.stillness,
        work.period.period_s,
        work.period.confidence,
    )
