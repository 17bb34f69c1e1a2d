"""Stretches that look different while the work goes on: each part against a slow obvious version, and planted ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core import recognise, shifts, work
from egoclean.core.period import Period
from egoclean.core.structure import analyse

SEEDS = st.integers(0, 2**32 - 1)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 30), st.integers(1, 6), st.integers(1, 20))
def test_distant_likeness_is_the_mean_over_distant_pairs_of_each_stretch(seed, count, apart, longest):
    rows = np.random.default_rng(seed).normal(size=(count, 3))
    found = dict(shifts.distant_likeness(rows, apart, longest))
    assert sorted(found) == list(range(apart + 1, min(longest, count) + 1))
    for length, values in found.items():
        assert len(values) == count - length + 1
        for first, value in enumerate(values):
            inside = range(first, first + length)
            pairs = [float(rows[i] @ rows[j]) for i, j in itertools.combinations(inside, 2) if j - i >= apart]
            assert value == pytest.approx(np.mean(pairs), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(0, 4))
def test_residuals_are_what_is_left_of_the_best_match_of_the_median_block(seed, apart):
    rng = np.random.default_rng(seed)
    rows, values = unit(rng.normal(size=(40, 5))), rng.normal(size=(40, 3)).astype(np.float32)
    blocks = shifts.overlapping_blocks([(2, 20), (24, 37)], 6, 3)
    found = shifts.match_residuals(rows, values, [blocks, np.array([[38, 40]])], apart)
    for point in range(40):
        matched = []
        for first, stop in blocks:
            if stop + apart - 1 <= point or point <= first - apart:
                best = max(range(first, stop), key=lambda other: float(rows[point] @ rows[other]))
                matched.append(values[best])
        inside = 2 <= point < 20 or 24 <= point < 37
        if inside and len(matched) >= 2:
            assert np.allclose(found[point], values[point] - np.median(matched, axis=0), atol=1e-5)
        else:
            assert np.isnan(found[point]).all()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 15), st.integers(1, 9))
def test_overlapping_blocks_cover_their_spans_and_nothing_else(lengths, length, hop):
    hop = min(hop, length)
    starts = np.cumsum([0, *(size + 3 for size in lengths)])
    spans = [(int(first), int(first) + size) for first, size in zip(starts, lengths, strict=False)]
    blocks = shifts.overlapping_blocks(spans, length, hop)
    covered = {point for first, stop in blocks for point in range(first, stop)}
    assert covered == {point for first, stop in spans for point in range(first, stop)}
    assert all(0 < stop - first <= length for first, stop in blocks)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_noise_units_forget_how_the_residuals_are_turned_and_scaled(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 4)) * [3.0, 1.0, 0.5, 0.1]
    turned = rows @ np.linalg.qr(rng.normal(size=(4, 4)))[0] * 7.0
    one, other = shifts.in_units_of_noise(rows, 5), shifts.in_units_of_noise(turned, 5)
    lengths = np.linalg.norm(one, axis=1)
    assert np.mean(lengths**2) == pytest.approx(1.0)
    # The median is taken along each axis, so axes may only come in another order or sign.
    assert np.allclose(one @ one.T, other @ other.T, atol=1e-6)
    assert np.allclose(shifts.in_units_of_noise(np.full((30, 3), 2.0), 5), 0.0)


def glancing(count, seed, step_s=0.2):
    """Return residuals of noise with a look away of 1.6 s every 4 s, in one of three directions, shape (count, 8)."""
    rng = np.random.default_rng(seed)
    rows, ways = 0.3 * rng.normal(size=(count, 8)), rng.normal(size=(3, 8))
    for first in range(0, count, round(4 / step_s)):
        at = first + int(rng.integers(0, 8))
        rows[at : at + round(1.6 / step_s)] += ways[rng.integers(0, 3)]
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_a_planted_shift_is_found_where_it_is_and_nothing_without_one(seed):
    rows, shown = glancing(300, seed), np.zeros(300, dtype=np.int64)
    assert shifts.find_shifts(rows, shown, 0.2) == []
    rows[140:175] += np.random.default_rng(seed + 100).normal(size=8) * 1.2
    (found,) = shifts.find_shifts(rows, shown, 0.2)
    assert abs(found.first - 140) <= 3
    assert abs(found.stop - 175) <= 3
    assert found.first <= found.peak < found.stop
    assert found.separation >= found.least > 0


@pytest.mark.parametrize("seed", range(4))
def test_time_reversal_mirrors_shifts(seed):
    rows, shown = glancing(300, seed), np.zeros(300, dtype=np.int64)
    rows[90:128] += np.random.default_rng(seed + 100).normal(size=8) * 1.2
    (ahead,), (back,) = (shifts.find_shifts(part, shown, 0.2) for part in (rows, rows[::-1]))
    assert abs(ahead.first - (300 - back.stop)) <= 2
    assert abs(ahead.stop - (300 - back.first)) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_drift_and_a_level_that_stays_are_no_shifts(seed):
    rows, shown = glancing(400, seed), np.zeros(400, dtype=np.int64)
    way = np.random.default_rng(seed + 100).normal(size=8)
    assert shifts.find_shifts(rows + np.linspace(-1, 1, 400)[:, None] * way, shown, 0.2) == []
    assert shifts.find_shifts(rows + (np.arange(400) >= 200)[:, None] * way, shown, 0.2) == []


def test_two_shifts_of_one_clip_are_both_found_in_order_and_gaps_are_kept_out():
    rows, shown = glancing(500, 1), np.zeros(500, dtype=np.int64)
    rng = np.random.default_rng(5)
    for first in (80, 390):
        rows[first : first + 35] += rng.normal(size=8)
    rows[200:230] = np.nan
    found = shifts.find_shifts(rows, shown, 0.2)
    assert [round(item.first, -1) for item in found] == [80, 390]


def test_too_little_work_has_no_shift():
    rows = glancing(90, 2)
    rows[30:60] += 2.0
    assert shifts.find_shifts(rows, np.zeros(90, dtype=np.int64), 0.2) == []
    assert shifts.find_shifts(np.full((200, 3), np.nan), np.zeros(200, dtype=np.int64), 0.2) == []
    assert shifts.find_shifts(np.zeros((200, 3)), np.zeros(200, dtype=np.int64), 0.2) == []


def loops(phases, ways):
    return np.stack([f(k * phases) / k for k in (1, 2, 3) for f in (np.cos, np.sin)], axis=1) @ ways


@pytest.mark.parametrize("with_tokens", [True, False])
def test_other_light_over_steady_work_is_an_anomaly_and_two_boundaries(with_tokens):
    rng = np.random.default_rng(3)
    period_s, window_s, stride_s = (3.7, 2.0, 1.0) if with_tokens else (9.0, 1.0, 0.5)
    places = 32 if with_tokens else 1
    starts = np.arange(0, 120, stride_s)
    times = starts[:, None] + (np.arange(places) + 0.5) * window_s / places
    ways, light = rng.normal(size=(6, 40)) / 6, rng.normal(size=40) / 6
    points = loops(2 * np.pi * times.reshape(-1) / period_s, ways) + 1.0
    points += 0.05 * rng.normal(size=points.shape)
    plain = analyse_points(points, starts, places, window_s)
    assert plain.anomalies == ()
    lit = (times.reshape(-1) >= 50) & (times.reshape(-1) < 58)
    points[lit] += light
    found = analyse_points(points, starts, places, window_s)
    assert found.period_s == pytest.approx(period_s, rel=0.03)
    (span,) = found.anomalies
    assert (span.method, span.start_s, span.stop_s) == ("shift", pytest.approx(50, abs=1), pytest.approx(58, abs=1))
    assert span.start_s <= span.peak_s <= span.stop_s
    edges = [segment.start_s for segment in found.segments[1:]]
    assert edges == [span.start_s, span.stop_s]
    assert {segment.label for segment in found.segments} == {"repetitive"}
    assert len({segment.work for segment in found.segments}) == 1
    assert abs(len(found.cycles) - len(plain.cycles)) <= 1


def analyse_points(points, starts, places, window_s):
    tokens = points.reshape(len(starts), places, -1)
    return analyse(tokens.mean(axis=1), starts, tokens if places > 1 else None, window_s)


def segmentation(edges, groups):
    none = work.Work(((0, edges[-1]),), Period(None, 0.0, 0.0, 0.0, ""), 0.0, "idle")
    return work.Segmentation(
        np.array(edges), np.array(groups), np.arange(len(groups)) / 10, tuple(none for _ in range(max(groups) + 1))
    )


def test_split_adds_edges_but_for_those_close_to_another():
    parts = segmentation([0, 10, 30], [1, 0]).split([12, 20, 26, 30], 3)
    assert parts.edges.tolist() == [0, 10, 20, 26, 30]
    assert parts.groups.tolist() == [1, 0, 0, 0]
    assert parts.recurrence.tolist() == [0.0, 0.1, 0.1, 0.1]
    assert segmentation([0, 10], [0]).split([], 3).edges.tolist() == [0, 10]


def test_works_are_joined_by_their_match_and_more_readily_at_one_period():
    rng = np.random.default_rng(0)
    one, two = unit(rng.normal(size=(12, 60))), unit(rng.normal(size=(12, 60)))
    near = unit(one + 0.75 * unit(rng.normal(size=(12, 60))))
    rows = np.concatenate([np.tile(part, (3, 1)) for part in (one, two, near)])
    works = [np.array([[a, a + 12] for a in range(first, first + 36, 12)]) for first in (0, 36, 72)]

    def joined(periods, share, at_one):
        return recognise.join_alike(rows, rows, works, periods, share=share, share_at_one_period=at_one)

    assert joined([3.0, 3.0, 3.05], 1.1, 0.6) == [[0, 2], [1]]
    assert joined([3.0, 3.0, 5.0], 1.1, 0.6) == [[0], [1], [2]]
    assert joined([3.0, 4.0, 5.0], 0.6, 1.1) == [[0, 2], [1]]
    assert joined([3.0, 3.0, 3.0], -1.1, 1.1) == [[0, 1, 2]]
    assert recognise.join_alike(rows, rows, [], [], share=0.5, share_at_one_period=0.5) == []


def test_what_is_left_of_an_interruption_between_two_works_is_halved():
    rows = unit(np.repeat(np.eye(3), [20, 8, 20], axis=0) + 1e-3)
    works = [np.array([[0, 10], [10, 20]]), np.array([[28, 38], [38, 48]])]
    shown = np.repeat([0, -1, 1], [20, 8, 20])
    kept = recognise.sharpen(rows, shown, works, reach_points=4, apart_points=2, least_points=5)
    assert kept.tolist() == shown.tolist()
    halved = recognise.sharpen(rows, shown, works, reach_points=4, apart_points=2, least_points=9)
    assert halved.tolist() == np.repeat([0, 1], [24, 24]).tolist()


def test_weak_periods_can_be_taken_off_a_segmentation():
    weak = Period(2.0, 0.1, 0.1, 4.0, "")
    works = tuple(work.Work(spans, weak, still, "repetitive") for spans, still in ((((0, 6),), 0.1), (((6, 10),), 0.9)))
    parts = work.Segmentation(np.array([0, 6, 10]), np.array([0, 1]), np.ones(2), works)
    bare = parts.without_periods()
    assert parts.worked_share() == 1
    assert bare.worked_share() == 0
    assert [item.label for item in bare.works] == ["one-off", "idle"]
    assert all(item.period.period_s is None and item.period.reason for item in bare.works)
    assert bare.edges.tolist() == parts.edges.tolist()
