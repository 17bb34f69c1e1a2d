import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from egoclean.core.calibrate import SHRINKAGE_ROWS, calibrate
from egoclean.errors import UsageError

VALUES = arrays(np.float64, st.integers(1, 40), elements=st.integers(-1000, 1000).map(float))
METHODS = st.sampled_from(["rank", "robust"])


def slow_mid_rank(value, among):
    below = sum(other < value for other in among)
    equal = sum(other == value for other in among)
    return (below + equal / 2) / len(among)


@settings(deadline=None)
@given(VALUES, st.integers(1, 4))
def test_rank_against_counting(values, group_count):
    groups = np.arange(len(values)) % group_count
    result = calibrate(values, groups, "rank")
    for row, value in enumerate(values):
        mine = values[groups == groups[row]]
        overall = slow_mid_rank(value, values)
        if len(set(groups)) == 1:
            expected = overall
        else:
            weight = len(mine) / (len(mine) + SHRINKAGE_ROWS)
            expected = weight * slow_mid_rank(value, mine) + (1 - weight) * overall
        assert result[row] == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(VALUES, METHODS, st.integers(1, 3))
def test_grows_with_the_value_inside_a_group(values, method, group_count):
    groups = np.arange(len(values)) % group_count
    result = calibrate(values, groups, method)
    for group in range(group_count):
        mine = np.flatnonzero(groups == group)
        order = mine[np.argsort(values[mine], kind="stable")]
        assert (np.diff(result[order]) >= -1e-9).all()


@settings(deadline=None)
@given(VALUES, METHODS, st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-64, 64))
def test_units_do_not_matter(values, method, scale, offset):
    groups = np.arange(len(values)) % 3
    np.testing.assert_allclose(
        calibrate(values * scale + offset, groups, method), calibrate(values, groups, method), atol=1e-9
    )


@settings(deadline=None)
@given(VALUES, METHODS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(values, method, random):
    order = list(range(len(values)))
    random.shuffle(order)
    groups = np.arange(len(values)) % 3
    np.testing.assert_allclose(
        calibrate(values[order], groups[order], method), calibrate(values, groups, method)[order], atol=1e-12
    )


def test_a_bias_of_a_camera_goes_away():
    generator = np.random.default_rng(0)
    plain = generator.normal(size=400)
    groups = np.repeat(["a", "b"], 200)
    biased = plain + 5.0 * (groups == "b")
    ranks = calibrate(biased, groups, "rank")
    assert abs(ranks[:200].mean() - ranks[200:].mean()) < 0.06
    assert abs(biased[:200].mean() - biased[200:].mean()) > 4


@pytest.mark.parametrize("method", ["rank", "robust", "none"])
def test_values_that_are_not_numbers_stay_out(method):
    values = np.array([1.0, np.nan, 3.0, np.inf, 2.0])
    result = calibrate(values, None, method)
    assert np.isnan(result).tolist() == [False, True, False, True, False]
    np.testing.assert_allclose(result[[0, 2, 4]], calibrate(values[[0, 2, 4]], None, method))


def test_degenerate_signals_have_defined_values():
    assert calibrate(np.full(5, 7.0), None, "rank").tolist() == [0.5] * 5
    assert calibrate(np.full(5, 7.0), None, "robust").tolist() == [0.0] * 5
    assert calibrate(np.zeros(0), None, "rank").tolist() == []
    assert np.isnan(calibrate(np.full(3, np.nan), ["a", "b", "b"], "robust")).all()
    assert calibrate(np.array([3.0]), ["alone"], "rank").tolist() == [0.5]


def test_a_group_of_one_is_judged_among_all():
    values = np.append(np.arange(100.0), 99.5)
    groups = np.append(np.full(100, "many"), "one")
    assert calibrate(values, groups, "rank")[-1] > 0.95


def test_robust_keeps_its_scale_when_most_values_are_equal():
    result = calibrate(np.array([1.0, 1.0, 1.0, 1.0, 5.0]), None, "robust")
    assert result[:4].tolist() == [0.0] * 4
    assert np.isfinite(result[4])
    assert result[4] > 1


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="groups"):
        calibrate(np.zeros(3), ["a"], "rank")
    with pytest.raises(UsageError, match="calibration"):
        calibrate(np.zeros(3), None, "mean")
    with pytest.raises(UsageError, match="shape"):
        calibrate(np.zeros((3, 2)), None, "rank")
