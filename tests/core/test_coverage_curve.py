"""Coverage over budget against counting, one budget and one row at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core import coverage_curve
from egoclean.core.coverage_curve import DRAWS, CoverageCurves, curve_budgets
from egoclean.core.metrics import coverage_radius
from egoclean.core.prepare import prepare
from egoclean.core.rows import unit_or_zero_rows
from egoclean.core.selection_input import SelectionInput


def data_of(count, seed, **columns):
    return SelectionInput(np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32), **columns)


@given(st.integers(2, 14), st.integers(0, 20))
@settings(deadline=None, max_examples=40)
def test_a_curve_counts_the_rows_near_what_was_taken(count, seed):
    data = data_of(count, seed)
    order = np.random.default_rng(seed).permutation(count)[: max(1, count - 1)]
    curve = CoverageCurves(data.embeddings, prepare(data)).of(order)
    unit = unit_or_zero_rows(data.embeddings, slice(None))
    near = 1 - unit @ unit.T <= curve.radius + 1e-5
    slow = [
        np.mean([any(near[row, taken] for taken in order[:budget]) for row in range(count)]) for budget in curve.budgets
    ]
    assert np.allclose(curve.chosen, slow)
    assert (curve.asked, curve.windows, curve.budgets[-1]) == (count, count, len(order))
    assert curve.random_low <= curve.random <= curve.random_high


def test_the_radius_is_that_of_the_tenth_nearest_row():
    data = data_of(300, 1)
    curve = CoverageCurves(data.embeddings, prepare(data)).of(np.arange(30))
    assert abs(curve.radius - coverage_radius(unit_or_zero_rows(data.embeddings, slice(None)))) < 1e-3


def test_choosing_everything_covers_everything_and_chance_stands_between():
    data = data_of(60, 2)
    curve = CoverageCurves(data.embeddings, prepare(data)).of(np.arange(60))
    assert curve.chosen[0] == curve.random[0] == 0.0
    assert curve.chosen[-1] == curve.random[-1] == 1.0
    assert (np.diff(curve.random) >= 0).all()
    assert DRAWS > 1
    assert max(np.subtract(curve.random_high, curve.random_low)) > 0


def test_a_smaller_choice_gives_the_same_whatever_was_drawn_before():
    data = data_of(80, 3)
    prepared, order = prepare(data), np.random.default_rng(0).permutation(80)
    curves = CoverageCurves(data.embeddings, prepared)
    curves.of(order)
    assert curves.of(order[:20]) == CoverageCurves(data.embeddings, prepared).of(order[:20])


def test_a_part_of_many_rows_is_asked(monkeypatch):
    monkeypatch.setattr(coverage_curve, "_ASKED", 40)
    data = data_of(100, 4)
    prepared, order = prepare(data), np.arange(100)
    curves = CoverageCurves(data.embeddings, prepared)
    assert [curves.of(order[:length]).asked for length in (1, 20, 100)] == [40, 40, 40]
    assert curves.of(order).chosen[-1] == 1.0


def test_rows_of_other_spaces_and_without_embeddings_are_passed_over():
    data = data_of(40, 5, space=np.array(["a"] * 30 + ["b"] * 10))
    data.embeddings[3] = np.nan
    curves = CoverageCurves(data.embeddings, prepare(data))
    assert curves.of(np.arange(30, 40)) is None
    assert curves.of(np.zeros(0, dtype=np.int64)) is None
    curve = curves.of(np.array([35, 0, 3, 1]))
    assert (curve.budgets, curve.windows) == ((0, 1, 2), 29)


@given(st.integers(0, 500))
def test_budgets_rise_from_nothing_to_all(length):
    budgets = curve_budgets(length)
    assert budgets[0] == 0
    assert budgets[-1] == length
    assert (np.diff(budgets) > 0).all()
    assert len(budgets) <= 41
