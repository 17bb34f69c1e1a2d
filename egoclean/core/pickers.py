"""Strategies: each proposes the next row of some parts, and is told which row was taken."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egoclean.core.kmeans import nearest_centre, spherical_kmeans
from egoclean.core.neighbours import GRID
from egoclean.core.rows import Unit

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Picker(Protocol):
    """Proposes rows one at a time; a row the caller closed is never proposed."""

    def best(self, parts: list[int]) -> tuple[int, float] | None:
        """Return the next row of ``parts`` and its gain, or None when they hold no open row."""

    def take(self, row: int) -> None:
        """Say that a row was taken; the caller closes it."""


class ListPicker:
    """Proposes rows in a fixed order, each with a fixed gain."""

    def __init__(self, order: Rows, gains: Floats, part_of: Rows, closed: Flags) -> None:
        self._gains = gains
        self._closed = closed
        self._place = np.empty(len(order), dtype=np.int64)
        self._place[order] = np.arange(len(order))
        self._lists = [order[part_of[order] == part].tolist() for part in range(int(part_of.max(initial=-1)) + 1)]
        self._next = [0] * len(self._lists)

    def best(self, parts: list[int]) -> tuple[int, float] | None:
        """Return the first open row of ``parts`` in the order."""
        heads = [row for part in parts if (row := self._head(part)) is not None]
        if not heads:
            return None
        row = min(heads, key=lambda head: self._place[head])
        return row, float(self._gains[row])

    def take(self, row: int) -> None:
        """Nothing changes: the order is fixed."""

    def _head(self, part: int) -> int | None:
        rows, place = self._lists[part], self._next[part]
        while place < len(rows) and self._closed[rows[place]]:
            place += 1
        self._next[part] = place
        return rows[place] if place < len(rows) else None


class FarthestFirst:
    """k-center: proposes the row farthest from every row taken (Gonzalez, 1985); its gain is that cosine distance.

    The first row of a space is the one nearest to the space's mean direction, with gain 1.
    """

    def __init__(self, spaces: list[tuple[Rows, Unit]], part_of: Rows, closed: Flags) -> None:
        self._spaces = spaces
        self._part_of = part_of
        self._closed = closed
        self._distance = np.ones(len(part_of))
        self._centrality = np.zeros(len(part_of))
        self._place = np.full((len(part_of), 2), -1, dtype=np.int64)
        for number, (rows, unit) in enumerate(spaces):
            self._place[rows] = np.stack([np.full(len(rows), number), np.arange(len(rows))], axis=1)
            self._centrality[rows] = _on_grid(unit @ unit.mean(axis=0, dtype=np.float64))

    def best(self, parts: list[int]) -> tuple[int, float] | None:
        """Return the row of ``parts`` farthest from every row taken; of equals the most central, then the first."""
        open_rows = np.flatnonzero(np.isin(self._part_of, parts) & ~self._closed)
        if len(open_rows) == 0:
            return None
        distances = self._distance[open_rows]
        farthest = open_rows[distances == distances.max()]
        row = int(farthest[np.argmax(self._centrality[farthest])])
        return row, float(self._distance[row])

    def take(self, row: int) -> None:
        """Shorten the distances of the rows of the same space."""
        number, place = self._place[row]
        if number < 0:
            return
        rows, unit = self._spaces[number]
        self._distance[rows] = np.minimum(self._distance[rows], 1 - _on_grid(unit @ unit[place]))


def random_order(count: int, seed: int) -> Rows:
    """Return a permutation drawn by the seed; a smaller budget takes a prefix of it."""
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def score_order(values: Floats) -> Rows:
    """Return rows by falling value, of equals the first; rows without a value (NaN) come last."""
    return np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable").astype(np.int64)


def uniform_order(clips: NDArray[np.generic], times_s: Floats) -> Rows:
    """Return rows so that every prefix is spread evenly over clips laid end to end and the time in them.

    The rows in that sequence are taken in bit-reversed order (van der Corput): first one, one half on, the quarters
    between, and so on.
    """
    count = len(times_s)
    sequence = np.lexsort((np.arange(count), times_s, np.unique(clips, return_inverse=True)[1]))
    bits = max(int(count - 1).bit_length(), 1)
    place, reversed_place = np.arange(count), np.zeros(count, dtype=np.int64)
    for _ in range(bits):
        reversed_place = reversed_place << 1 | place & 1
        place >>= 1
    return sequence[np.argsort(reversed_place, kind="stable")].astype(np.int64)


def cluster_order(unit: Unit, values: Floats, cluster_count: int, seed: int) -> tuple[Rows, Floats]:
    """Return rows in rounds, each round one row of every cluster, and each row's similarity to its cluster's centre.

    Clusters come in order of size, rows of a cluster by falling value times similarity to its centre. The number of
    clusters does not depend on the budget, so that a smaller budget is a prefix.
    """
    centres = spherical_kmeans(unit, cluster_count, np.random.default_rng(seed), iterations=20)
    labels = nearest_centre(unit, centres)
    nearness = _on_grid(np.einsum("ij,ij->i", unit, centres[labels]))
    sizes = np.bincount(labels, minlength=len(centres))
    inside = np.lexsort((np.arange(len(unit)), -nearness * np.nan_to_num(values, nan=0.5), labels))
    starts = np.cumsum(sizes) - sizes
    turn = np.empty(len(unit), dtype=np.int64)
    turn[inside] = np.arange(len(unit)) - starts[labels[inside]]
    return np.lexsort((labels, -sizes[labels], turn)).astype(np.int64), nearness


def _on_grid(values: NDArray[np.floating]) -> Floats:
    return np.asarray(np.rint(np.clip(values, -1.0, 1.0) * GRID) / GRID, dtype=np.float64)
