"""Coverage as the budget grows, of an order and of draws at random, to see what choosing adds to chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoclean.core.metrics import coverage_at, first_covered
from egoclean.core.rows import Unit

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

POINTS = 40


def curve_budgets(length: int) -> Rows:
    """Return the numbers of rows, from 0 to ``length``, at which a curve has a point: at most 41."""
    return np.unique(np.linspace(0, length, min(length, POINTS) + 1).astype(np.int64))


def order_curve(unit: Unit, order: Rows, radius: float, budgets: Rows, asked: Rows | None = None) -> Floats:
    """Return the share of rows that have a row of ``order[:budget]`` within ``radius``, at each budget, in [0, 1].

    Parameters
    ----------
    unit : shape (n, d), unit rows. order : shape (m,), rows in the order they are taken. radius : cosine distance.
    asked : rows to answer for; all when None.
    """
    return coverage_at(first_covered(unit, order, radius, asked), budgets)


def random_curves(
    unit: Unit, radius: float, budgets: Rows, draws: int, seed: int = 0, asked: Rows | None = None
) -> Floats:
    """Return :func:`order_curve` of ``draws`` orders at random without repetition, shape (draws, len(budgets))."""
    length, generator = min(int(budgets[-1]), len(unit)), np.random.default_rng(seed)
    orders = (generator.permutation(len(unit))[:length] for _ in range(draws))
    return np.stack([order_curve(unit, order, radius, budgets, asked) for order in orders])
