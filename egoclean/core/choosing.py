"""Take rows one after another: phase by phase, from the space and the groups that may give the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from egoclean.core.limits import Gaps, Quotas
from egoclean.core.pickers import Picker
from egoclean.core.selection import Cause, Causes

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Phase(IntEnum):
    """What is chosen before what."""

    MUST_HAVE = 0
    NORMAL = 1
    NEAR_DUPLICATE = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """A partition of the open rows by phase, space and group, so that a part is allowed or not as a whole.

    Parameters
    ----------
    part_of : shape (n,), number of the part of each row, -1 for rows that may not be chosen.
    keys : phase, space and group of each part.
    space_of, group_of : shape (n,).
    space_sizes : open rows of each space.
    """

    part_of: Rows
    keys: tuple[tuple[int, int, int], ...]
    space_of: Rows
    group_of: Rows
    space_sizes: tuple[int, ...]

    @classmethod
    def of(cls, phase_of: Rows, space_of: Rows, group_of: Rows, closed: Flags, space_count: int) -> Parts:
        """Return the parts of the rows that are not closed."""
        part_of = np.full(len(closed), -1, dtype=np.int64)
        places = phase_of * space_count + space_of
        codes = (places * (group_of.max(initial=0) + 1) + group_of)[~closed]
        _, examples, part_of[~closed] = np.unique(codes, return_index=True, return_inverse=True)
        sizes = np.bincount(space_of[~closed], minlength=space_count)
        rows = np.flatnonzero(~closed)[examples]
        names = tuple(zip(*(column[rows].tolist() for column in (phase_of, space_of, group_of)), strict=True))
        return cls(part_of, names, space_of, group_of, tuple(sizes.tolist()))


class Chooser:
    """Holds the order while it grows."""

    def __init__(
        self,
        picker: Picker,
        parts: Parts,
        quotas: Quotas,
        closed: Flags,
        causes: Causes,
        gaps: Gaps | None,
        enough: Callable[[list[int]], bool],
    ) -> None:
        self._picker, self._parts, self._quotas = picker, parts, quotas
        self._closed, self._causes, self._gaps, self._enough = closed, causes, gaps, enough
        self._open = dict(enumerate(parts.keys))
        self.order: list[int] = []
        self.gains: list[float] = []

    @property
    def exhausted(self) -> bool:
        """Whether no row is left that any budget could add."""
        return not any(self._next(set(self._parts_of(phase))) for phase in Phase)

    def run(self, least_per_group: int) -> None:
        """Take must-haves, then each group's least, then all others, then near-duplicates, until it is enough."""
        self._fill(set(self._parts_of(Phase.MUST_HAVE)))
        self._serve_groups(least_per_group)
        self._fill(set(self._parts_of(Phase.NORMAL)))
        self._fill(set(self._parts_of(Phase.NEAR_DUPLICATE)))

    def _parts_of(self, phase: Phase) -> list[int]:
        return [number for number, key in self._open.items() if key[0] == phase]

    def _serve_groups(self, least: int) -> None:
        waiting = {self._open[part][2] for part in self._parts_of(Phase.NORMAL)}
        while waiting and not self._enough(self.order):
            group = min(waiting, key=lambda item: (self._quotas.groups[item], item))
            mine = {part for part in self._parts_of(Phase.NORMAL) if self._open[part][2] == group}
            if self._quotas.groups[group] >= least or not self._take_from(mine):
                waiting.discard(group)

    def _fill(self, parts: set[int]) -> None:
        while not self._enough(self.order) and self._take_from(parts):
            pass

    def _take_from(self, parts: set[int]) -> bool:
        found = self._next(parts)
        if found is None:
            return False
        row, gain = found
        self._picker.take(row)
        self._closed[row] = True
        self._quotas.add(int(self._parts.space_of[row]), int(self._parts.group_of[row]))
        self.order.append(row)
        self.gains.append(gain)
        if self._gaps is not None:
            self._close_near(row)
        return True

    def _next(self, parts: set[int]) -> tuple[int, float] | None:
        """Return the next row of ``parts``; forgets parts that hold no row any more."""
        while True:
            allowed = [part for part in parts if part in self._open and self._allows(part)]
            if not allowed:
                return None
            mine = allowed if len(allowed) == 1 else self._of_next_space(allowed)
            found = self._picker.best(mine)
            if found is not None:
                return found
            for part in mine:
                del self._open[part]

    def _of_next_space(self, parts: list[int]) -> list[int]:
        space = self._quotas.next_space({self._open[part][1] for part in parts})
        return [part for part in parts if self._open[part][1] == space]

    def _allows(self, part: int) -> bool:
        phase, _, group = self._open[part]
        return phase == Phase.MUST_HAVE or self._quotas.allows(group)

    def _close_near(self, row: int) -> None:
        assert self._gaps is not None
        near = self._gaps.near(row)
        near = near[~self._closed[near] & (self._causes.cause[near] != Cause.MUST_HAVE)]
        self._closed[near] = True
        self._causes.put(near, Cause.GAP, other=row, number=self._gaps.least_gap_s, since=len(self.order))
