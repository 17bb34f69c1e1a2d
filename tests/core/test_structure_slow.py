"""Parts of the structure against slow obvious versions on random input, and the laws they keep."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal.windows import tukey

from egoclean.core import anomaly, ego_motion, period, recognise, repeats, segments, similarity, stream, work

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15, deadline=None)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def random_stream(seed, count, width=3, step_s=0.5, absent=0.0):
    rng = np.random.default_rng(seed)
    rows, present = unit(rng.normal(size=(count, width))), rng.random(count) >= absent
    rows[~present] = 0
    return stream.Stream(1.0, step_s, rows, present)


@FEW
@given(SEEDS, st.integers(1, 14), st.sampled_from([1, 3, 4]), st.booleans())
def test_a_stream_is_centred_places_averaged_and_turned(seed, count, places, with_gap):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, places, 5))
    starts = np.arange(count) * 1.0 + (np.arange(count) > 6) * 5.0 * with_gap
    made = stream.make_stream(rows if places > 1 else rows[:, 0], starts, 2.0, 1.0)
    flat = rows.reshape(count, -1)
    centred = (flat / np.linalg.norm(flat, axis=1, keepdims=True)).reshape(rows.shape)
    centred = centred - (centred.mean(axis=0) if count >= 8 else centred.mean(axis=(0, 1)))
    step_s = 2.0 / places if places > 1 else 1.0
    cells = {}
    for window, start_s in enumerate(starts):
        for place in range(places):
            at = round((start_s + (place + 0.5) * 2.0 / places - starts[0] - 1.0 / places) / step_s)
            cells.setdefault(at, []).append(centred[window, place])
    expected = np.zeros((max(cells) + 1, 5))
    for at, points in cells.items():
        mean = np.mean(points, axis=0)
        expected[at] = mean / np.linalg.norm(mean) if np.linalg.norm(mean) > 1e-6 else 0
    assert made.step_s == pytest.approx(step_s)
    assert made.present.tolist() == [np.linalg.norm(row) > 0.5 for row in expected]
    # Five directions of five: only the turn of the axes is free, and dot products do not see it.
    assert np.allclose(made.values @ made.values.T, expected @ expected.T, atol=1e-3)


@FEW
@given(SEEDS, st.integers(1, 20), st.integers(1, 6))
def test_a_slower_stream_averages_step_by_step(seed, count, factor):
    made = random_stream(seed, count)
    slow = stream.slower(made, factor)
    parts = [made.values[a : a + factor].astype(float).mean(axis=0) for a in range(0, count, factor)]
    assert np.allclose(slow.values, [part / max(np.linalg.norm(part), 1e-12) for part in parts], atol=1e-5)
    assert slow.times_s[0] == pytest.approx(made.times_s[:factor].mean() if count >= factor else slow.start_s)
    assert slow.step_s == pytest.approx(factor * made.step_s)


@FEW
@given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12))
def test_pooled_lag_spectrum_takes_pairs_within_a_part_only(seed, lengths, limit):
    parts = [random_stream(seed + index, length, absent=0.2) for index, length in enumerate(lengths)]
    found = period.pooled_lag_spectrum(parts, limit)
    for lag in range(limit):
        pairs = [
            float(part.values[i] @ part.values[i + lag])
            for part in parts
            for i in range(len(part.values) - lag)
            if part.present[i] and part.present[i + lag]
        ]
        assert found[lag] == pytest.approx(np.mean(pairs) if pairs else np.nan, abs=1e-5, nan_ok=True)


@FEW
@given(SEEDS, st.integers(6, 11), st.floats(2.0, 3.5))
def test_no_chain_of_cycles_is_better_than_the_one_found(seed, count, period_points):
    made = random_stream(seed, count, step_s=1.0)
    shortest, longest = max(1, int(0.65 * period_points)), min(int(np.ceil(1.5 * period_points)), count - 1)
    gains = repeats._link_gains(made.values.astype(float), np.arange(shortest, longest + 1), period_points)
    half = max(1, round(period_points / 2))
    for lag in range(shortest, longest + 1):
        alike = [float(made.values[i] @ made.values[i + lag]) for i in range(count - lag)]
        width = min(half, len(alike))
        for i in range(len(alike)):
            inside = [alike[min(max(i + k - width // 2, 0), len(alike) - 1)] for k in range(width)]
            share = lag / period_points
            expected = np.mean(inside) * share - 3.0 * np.log(share) ** 2
            assert gains[i, lag - shortest] == pytest.approx(expected, abs=1e-5)

    def value(chain):
        links = list(itertools.pairwise(chain))
        good = all(shortest <= b - a <= longest for a, b in links)
        return sum(gains[a, b - a - shortest] for a, b in links) if good else -np.inf

    chains = (c for size in range(2, count + 1) for c in itertools.combinations(range(count), size))
    best = max((value(chain) for chain in chains), default=0.0)
    starts = repeats.cycle_starts(made, 0, count, period_points)
    assert len(starts) == 0 or (np.diff(starts) > 0).all()
    inner = [c for first in (0, 1) for last in (0, 1) if len(c := starts[first : len(starts) - last]) >= 2]
    assert max((value(chain.tolist()) for chain in inner), default=0.0) == pytest.approx(max(best, 0.0), abs=1e-6)


@FEW
@given(SEEDS, st.lists(st.integers(2, 40), min_size=1, max_size=5))
def test_cycles_are_compared_with_the_median_moment_by_moment(seed, lengths):
    starts = np.cumsum([3, *lengths])
    made = random_stream(seed, int(starts[-1]) + 2)
    found = repeats.describe_cycles(made, [starts])
    fine = np.repeat(made.values.astype(float), repeats.PHASES, axis=0)
    shapes = np.array(
        [
            fine[a * repeats.PHASES : b * repeats.PHASES].reshape(repeats.PHASES, b - a, -1).mean(axis=1)
            for a, b in itertools.pairwise(starts)
        ]
    )
    median = np.median(shapes, axis=0)
    for cycle, shape, length in zip(found, shapes, lengths, strict=True):
        cosines = [float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in zip(shape, median, strict=True)]
        assert cycle.deviation == pytest.approx(1 - np.mean(cosines), abs=1e-4)
        assert cycle.tempo == pytest.approx(length / np.median(lengths))
        assert cycle.stop_s - cycle.start_s == pytest.approx(length * made.step_s)
    spread = 1 - np.std(lengths) / np.mean(lengths)
    assert repeats.regularity(found) == (pytest.approx(np.clip(spread, 0, 1)) if len(lengths) > 1 else None)


@FEW
@given(SEEDS, st.integers(1, 12), st.integers(1, 6))
def test_delay_rows_are_the_mean_similarity_of_short_stretches(seed, count, width):
    made = random_stream(seed, count, step_s=1.0)
    rows = segments.delay_rows(made, float(width))
    at = lambda i: made.values[min(max(i, 0), count - 1)].astype(float)  # noqa: E731
    reach = range(-(width // 2), width - width // 2)
    expected = [[np.mean([at(i + k) @ at(j + k) for k in reach]) for j in range(count)] for i in range(count)]
    assert np.allclose(rows @ rows.T, expected, atol=1e-5)


@FEW
@given(SEEDS, st.integers(8, 11), st.floats(0.5, 8.0))
def test_change_points_cost_least_of_all_cuts(seed, count, penalty):
    rng = np.random.default_rng(seed)
    profile = rng.normal(size=(count, 3)) + 4 * (np.arange(count) >= count // 2)[:, None]
    edges = segments.change_points(profile, 2, 1.0, 1, penalty)
    centred = profile - profile.mean(axis=0)
    vectors = np.linalg.svd(centred)[2]
    noise = np.median(np.abs(np.diff(centred @ vectors.T, axis=0)), axis=0) / 0.954
    each = penalty * (noise**2).sum() * np.log(count)

    def cost(cuts):
        parts = [centred[a:b] for a, b in itertools.pairwise(cuts)]
        if min(map(len, parts)) < 2:
            return np.inf
        return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts) + each * (len(parts) - 1)

    inner = range(1, count)
    best = min(cost((0, *c, count)) for size in range(count // 2) for c in itertools.combinations(inner, size))
    assert cost(edges.tolist()) == pytest.approx(best, rel=1e-6)


@FEW
@given(SEEDS)
def test_a_planted_change_is_found_within_a_window_whatever_the_noise(seed):
    rng = np.random.default_rng(seed)
    at = int(rng.integers(20, 80))
    profile = np.where(np.arange(100)[:, None] < at, 0.2, 0.8) + 0.05 * rng.normal(size=(100, 4))
    edges = segments.change_points(profile, 5, 1.0, 5, 14.0)
    assert len(edges) == 3
    assert abs(edges[1] - at) <= 1


@FEW
@given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 3))
def test_levels_and_works_of_stretches_equal_the_loops(seed, lengths, apart):
    edges = np.cumsum([0, *lengths])
    rows = unit(np.random.default_rng(seed).normal(size=(int(edges[-1]), 3)))
    levels = work.match_levels(rows, edges, apart)
    spans = list(itertools.pairwise(edges.tolist()))
    for a, b in itertools.product(range(len(spans)), repeat=2):
        best = []
        for i in range(*spans[a]):
            alike = [float(rows[i] @ rows[j]) for j in range(*spans[b]) if a != b or abs(i - j) >= apart]
            best.append(max(alike, default=-1.0))
        known = a != b or lengths[a] > 2 * apart
        assert levels[a, b] == pytest.approx(np.median(best) if known else -1.0, abs=1e-5)
    own = sorted((levels[i, i], length) for i, length in enumerate(lengths) if levels[i, i] > -1)
    moments = [level for level, length in own for _ in range(length)]
    usual = work.usual_level(levels, edges)
    assert usual == pytest.approx(moments[(len(moments) + 1) // 2 - 1] if moments else 1.0)
    groups = work.group_same_work(levels, usual)
    reach = (np.minimum(levels, levels.T) >= 0.8 * max(usual, 1e-6)) | np.eye(len(lengths), dtype=bool)
    for _ in lengths:
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    assert np.array_equal(groups[:, None] == groups[None, :], reach)


@FEW
@given(SEEDS, st.integers(2, 5))
def test_neighbours_of_one_work_are_merged_and_others_are_not(seed, parts):
    rng = np.random.default_rng(seed)
    looks = unit(rng.normal(size=(2, 8, 60)))
    kinds = rng.integers(0, 2, parts)
    rows = np.concatenate([np.tile(looks[kind], (3, 1)) for kind in kinds])
    edges = np.arange(parts + 1) * 24
    merged = work.merge_same_work(rows, edges, 4)
    changes = [24 * index for index in range(1, parts) if kinds[index] != kinds[index - 1]]
    assert merged.tolist() == [0, *changes, len(rows)]


@given(st.integers(1, 80), st.integers(1, 40))
def test_some_blocks_are_evenly_spread(count, most):
    blocks = np.stack([np.arange(count) * 2, np.arange(count) * 2 + 2], axis=1)
    chosen = recognise.some_blocks(blocks, most)
    assert len(chosen) == min(count, most)
    assert chosen[0].tolist() == [0, 2]
    steps = np.diff(chosen[:, 0] // 2)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    assert recognise.points_of(blocks).tolist() == list(range(2 * count))


@FEW
@given(SEEDS)
def test_recognition_finds_planted_works_and_what_is_none(seed):
    rng = np.random.default_rng(seed)
    looks, odd = unit(rng.normal(size=(2, 10, 80))), unit(rng.normal(size=(30, 80)))
    rows = np.concatenate([np.tile(looks[0], (4, 1)), odd, np.tile(looks[1], (4, 1))])
    works = [recognise.cycle_blocks([(0, 40)], 10), recognise.cycle_blocks([(70, 110)], 10)]
    shown = recognise.recognise(rows, works, glance_points=5, least_points=8, switch_cost=1.0)
    assert shown.tolist() == np.repeat([0, recognise.NO_WORK, 1], [40, 30, 40]).tolist()
    none = recognise.recognise(rows, [], glance_points=5, least_points=8, switch_cost=1.0)
    assert (none == recognise.NO_WORK).all()


def slow_runs(values, above, below, debounce):
    """The published rule, said once more: a state changes where ``debounce`` values in a row ask for it."""
    states, inside = [], False
    for index in range(len(values)):
        ahead = values[index : index + debounce]
        asks = (value <= below for value in ahead) if inside else (value > above for value in ahead)
        if len(ahead) == debounce and all(asks):
            inside = not inside
        states.append(inside)
    edges = np.flatnonzero(np.diff([0, *map(int, states), 0]))
    return edges.reshape(-1, 2).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=25), st.integers(1, 4))
def test_hysteresis_runs_equal_the_rule(values, debounce):
    found = anomaly.hysteresis_runs(np.array(values, dtype=float), 1.5, 0.5, debounce)
    assert found.tolist() == slow_runs(values, 1.5, 0.5, debounce)


@FEW
@given(SEEDS, st.integers(4, 40))
def test_the_published_method_step_by_step(seed, count):
    rng = np.random.default_rng(seed)
    typical = 0.8 + 0.02 * rng.normal(size=count) - 0.3 * (np.arange(count) % 20 > 12)
    score = [1 - typical[0]]
    for value in typical[1:]:
        score.append(0.15 * (1 - value) + 0.85 * score[-1])
    score = np.array(score)
    cut = anomaly.otsu_threshold(score)
    upper, lower = score[score > cut], score[score <= cut]
    release = cut - 0.25 * (upper.mean() - lower.mean())
    spans = [(a, b) for a, b in slow_runs(score, cut, release, 3) if b - a >= 3]
    found = anomaly.published_anomalies(typical, np.arange(count) + 0.5, 1.0, abstain=False)
    assert [(item.start_s, item.stop_s) for item in found] == spans
    assert [item.score for item in found] == pytest.approx([score[a:b].max() for a, b in spans])
    expected = (upper.mean() - lower.mean()) / np.sqrt((upper.std() ** 2 + lower.std() ** 2) / 2)
    assert anomaly.separation(score, cut) == pytest.approx(expected)


@FEW
@given(SEEDS, st.integers(2, 9))
def test_autocorrelation_of_a_repeated_signal_is_whole_at_its_period(seed, length):
    shape = np.random.default_rng(seed).normal(size=length)
    assume(np.ptp(shape) > 0.5)
    found = similarity.autocorrelation(np.tile(shape, 12))
    assert found[length] == pytest.approx(11 / 12)  # eleven of twelve repetitions have one after them
    assert (np.abs(found) <= 1 + 1e-9).all()


@FEW
@given(SEEDS, st.integers(1, 3))
def test_what_covariates_leave_is_at_right_angles_to_them(seed, width):
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(30, width))
    signal = causes @ rng.normal(size=width) + rng.normal(size=30)
    left, share = similarity.regress_out(signal, causes)
    design = np.column_stack([np.ones(30), causes])
    weights = np.linalg.inv(design.T @ design) @ design.T @ signal
    assert np.allclose(left - left.mean(), signal - design @ weights, atol=1e-9)
    assert left.mean() == pytest.approx(signal.mean())
    assert share == pytest.approx(1 - left.var() / signal.var())


@FEW
@given(SEEDS, st.integers(-9, 9), st.integers(-9, 9))
def test_a_moved_picture_is_measured(seed, down, right):
    rng = np.random.default_rng(seed)
    scene = rng.random((28, 28)).repeat(3, axis=0).repeat(3, axis=1)
    looks = [scene[10:74, 10:74], scene[10 - down : 74 - down, 10 - right : 74 - right]]
    (found,) = ego_motion.picture_shifts(np.array(looks, dtype=np.float32))
    assert found == pytest.approx([down, right], abs=0.6)


def test_phase_correlation_equals_the_sums_it_stands_for():
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(2, 6, 8)).astype(np.float32)
    window = np.outer(tukey(6, 0.3), tukey(8, 0.3))
    first, second = (np.fft.fft2((picture - picture.mean()) * window) for picture in pictures)
    rates = np.hypot(np.fft.fftfreq(6)[:, None], np.fft.fftfreq(8)[None, :])
    cross = second * first.conj() / np.abs(second * first.conj()) * np.exp(-((np.pi * 2.5 * rates) ** 2))
    waves = [
        [np.exp(2j * np.pi * (y * k / 6 + x * m / 8)) for k in range(6) for m in range(8)]
        for y in range(6)
        for x in range(8)
    ]
    surface = (np.array(waves) @ cross.reshape(-1)).real.reshape(6, 8)
    down, right = np.unravel_index(int(np.argmax(surface)), surface.shape)
    found = ego_motion.picture_shifts(pictures)[0]
    assert abs(found[0] - (down if down <= 3 else down - 6)) <= 0.5
    assert abs(found[1] - (right if right <= 4 else right - 8)) <= 0.5


def test_turning_adds_up_what_the_whole_picture_moves():
    scene = np.random.default_rng(1).integers(0, 256, (32, 100, 3)).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    gliding = np.stack([scene[:, 2 * frame : 2 * frame + 128] for frame in range(16)])
    still = np.repeat(gliding[:1], 16, axis=0)
    handled = still.copy()
    handled[::2, 90:, 40:80] = 255
    rimmed = gliding.copy()
    rimmed[:, :20] = rimmed[:, -20:] = rimmed[:, :, :16] = 0
    moved, resting, worked, framed = ego_motion.turning(np.stack([gliding, still, handled, rimmed]))
    assert framed == pytest.approx(30 / 128, rel=0.15)
    assert moved == pytest.approx(30 / 128, rel=0.15)
    assert resting == 0
    assert worked < 0.05
    assert ego_motion.turning(np.zeros((2, 8, 64, 64, 3), np.uint8)).tolist() == [0, 0]
    assert ego_motion.turning(np.zeros((2, 1, 64, 64, 3), np.uint8)).tolist() == [0, 0]
    with pytest.raises(ValueError, match="uint8"):
        ego_motion.turning(np.zeros((2, 8, 64, 64, 3)))
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        ego_motion.picture_shifts(np.zeros((8, 8)))
