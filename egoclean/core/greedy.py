"""Lazy greedy: the row that adds most, again and again, without looking at every row each time (Minoux, 1978)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Head = tuple[float, int]

_LEAST_FRONT, _FRONT_SHARE = 256, 50
_UNKNOWN: Head = (-np.inf, -1)
_NO_LIMIT: Head = (np.inf, -1)


class Gains(Protocol):
    """What a row would add to the rows taken so far; it never grows as more are taken."""

    def bounds(self) -> tuple[Floats, bool]:
        """Return at least every row's gain, in memory of its own, and whether it is just that, nothing being taken."""

    def of_all_if_due(self) -> Floats | None:
        """Return every row's gain now at times when that makes the looking afterwards cheaper, None otherwise."""

    def of_some(self, rows: Rows) -> Floats:
        """Return the gains of some rows now."""

    def of(self, row: int) -> float:
        """Return the gain of a row now."""

    def take(self, row: int) -> None:
        """Add a row to the set."""


class LazyGreedy:
    """Takes the row of greatest gain again and again; the result is that of looking at every row each time.

    Of equal gains the first row is taken. A gain known from before is a bound on the gain now, so only rows of high
    bounds are looked at: those of a part's front all at once, and again one by one when rows were taken since.

    Parameters
    ----------
    gains : what a row adds.
    part_of : shape (n,), the part each row may be taken from; -1 for rows that may not be taken.
    closed : shape (n,), rows that may no longer be taken; read at every step, the caller writes it.
    """

    def __init__(self, gains: Gains, part_of: Rows, closed: NDArray[np.bool_]) -> None:
        self._gains, self._closed = gains, closed
        self._bounds, exact = gains.bounds()
        self._taken, self._known_at = 0, np.full(len(part_of), 0 if exact else -1, dtype=np.int64)
        self._fronts = [_Front(np.flatnonzero(part_of == part)) for part in range(int(part_of.max(initial=-1)) + 1)]

    def best(self, parts: list[int]) -> tuple[int, float] | None:
        """Return the row of greatest gain in ``parts`` and that gain, or None when they hold no open row."""
        fronts = [self._fronts[part] for part in parts]
        while fronts:
            front = fronts[0] if len(fronts) == 1 else min(fronts, key=lambda item: item.head)
            falling, row = front.head
            if row < 0:
                if not self._form(front):
                    fronts.remove(front)
            elif self._closed[row]:
                front.lower(-np.inf)
            elif self._known_at[row] == self._taken:
                return row, -falling
            else:
                gain = self._gains.of(row)
                self._bounds[row], self._known_at[row] = gain, self._taken
                front.lower(gain)
        return None

    def take(self, row: int) -> None:
        """Take a row; the caller closes it."""
        self._gains.take(row)
        self._taken += 1

    def _form(self, front: _Front) -> bool:
        """Bring a front up to date, from the rows of its part that are still open; return whether there are any."""
        open_rows = front.part[~self._closed.take(front.part)]
        renewed = self._gains.of_all_if_due()
        if renewed is not None:
            self._bounds = renewed
        rows, limit = _leading(open_rows, self._bounds.take(open_rows))
        if renewed is None:
            stale = rows[self._known_at[rows] < self._taken]
            self._bounds[stale] = self._gains.of_some(stale)
        self._known_at[rows] = self._taken
        front.form(open_rows, rows, self._bounds[rows], limit)
        return len(open_rows) > 0


class _Front:
    """The rows of a part with the highest bounds.

    ``head`` is ``(-bound, row)`` of the row that comes first by falling bound, then by number. No row of the part comes
    before it, and none behind the front comes before ``limit``; where the front does not reach up to its limit any
    more, it must be formed again and the head is unknown: before all others, with row -1.
    """

    def __init__(self, part: Rows) -> None:
        self.part, self.head = part, _UNKNOWN

    def form(self, part: Rows, rows: Rows, bounds: Floats, limit: Head) -> None:
        """Begin anew: ``rows``, sorted, lead the rows ``part`` that are still open."""
        self.part, self._rows, self._bounds, self._limit = part, rows, bounds, limit
        self._find_head()

    def lower(self, bound: float) -> None:
        """Give the head another bound; minus infinity takes its row out."""
        self._bounds[self._place] = bound
        self._find_head()

    def _find_head(self) -> None:
        if len(self._rows) == 0:
            self.head = _UNKNOWN
            return
        self._place = int(self._bounds.argmax())
        head = (-float(self._bounds[self._place]), int(self._rows[self._place]))
        self.head = head if head <= self._limit else _UNKNOWN


def _leading(rows: Rows, bounds: Floats) -> tuple[Rows, Head]:
    """Return the first of ``rows`` by falling bound and then by number, sorted by number, and the last of them."""
    size = max(_LEAST_FRONT, len(rows) // _FRONT_SHARE)
    if len(rows) <= size:
        return rows, _NO_LIMIT
    least = float(np.partition(bounds, len(rows) - size)[len(rows) - size])
    above = np.flatnonzero(bounds > least)
    equal = np.flatnonzero(bounds == least)[: size - len(above)]
    return rows[np.sort(np.concatenate([above, equal]))], (-least, int(rows[equal[-1]]))
