"""Stream, period, cycles, segments and anomalies, each against a slow obvious version or a planted truth."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from egoclean.core import anomaly, period, recognise, repeats, segments, similarity, stream, structure, work

SEEDS = st.integers(0, 2**32 - 1)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def stream_of(rows, step_s=0.1, present=None):
    rows = unit(np.asarray(rows, dtype=np.float64))
    return stream.Stream(0.0, step_s, rows, np.ones(len(rows), bool) if present is None else present)


def periodic(period_points, count, seed=0, width=12, noise=0.1):
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(count) / period_points
    loops = sum(
        np.outer(function(k * angle), rng.normal(size=width)) / k for k in (1, 2, 3) for function in (np.cos, np.sin)
    )
    return loops + noise * rng.normal(size=(count, width))


def test_tokens_stand_at_their_own_time_and_overlaps_are_averaged():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3))
    starts = np.arange(0, 24, 2)
    tokens = np.stack([points[start : start + 6] for start in starts])
    made = stream.make_stream(tokens, starts * 0.5, 3.0, 1.0)
    assert made.step_s == pytest.approx(0.5)
    assert made.start_s == pytest.approx(0.25)
    assert len(made.values) == 28
    assert made.present.all()
    assert np.allclose(np.linalg.norm(made.values, axis=1), 1, atol=1e-5)


def test_a_gap_between_windows_is_absent_and_counts_in_no_pair():
    rows = np.random.default_rng(1).normal(size=(10, 4))
    made = stream.make_stream(rows, np.array([0, 1, 2, 3, 4, 9, 10, 11, 12, 13.0]), 1.0, 1.0)
    assert made.present.tolist() == [True] * 5 + [False] * 4 + [True] * 5
    spectrum = period.lag_spectrum(made)
    for lag in range(14):
        pairs = [(i, i + lag) for i in range(14 - lag) if made.present[i] and made.present[i + lag]]
        expected = np.mean([made.values[a] @ made.values[b] for a, b in pairs]) if pairs else np.nan
        assert spectrum[lag] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(2, 30))
def test_lag_spectrum_is_the_mean_along_each_diagonal(seed, count):
    made = stream_of(np.random.default_rng(seed).normal(size=(count, 4)))
    matrix = similarity.cosine_similarity(made.values)
    assert np.allclose(period.lag_spectrum(made), [np.diag(matrix, k).mean() for k in range(count)], atol=1e-5)


def test_sliding_lag_spectrum_is_the_spectrum_of_each_span():
    made = stream_of(np.random.default_rng(3).normal(size=(50, 4)), step_s=1.0)
    centres, spectra = period.sliding_lag_spectrum(made, 20.0, 5.0, 8)
    assert centres.tolist() == [9.5, 14.5, 19.5, 24.5, 29.5, 34.5, 39.5]
    for row, first in enumerate(range(0, 31, 5)):
        part = period.cut(made, first, first + 20)
        assert np.allclose(spectra[row], period.lag_spectrum(part)[:8], atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(1.2, 9.0))
def test_a_planted_period_is_found_within_two_percent(seed, period_s):
    found = period.estimate_period([stream_of(periodic(period_s / 0.1, 400, seed))])
    assert found.period_s == pytest.approx(period_s, rel=0.02)
    assert 0 < found.confidence <= 1


def test_a_strong_half_cycle_is_not_taken_for_the_base():
    rng = np.random.default_rng(5)
    angle = 2 * np.pi * np.arange(400) / 40
    rows = np.outer(np.cos(2 * angle), rng.normal(size=8)) + 0.9 * np.outer(np.cos(angle), rng.normal(size=8))
    assert period.estimate_period([stream_of(rows + 0.2 * rng.normal(size=(400, 8)))]).period_s == pytest.approx(
        4, 0.02
    )


@pytest.mark.parametrize("seed", range(6))
def test_noise_and_drift_have_no_period(seed):
    rng = np.random.default_rng(seed)
    assert period.estimate_period([stream_of(rng.normal(size=(400, 12)))]).period_s is None
    assert period.estimate_period([stream_of(np.cumsum(rng.normal(size=(400, 12)), axis=0))]).period_s is None


def drifting(count, points, seed, width=12, directions=4):
    rows = gaussian_filter1d(np.random.default_rng(seed).normal(size=(count, width)), points, axis=0)
    rows[:, directions:] = 0.0
    return rows / rows.std()


@pytest.mark.parametrize("seed", range(5))
def test_small_strokes_are_found_behind_a_drifting_head(seed):
    strokes = periodic(30, 600, seed, noise=0.0)
    rows = 1.0 + drifting(600, 16, seed + 1) + 0.2 * strokes / strokes.std()
    assert period.estimate_period([stream_of(rows)]).period_s == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("points", [3, 5, 12, 20, 40])
def test_drift_alone_is_no_wave(points):
    found = [
        period.estimate_period([stream_of(1.0 + drifting(400, points, seed, directions=12))]) for seed in range(20)
    ]
    assert [item.period_s for item in found] == [None] * 20


def test_the_longer_period_stays_where_its_half_is_only_seen_without_drift():
    rows = periodic(56, 600, seed=4, noise=0.05) + 0.3 * periodic(28, 600, seed=5, noise=0.05)
    assert period.estimate_period([stream_of(rows)]).period_s == pytest.approx(5.6, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_cycles_of_three_like_strokes_are_not_cut_at_strokes(seed):
    base, strokes = periodic(30, 600, seed, noise=0.0), periodic(10, 600, seed + 9, noise=0.0)
    made = stream_of(base / base.std() + 1.5 * strokes / strokes.std() + 6.0)
    starts = repeats.cycle_starts(made, 0, 600, 3.0)
    assert abs(len(starts) - 1 - 20) <= 1
    assert np.median(np.diff(starts)) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_a_stretch_too_short_for_a_period_keeps_a_known_rhythm_or_not(seed):
    assert period.keeps_rhythm(stream_of(periodic(30, 80, seed)), 3.0)
    assert not period.keeps_rhythm(stream_of(periodic(30, 80, seed)), 4.0)
    assert not period.keeps_rhythm(stream_of(periodic(30, 40, seed)), 3.0)
    assert not period.keeps_rhythm(stream_of(drifting(80, 3, seed, directions=12)), 3.0)


def test_cycles_go_on_through_a_stretch_that_keeps_their_rhythm():
    rows = periodic(30, 600, seed=2, noise=0.05)
    still = rows.copy()
    still[240:330] = rows[240] + 0.05 * np.random.default_rng(0).normal(size=(90, rows.shape[1]))
    spans = ((0, 240), (330, 600))
    nothing = np.zeros(600, dtype=bool)
    for made, expected in ((stream_of(rows), [(0, 600)]), (stream_of(still), list(spans))):
        described = work.describe_work(made, spans)
        assert structure._with_interludes(made, described, nothing) == expected
    busy = np.arange(600) == 300
    made = stream_of(rows)
    assert structure._with_interludes(made, work.describe_work(made, spans), busy) == list(spans)


def test_no_period_says_why():
    for rows in (np.ones((5, 3)), np.ones((300, 3)), np.random.default_rng(0).normal(size=(40, 6))):
        found = period.estimate_period([stream_of(rows)])
        assert found.period_s is None
        assert found.reason
    assert period.estimate_period([]).reason


def test_short_pieces_of_one_work_show_its_period_together():
    rows = periodic(30, 400, seed=2, noise=0.05)
    pieces = [stream_of(rows[a : a + 66]) for a in (0, 110, 251)]
    assert period.estimate_period(pieces[:1]).period_s is None
    assert period.estimate_period(pieces).period_s == pytest.approx(3.0, rel=0.05)


def test_cycles_follow_planted_starts_to_a_constant_phase():
    rng = np.random.default_rng(4)
    lengths = rng.integers(27, 34, 12)
    loops = periodic(1000, 1000, seed=1, noise=0)
    rows = np.concatenate([loops[np.linspace(0, 999, n, endpoint=False).astype(int)] for n in lengths])
    made = stream_of(rows + 0.05 * rng.normal(size=rows.shape))
    starts = repeats.cycle_starts(made, 0, len(rows), 3.0)
    planted = np.concatenate([[0], np.cumsum(lengths)])
    assert abs(len(starts) - len(planted)) <= 1
    inner = starts[2:-2]
    offsets = [
        int(min(planted - point, key=lambda x: abs(x - (planted - inner[0])[np.argmin(abs(planted - inner[0]))])))
        for point in inner
    ]
    assert np.ptp(offsets) <= 6
    cycles = repeats.describe_cycles(made, [starts])
    assert all(0 <= cycle.deviation < 0.4 for cycle in cycles)
    assert repeats.regularity(cycles) > 0.85


def test_the_odd_cycle_deviates_most():
    rows = periodic(20, 200, seed=3, noise=0.02)
    rows[100:120] = np.random.default_rng(9).normal(size=(20, 12))
    cycles = repeats.describe_cycles(stream_of(rows), [np.arange(0, 201, 20)])
    assert int(np.argmax([cycle.deviation for cycle in cycles])) == 5
    assert cycles[5].start_s == pytest.approx(9.95)


def test_no_cycles_from_too_little():
    made = stream_of(np.random.default_rng(0).normal(size=(10, 3)))
    assert len(repeats.cycle_starts(made, 0, 10, 5.0)) == 0
    assert repeats.describe_cycles(made, []) == ()
    assert repeats.regularity(()) is None


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(2, 25), st.integers(1, 8))
def test_novelty_is_the_box_checkerboard_on_the_matrix(seed, count, width):
    made = stream_of(np.random.default_rng(seed).normal(size=(count, 4)), step_s=1.0)
    matrix = (made.values @ made.values.T).astype(np.float64)
    curve = segments.novelty_curve(made, float(width))
    for point in range(count):
        wide = min(point, count - point, width)
        past, future = slice(point - wide, point), slice(point, point + wide)
        if wide == 0:
            assert curve[point] == 0
            continue
        same = matrix[past, past].mean() + matrix[future, future].mean()
        expected = (same - 2 * matrix[past, future].mean()) / 4 * wide / width
        assert curve[point] == pytest.approx(expected, abs=1e-5)


def test_novelty_is_zero_for_constant_input_and_mirrored_by_time():
    assert np.allclose(segments.novelty_curve(stream_of(np.ones((20, 3))), 0.5), 0, atol=1e-9)
    rows = np.random.default_rng(0).normal(size=(30, 3))
    forward, backward = (segments.novelty_curve(stream_of(part), 0.5) for part in (rows, rows[::-1]))
    assert np.allclose(forward[1:], backward[1:][::-1], atol=1e-6)


def test_a_cycle_of_one_half_width_cancels():
    rows = periodic(20, 200, noise=0)
    at_period = segments.novelty_curve(stream_of(rows), 2.0)[30:-30].max()
    assert at_period < 0.02 * segments.novelty_curve(stream_of(rows), 1.0)[30:-30].max()


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(3, 30), st.integers(1, 12))
def test_match_profile_is_the_best_of_each_block(seed, count, block):
    rows = unit(np.random.default_rng(seed).normal(size=(count, 4)))
    profile = segments.match_profile(rows, block)
    length = min(block, count)
    firsts = np.linspace(0, count - length, max(1, round(count / length))).astype(int)
    expected = [[max(float(a @ b) for b in rows[f : f + length]) for f in firsts] for a in rows]
    assert np.allclose(profile, expected, atol=1e-5)


def test_delay_rows_compare_short_stretches():
    made = stream_of(np.random.default_rng(1).normal(size=(20, 4)))
    rows = segments.delay_rows(made, 0.4)
    expected = np.mean([made.values[7 + k] @ made.values[12 + k] for k in range(-2, 2)])
    assert rows[7] @ rows[12] == pytest.approx(expected, abs=1e-6)


def test_a_planted_change_is_found_within_one_window():
    rng = np.random.default_rng(2)
    profile = np.concatenate([np.full((60, 4), 0.2), np.full((50, 4), 0.8)]) + 0.05 * rng.normal(size=(110, 4))
    edges = segments.change_points(profile, 5, 1.0, 5)
    assert len(edges) == 3
    assert abs(edges[1] - 60) <= 1
    assert segments.change_points(np.ones((40, 3)), 5, 1.0, 5).tolist() == [0, 40]


def slow_states(gains, cost):
    count, states = gains.shape

    def value(path):
        return sum(gains[i, s] for i, s in enumerate(path)) - cost * sum(a != b for a, b in itertools.pairwise(path))

    return max(value(path) for path in itertools.product(range(states), repeat=count)), value


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 7), st.integers(1, 3), st.floats(0, 2))
def test_most_likely_states_beat_every_other_sequence(seed, count, states, cost):
    gains = np.random.default_rng(seed).normal(size=(count, states))
    best, value = slow_states(gains, cost)
    assert value(recognise.most_likely_states(gains, cost).tolist()) == pytest.approx(best)


def test_match_of_work_is_the_median_over_other_blocks():
    rows = unit(np.random.default_rng(0).normal(size=(24, 5)))
    blocks = recognise.cycle_blocks([(0, 12), (16, 24)], 4)
    assert blocks.tolist() == [[0, 4], [4, 8], [8, 12], [16, 20], [20, 24]]
    found = recognise.match_of_work(rows, blocks)
    for i, row in enumerate(rows):
        others = [max(float(row @ rows[j]) for j in range(a, b)) for a, b in blocks if not a <= i < b]
        assert found[i] == pytest.approx(np.median(others), abs=1e-5)
    assert (recognise.match_of_work(rows, blocks[:1]) == -1).all()


def test_match_levels_equal_the_double_loop():
    rows = unit(np.random.default_rng(0).normal(size=(20, 4)))
    edges = np.array([0, 9, 20])
    levels = work.match_levels(rows, edges, 3)
    matrix = rows @ rows.T
    assert levels[0, 1] == pytest.approx(np.median(matrix[:9, 9:].max(axis=1)), abs=1e-5)
    far = np.abs(np.arange(11)[:, None] - np.arange(11)) >= 3
    assert levels[1, 1] == pytest.approx(np.median(np.where(far, matrix[9:, 9:], -1).max(axis=1)), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_medians_of_stretches_equal_numpys(seed, lengths):
    values = np.random.default_rng(seed).uniform(-1, 1, sum(lengths)).astype(np.float32)
    starts = np.cumsum([0, *lengths])
    expected = [np.median(values[a:b].astype(float)) for a, b in itertools.pairwise(starts)]
    assert np.allclose(work._medians(values, starts), expected, atol=1e-9)


def slow_otsu(values):
    ordered = np.unique(values)

    def between(cut):
        low, high = values[values <= cut], values[values > cut]
        return len(low) * len(high) * (high.mean() - low.mean()) ** 2

    cuts = (ordered[:-1] + ordered[1:]) / 2
    return max(between(cut) for cut in cuts), between


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 30))
def test_otsu_is_the_best_of_all_cuts(seed, count):
    values = np.random.default_rng(seed).normal(size=count).round(1)
    if np.ptp(values) == 0:
        return
    best, between = slow_otsu(values)
    assert between(anomaly.otsu_threshold(values)) == pytest.approx(best)


def test_otsu_of_a_constant_and_of_nothing():
    assert anomaly.otsu_threshold([2.0, 2.0]) == 2.0
    with pytest.raises(ValueError, match="non-empty"):
        anomaly.otsu_threshold([])


def test_separation_of_one_mode_is_low_and_of_two_high():
    rng = np.random.default_rng(0)
    for one in (rng.normal(size=4000), rng.uniform(size=4000)):
        assert anomaly.separation(one, anomaly.otsu_threshold(one)) < anomaly.LEAST_SEPARATION
    two = np.concatenate([rng.normal(size=300), 12 + rng.normal(size=40)])
    assert anomaly.separation(two, anomaly.otsu_threshold(two)) > anomaly.LEAST_SEPARATION
    assert anomaly.separation([1.0, 1.0], 1.0) == 0


def test_moving_average_equals_its_sum():
    values = np.random.default_rng(0).normal(size=9)
    weights = [0.3 * 0.7**k for k in range(8)]
    expected = sum(w * v for w, v in zip(weights, values[:0:-1], strict=True)) + 0.7**8 * values[0]
    assert anomaly.moving_average(values, 0.3)[-1] == pytest.approx(expected)
    with pytest.raises(ValueError, match="weight"):
        anomaly.moving_average(values, 0.0)


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ([0, 0, 2, 2, 2, 0, 0, 0, 0], [[2, 5]]),
        ([0, 2, 2, 0, 0, 0], []),
        ([2, 2, 2, 1, 1, 1, 1, 0, 0, 0], [[0, 7]]),
        ([0, 2, 2, 2, 0, 0, 2, 2, 2], [[1, 9]]),
        ([], []),
    ],
)
def test_hysteresis_runs(signal, expected):
    assert anomaly.hysteresis_runs(signal, 1.5, 0.5, 3).tolist() == expected


def test_published_method_finds_a_planted_stretch_and_abstains_without_one():
    rng = np.random.default_rng(1)
    centres = np.arange(300.0) + 1
    typical = 0.8 + 0.01 * rng.normal(size=300)
    assert anomaly.published_anomalies(typical, centres, 1.0) == ()
    assert anomaly.published_anomalies(typical, centres, 1.0, abstain=False) != ()
    typical[120:170] -= 0.3
    (found,) = anomaly.published_anomalies(typical, centres, 1.0)
    assert abs(found.start_s - 121) < 8
    assert abs(found.stop_s - 171) < 14
    assert found.start_s < found.peak_s < found.stop_s
    assert found.score > found.threshold
    assert anomaly.published_anomalies(np.ones(50), np.arange(50.0), 1.0) == ()


def test_the_period_over_time_follows_a_change_of_tempo():
    rows = np.concatenate([periodic(30, 300, seed=1, noise=0.02), periodic(40, 300, seed=1, noise=0.02)])
    found = period.period_over_time(stream_of(rows), 3.0)
    assert found.span_s == pytest.approx(24.0)
    assert found.spectra.shape == (len(found.centres_s), len(found.lags_s))
    assert found.periods_s[0] == pytest.approx(3.0, rel=0.03)
    assert found.periods_s[-1] == pytest.approx(4.0, rel=0.03)
    first = period.cut(stream_of(rows), 0, 240)
    assert np.allclose(found.spectra[0], period.lag_spectrum(first, len(found.lags_s)), atol=1e-6)


def test_the_period_over_time_of_little_is_one_span_and_of_much_is_bounded():
    short = period.period_over_time(stream_of(np.random.default_rng(0).normal(size=(6, 3))), None)
    assert len(short.centres_s) == 1
    assert np.isnan(short.periods_s).all()
    single = period.period_over_time(stream_of(np.ones((1, 3))), None)
    assert single.centres_s.tolist() == [0.0]
    long = period.period_over_time(stream_of(np.random.default_rng(0).normal(size=(5000, 3))), None, most_spans=10)
    assert len(long.centres_s) <= 11


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(1, 12))
def test_median_of_known_is_numpys_without_nan(seed, count, width):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, width)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    expected = [np.nan if np.isnan(c).all() else np.median(c[np.isfinite(c)].astype(float)) for c in values.T]
    assert np.allclose(recognise.median_of_known(values), expected, equal_nan=True, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_match_of_some_points_is_that_of_all(seed):
    rng = np.random.default_rng(seed)
    rows, blocks = unit(rng.normal(size=(30, 5))), np.array([[0, 7], [9, 15], [15, 24]])
    points = rng.permutation(30)[:11]
    assert np.allclose(recognise.match_of_work(rows, blocks, points), recognise.match_of_work(rows, blocks)[points])


def test_few_directions_of_many_are_those_of_the_whole_decomposition():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(600, 600)) @ np.diag(np.r_[np.linspace(9, 4, 24), np.full(576, 0.5)])
    matrix = (matrix @ matrix.T).astype(np.float32)
    values, vectors = stream._leading(matrix, 24)
    exact_values, exact = np.linalg.eigh(matrix.astype(np.float64))
    assert np.allclose(values, exact_values[-24:], rtol=1e-3)
    assert np.linalg.norm(exact[:, -24:].T @ vectors, 2) == pytest.approx(1.0, abs=1e-3)
    zeros, _ = stream._leading(np.zeros((600, 600), dtype=np.float32), 3)
    assert np.allclose(zeros, 0)


def test_each_penalty_gives_its_own_cut():
    rng = np.random.default_rng(2)
    profile = np.concatenate([np.full((60, 4), 0.2), np.full((50, 4), 0.8)]) + 0.05 * rng.normal(size=(110, 4))
    cuts = segments.change_points_of_each(profile, 5, 1.0, 5, (4.0, 1e6))
    assert cuts[0].tolist() == segments.change_points(profile, 5, 1.0, 5, 4.0).tolist()
    assert cuts[1].tolist() == [0, 110]


@pytest.mark.parametrize(("seconds", "believed"), [(40.0, True), (24.0, False)])
def test_fewer_repeats_need_a_clearer_period(seconds, believed):
    found = period.Period(5.0, 0.25, 0.25, 9.0, "")
    works = (work.Work(((0, round(seconds * 10)),), found, 0.1, "repetitive"),)
    parts = work.Segmentation(np.array([0, round(seconds * 5)]), np.array([0]), np.array([1.0]), works)
    assert works[0].repeats(0.1) == pytest.approx(seconds / 5.0)
    assert structure._is_believed(parts, 0.1) is believed
    assert not structure._is_believed(parts.without_periods(), 0.1)


def test_two_works_of_few_repeats_do_not_speak_for_each_other():
    found = period.Period(10.0, 0.3, 0.5, 3.6, ""), period.Period(3.0, 0.33, 0.33, 7.2, "")
    works = tuple(
        work.Work(spans, one, 0.1, "repetitive") for spans, one in zip((((0, 440),), ((440, 540),)), found, strict=True)
    )
    parts = work.Segmentation(np.array([0, 440, 540]), np.array([0, 1]), np.ones(2), works)
    assert sum(item.repeats(0.1) for item in works) > structure.SURE_REPEATS
    assert not structure._is_believed(parts, 0.1)
