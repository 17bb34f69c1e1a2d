"""Coverage as a choice grows, beside choices at random, to see what choosing adds to chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.metrics import coverage_at, first_covered
from egoclean.core.neighbours import NeighbourGraph
from egoclean.core.prepare import Prepared

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

DRAWS = 5
"""Choices at random that stand beside a choice."""

_POINTS = 40
_NEIGHBOUR = 10
_ASKED = 1000


@dataclass(frozen=True, slots=True)
class CoverageCurve:
    """The share of rows that have a chosen one within ``radius``, at each of up to 41 sizes of the choice.

    Parameters
    ----------
    budgets : numbers of rows, from 0 to all of the choice.
    chosen : the share for the choice; ``random``, ``random_low``, ``random_high`` : mean, least and most of
        :data:`DRAWS` choices at random. All in [0, 1], one a budget.
    radius : cosine distance. windows : rows that count; ``asked`` : how many of them the shares were measured on.
    """

    budgets: tuple[int, ...]
    chosen: tuple[float, ...]
    random: tuple[float, ...]
    random_low: tuple[float, ...]
    random_high: tuple[float, ...]
    radius: float
    windows: int
    asked: int


class CoverageCurves:
    """Curves of choices among the same rows; those at random are drawn once.

    The radius is the median distance of a row to its tenth nearest, as the graph has it. Rows of the largest embedding
    space count, and up to 1,000 of them, evenly spaced in the order that breaks ties, are asked: a share is off by at
    most 1.6 %, one standard error.

    Parameters
    ----------
    embeddings : shape (n, d), of all rows. prepared : their order and graph.
    """

    def __init__(self, embeddings: NDArray[np.floating], prepared: Prepared) -> None:
        self._embeddings, self._prepared = embeddings, prepared
        space = max(prepared.spaces, key=lambda item: len(item.positions))
        assert space.graph is not None
        self._positions = space.positions[prepared.embedded[space.positions]]
        self._radius = _tenth_distance(space.graph)
        self._place = np.full(len(prepared.order), -1, dtype=np.int64)
        self._place[prepared.order[self._positions]] = self._positions
        asked = np.linspace(0, len(self._positions) - 1, min(_ASKED, len(self._positions))).astype(np.int64)
        self._asked = self._positions[asked]
        self._random: tuple[int, list[Rows]] = 0, []

    def of(self, chosen: Rows) -> CoverageCurve | None:
        """Return the curve of a choice, or None where it holds no row that counts.

        Parameters
        ----------
        chosen : rows in the order they were chosen; those of other embedding spaces are passed over.
        """
        order = self._place[chosen]
        order = order[order >= 0]
        if len(order) == 0:
            return None
        budgets = curve_budgets(len(order))
        chance = np.stack([coverage_at(covered, budgets) for covered in self._covered_at_random(len(order))])
        return CoverageCurve(
            budgets=tuple(budgets.tolist()),
            chosen=tuple(coverage_at(self._covered(order), budgets).tolist()),
            random=tuple(chance.mean(axis=0).tolist()),
            random_low=tuple(chance.min(axis=0).tolist()),
            random_high=tuple(chance.max(axis=0).tolist()),
            radius=self._radius,
            windows=len(self._positions),
            asked=len(self._asked),
        )

    def _covered(self, order: Rows) -> Rows:
        count = len(self._asked)
        unit = self._prepared.unit(self._embeddings, np.concatenate([self._asked, order]))
        return first_covered(unit, np.arange(count, len(unit)), self._radius, np.arange(count))

    def _covered_at_random(self, length: int) -> list[Rows]:
        if self._random[0] < length:
            generator = np.random.default_rng(0)
            draws = [generator.permutation(self._positions)[: 2 * length] for _ in range(DRAWS)]
            self._random = 2 * length, [self._covered(draw) for draw in draws]
        return self._random[1]


def curve_budgets(length: int) -> Rows:
    """Return the numbers of rows, from 0 to ``length``, at which a curve has a point: at most 41."""
    return np.unique(np.linspace(0, length, min(length, _POINTS) + 1).astype(np.int64))


def _tenth_distance(graph: NeighbourGraph) -> float:
    if graph.width == 0:
        return 0.0
    similarities = graph.similarities[:, min(_NEIGHBOUR, graph.width) - 1]
    return max(0.0, 1.0 - graph.cosine_of(float(np.median(similarities))))
