import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from egoclean.core.metrics import (
    auroc,
    auroc_interval,
    coverage_at,
    coverage_radius,
    first_covered,
    first_ranks,
    group_balance,
    mean_interval,
    redundancy,
)
from egoclean.core.rows import unit_or_zero_rows
from egoclean.errors import UsageError


def unit(count, width=4, seed=0):
    return unit_or_zero_rows(np.random.default_rng(seed).normal(size=(count, width)), slice(None))


def test_radius_is_the_median_distance_to_the_tenth_neighbour():
    rows = unit(200)
    expected = np.median(np.sort(1 - rows @ rows.T + 9 * np.eye(200), axis=1)[:, 9])
    assert coverage_radius(rows) == pytest.approx(expected, abs=1e-6)
    assert coverage_radius(rows[:1]) == 0.0
    assert coverage_radius(rows[:0]) == 0.0
    assert coverage_radius(np.repeat(rows[:1], 20, axis=0)) == pytest.approx(0.0, abs=1e-6)


@given(st.integers(1, 30), st.integers(0, 100), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=30)
def test_coverage_against_looking_at_every_prefix(count, seed, radius):
    rows = unit(count, seed=seed)
    order = np.random.default_rng(seed).permutation(count)[: count // 2 + 1]
    covered = first_covered(rows, order, radius)
    curve = coverage_at(covered, np.arange(len(order) + 1))
    for length in range(len(order) + 1):
        near = (rows @ rows[order[:length]].T >= 1 - radius - 1e-5).any(axis=1) if length else np.zeros(count, bool)
        assert curve[length] == pytest.approx(near.mean())
    assert (np.diff(curve) >= 0).all()


def test_a_chosen_row_is_covered_at_radius_zero():
    rows = unit(50, width=300)
    assert (first_covered(rows, np.arange(50), 0.0) == np.arange(1, 51)).all()


def test_redundancy():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    assert redundancy(rows, np.array([0, 1, 2])) == pytest.approx(2 / 3)
    assert redundancy(rows, np.array([0])) == 0.0


def test_balance():
    groups = np.array(["a"] * 50 + ["b"] * 50)
    assert group_balance(groups, np.array([0, 1, 50, 51])) == pytest.approx(1.0)
    assert group_balance(groups, np.array([0, 1])) == 0.0
    assert group_balance(groups, np.array([], dtype=int)) == 0.0
    assert group_balance(np.full(3, "a"), np.array([0])) == 1.0


def test_ranks_of_rare_events():
    kinds = {"drop": np.array([7, 3]), "night": np.array([1])}
    assert first_ranks(np.array([5, 3, 7]), kinds) == {"drop": 2, "night": None}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
@settings(deadline=None)
def test_auroc_against_scikit_learn(pairs):
    flags, scores = np.array([flag for flag, _ in pairs]), np.array([score for _, score in pairs], dtype=float)
    if flags.all() or not flags.any():
        with pytest.raises(UsageError, match="both kinds"):
            auroc(flags, scores)
    else:
        assert auroc(flags, scores) == pytest.approx(roc_auc_score(flags, scores))


def test_the_interval_holds_the_truth_nine_times_in_ten_or_more():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        flags = np.arange(60) < 25
        scores = generator.normal(size=60) + 1.0 * flags
        interval = auroc_interval(flags, scores)
        held += interval.low <= 0.7602 <= interval.high
    assert held >= 54


def test_a_perfect_order_of_few_rows_is_not_certain():
    interval = auroc_interval(np.arange(8) < 4, -np.arange(8.0))
    assert interval.value == 1.0
    assert interval.low < 0.95


def test_mean_interval():
    assert mean_interval([2.0]).low == 2.0
    interval = mean_interval([1.0, 3.0])
    assert interval.value == 2.0
    assert interval.high - interval.value == pytest.approx(1.96)
