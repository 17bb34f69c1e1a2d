"""Coverage over budget against counting, one budget and one row at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egoclean.core.coverage_curve import POINTS, curve_budgets, order_curve, random_curves


def unit_rows(count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 3))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(1, 12), st.integers(0, 20), st.floats(0.05, 1.5))
def test_a_curve_counts_the_rows_near_what_was_taken(count, seed, radius):
    unit = unit_rows(count, seed)
    order = np.random.default_rng(seed).permutation(count)
    budgets = curve_budgets(count)
    near = 1 - unit @ unit.T <= radius + 1e-5
    slow = [np.mean([any(near[row, taken] for taken in order[:budget]) for row in range(count)]) for budget in budgets]
    assert np.allclose(order_curve(unit, order, radius, budgets), slow)


@given(st.integers(0, 500))
def test_budgets_rise_from_nothing_to_all(length):
    budgets = curve_budgets(length)
    assert budgets[0] == 0
    assert budgets[-1] == length
    assert (np.diff(budgets) > 0).all()
    assert len(budgets) <= POINTS + 1


def test_draws_are_repeatable_and_end_where_everything_is_covered():
    unit = unit_rows(30, 1)
    curves = random_curves(unit, 0.1, curve_budgets(30), draws=4, seed=7)
    assert curves.shape == (4, 31)
    assert (curves[:, -1] == 1.0).all()
    assert np.array_equal(curves, random_curves(unit, 0.1, curve_budgets(30), draws=4, seed=7))
    assert not np.array_equal(curves[0], curves[1])
