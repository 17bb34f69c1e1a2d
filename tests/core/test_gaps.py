"""Holes in the footage: a defined answer that says nothing of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core import gaps
from egoclean.core.anomaly import published_anomalies
from egoclean.core.repeats import Cycle
from egoclean.core.structure import analyse
from egoclean.core.work import Segment


def segment(start_s, stop_s, label="repetitive", work=0):
    return Segment(start_s, stop_s, label, work, 0.9, 0.1, 3.0, 0.5)


@given(st.lists(st.integers(1, 18).map(lambda n: n / 2), max_size=12), st.sampled_from([0.5, 1.0, 2.0, 2.25]))
def test_gaps_lie_between_one_windows_end_and_the_next_ones_start(steps, length_s):
    starts = np.cumsum([2.0, *steps])
    found = gaps.gap_spans(starts, length_s)
    covered = np.arange(2.0, starts[-1], 0.01)
    seen = (covered[:, None] >= starts) & (covered[:, None] < starts + length_s)
    for time_s, by in zip(covered, seen.any(axis=1), strict=True):
        if any(start_s + 1e-6 < time_s < stop_s - 1e-6 for start_s, stop_s in found):
            assert not by
    assert all(stop_s - start_s >= 1.0 - 1e-6 for start_s, stop_s in found)
    holes = [step - length_s for step in steps if step - length_s >= 1.0]
    assert [stop_s - start_s for start_s, stop_s in found] == pytest.approx(holes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.lists(st.integers(0, 40), max_size=6, unique=True))
def test_segments_with_gaps_still_partition_the_clip(lengths, bounds):
    bounds = sorted(bounds)
    edges = np.cumsum([0, *lengths]).tolist()
    labels = itertools.cycle(["repetitive", "one-off", "idle"])
    before = [segment(a, b, label) for (a, b), label in zip(itertools.pairwise(edges), labels, strict=False)]
    holes = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False) if b <= edges[-1]]
    after = gaps.cut_out(before, holes)
    assert (after[0].start_s, after[-1].stop_s) == (0, edges[-1])
    assert all(a.stop_s == b.start_s for a, b in itertools.pairwise(after))
    assert [(item.start_s, item.stop_s) for item in after if item.label == gaps.GAP] == holes
    if not holes:
        assert list(after) == before


def test_a_sliver_beside_a_hole_belongs_to_the_work_at_its_other_side():
    parts = [segment(0, 20), segment(20, 81, "one-off", 1), segment(81, 99)]
    found = gaps.cut_out(parts, [(22, 80)])
    assert [(item.start_s, item.stop_s, item.label) for item in found] == [
        (0, 22, "repetitive"),
        (22, 80, "gap"),
        (80, 99, "repetitive"),
    ]
    longer = gaps.cut_out(parts, [(24, 80)])
    assert [item.label for item in longer] == ["repetitive", "one-off", "gap", "repetitive"]


def test_cycles_that_were_not_seen_are_left_out():
    cycles = [Cycle(float(a), a + 4.0, 0.1, 1.0) for a in range(0, 20, 4)]
    kept = gaps.whole_cycles(cycles, [(7.0, 13.5)])
    assert [cycle.start_s for cycle in kept] == [0, 4, 16]
    assert gaps.whole_cycles(cycles, []) == tuple(cycles)


def test_a_clip_with_a_hole_has_a_gap_and_no_anomaly_in_it():
    rng = np.random.default_rng(0)
    starts, places, window_s = np.r_[0:40, 100:140].astype(float), 16, 2.0
    angle = 2 * np.pi * (starts[:, None] + (np.arange(places) + 0.5) * window_s / places) / 4.0
    ways = rng.normal(size=(6, 24))
    waves = np.stack([wave(k * angle) / k for k in (1, 2, 3) for wave in (np.cos, np.sin)], axis=-1)
    tokens = 3 + waves @ ways + 0.05 * rng.normal(size=(80, places, 24))
    found = analyse(tokens.mean(axis=1), starts, tokens, window_s)
    assert found.period_s == pytest.approx(4.0, rel=0.02)
    assert [item.label for item in found.segments] == ["repetitive", "gap", "repetitive"]
    hole = found.segments[1]
    assert (hole.start_s, hole.stop_s) == (pytest.approx(41, abs=0.2), pytest.approx(100, abs=0.2))
    assert found.anomalies == ()
    assert all(cycle.stop_s < 43 or cycle.start_s > 98 for cycle in found.cycles)
    assert len(found.cycles) in (19, 20, 21)


def test_a_published_span_ends_at_a_hole():
    centres = np.r_[0:60, 160:220] + 0.5
    typical = np.full(120, 0.9) + 0.001 * np.random.default_rng(0).normal(size=120)
    typical[45:80] -= 0.5
    spans = [(item.start_s, item.stop_s) for item in published_anomalies(typical, centres, 1.0)]
    assert len(spans) == 2
    assert spans[0][1] == 60
    assert spans[1][0] == 160
