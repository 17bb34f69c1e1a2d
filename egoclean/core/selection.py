"""What a selection is: rows in order, each with its gain and reason, and a reason for every row left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.budget import Budget
from egoclean.core.limits import Cap
from egoclean.errors import UsageError

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


class Cause(IntEnum):
    """Why a row stands where it stands; the numbers are stored."""

    OPEN = 0
    MUST_HAVE = 1
    MUST_NOT = 2
    NO_EMBEDDING = 3
    THRESHOLD = 4
    CYCLE_REPEAT = 5
    IDLE = 6
    NEAR_DUPLICATE = 7
    GAP = 8


@dataclass(frozen=True, slots=True)
class Causes:
    """For each row the cause, the row it refers to (-1 for none), a number and since when it holds.

    ``number`` is a cosine for near-duplicates, the threshold's place for thresholds, seconds for gaps.
    ``since`` is the length of the order from which a cause holds that arises while choosing.
    """

    cause: NDArray[np.uint8]
    other: Rows
    number: NDArray[np.float32]
    since: Rows

    @classmethod
    def none(cls, count: int) -> Causes:
        """Return causes of ``count`` rows about which nothing is known."""
        return cls(
            np.zeros(count, dtype=np.uint8),
            np.full(count, -1, dtype=np.int64),
            np.zeros(count, dtype=np.float32),
            np.zeros(count, dtype=np.int64),
        )

    def put(self, rows: Any, cause: Cause, other: Any = -1, number: Any = 0.0, since: int = 0) -> None:
        """Write the cause of some rows."""
        self.cause[rows] = cause
        self.other[rows] = other
        self.number[rows] = number
        self.since[rows] = since

    def listed_as(self, order: Rows) -> Causes:
        """Return the causes by row number, where they are given by position and ``order[position]`` is the row."""
        result = Causes.none(len(order))
        other = np.where(self.other >= 0, order[self.other], -1)
        result.cause[order], result.other[order] = self.cause, other
        result.number[order], result.since[order] = self.number, self.since
        return result


@dataclass(frozen=True, slots=True)
class Selection:
    """An order of rows and the prefix of it that the budget allows.

    Parameters
    ----------
    order : shape (m,), row numbers.
    gains : shape (m,), what each row added when it was taken, which ``gain_meaning`` puts into words.
    length : rows of the order within the budget.
    row_count : rows given; ``eligible_count`` : rows that passed thresholds and decisions (and are no near-duplicates,
        where those are left out).
    complete : whether the order holds every row that can be chosen: a larger budget is then a prefix too.
    causes : shape (n,) each; see :class:`Causes`.
    groups, caps : the capped group of each row, and each group's name and cap.
    durations_s : shape (n,), seconds of each row, or None.
    names : ids of the rows, or None.
    thresholds : texts of the thresholds, to which ``causes.number`` refers.
    notes : sentences about what was approximate or could not be used.
    recall : measured recall@10 of the graph, 1 when exact, None when no graph was needed.
    """

    order: Rows
    gains: Floats
    length: int
    row_count: int
    eligible_count: int
    budget: Budget
    strategy: str
    gain_meaning: str
    complete: bool
    causes: Causes
    groups: Rows
    caps: tuple[tuple[str, Cap], ...]
    durations_s: Floats | None
    names: tuple[str, ...] | None
    thresholds: tuple[str, ...]
    notes: tuple[str, ...]
    recall: float | None

    @property
    def rows(self) -> Rows:
        """The chosen rows in order."""
        return self.order[: self.length]

    @property
    def duration_s(self) -> float | None:
        """Seconds of the chosen rows added up, or None where durations are unknown."""
        return None if self.durations_s is None else float(self.durations_s[self.rows].sum())

    def cut(self, budget: Budget) -> Selection:
        """Return the selection for another budget: a prefix of the same order.

        Raises
        ------
        UsageError : when the order is too short for the budget; it must then be computed again.
        """
        ordered_s = None if self.durations_s is None else self.durations_s[self.order]
        length = min(budget.prefix_length(self.row_count, ordered_s), len(self.order))
        wanted = min(budget.most_rows(self.row_count), self.eligible_count)
        if length == len(self.order) and not self.complete and wanted > length:
            raise UsageError(f"Only the first {length} rows are in order, and the budget may ask for {wanted}.")
        return dataclasses.replace(self, length=length, budget=budget)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one record a chosen row, in order: ``row, rank`` (from 1)``, gain, reason``."""
        for place, row in enumerate(self.rows.tolist()):
            yield {
                "row": row,
                "rank": place + 1,
                "gain": float(self.gains[place]),
                "reason": self._why_chosen(place, row),
            }

    def left_out(self) -> Iterator[dict[str, Any]]:
        """Yield one record a row that was not chosen, by row number: ``row, reason``."""
        chosen = np.zeros(self.row_count, dtype=np.bool_)
        chosen[self.rows] = True
        place = np.full(self.row_count, -1, dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        full = self._full_groups()
        for row in np.flatnonzero(~chosen).tolist():
            yield {"row": row, "reason": self._why_not(row, int(place[row]), full)}

    def reason_counts(self) -> Mapping[str, int]:
        """Return how many rows were left out for each kind of reason, most first; built without listing rows."""
        chosen = np.zeros(self.row_count, dtype=np.bool_)
        chosen[self.rows] = True
        held = (self.causes.cause != Cause.OPEN) & (self.causes.since <= self.length) & ~chosen
        held &= self.causes.cause != Cause.MUST_HAVE
        counts = {
            _KINDS[Cause(code)]: int(count)
            for code, count in enumerate(np.bincount(self.causes.cause[held], minlength=len(Cause)))
            if count
        }
        rest = ~chosen & ~held
        full = np.asarray(self._full_groups())
        over = rest & full[self.groups] if len(full) else np.zeros_like(rest)
        counts["over quota"], counts["budget"] = int(over.sum()), int((rest & ~over).sum())
        return dict(sorted(((name, count) for name, count in counts.items() if count), key=lambda item: -item[1]))

    def _full_groups(self) -> list[bool]:
        have = np.bincount(self.groups[self.rows], minlength=len(self.caps))
        return [not cap.allows(int(have[group]), self.length) for group, (_, cap) in enumerate(self.caps)]

    def _why_chosen(self, place: int, row: int) -> str:
        if self.causes.cause[row] == Cause.MUST_HAVE:
            return "must have"
        if self.causes.cause[row] == Cause.NEAR_DUPLICATE:
            return f"{self._duplicate_text(row)}, taken because nothing else was left"
        return self.gain_meaning.format(gain=self.gains[place])

    def _why_not(self, row: int, place: int, full: list[bool]) -> str:
        cause = Cause(int(self.causes.cause[row]))
        number = float(self.causes.number[row])
        if self.causes.since[row] <= self.length:
            if cause is Cause.THRESHOLD:
                return f"below threshold: not {self.thresholds[int(number)]}"
            if cause is Cause.NEAR_DUPLICATE:
                return self._duplicate_text(row)
            if cause is Cause.GAP:
                return f"within {number:g} s of {self._name(int(self.causes.other[row]))}"
            if cause not in (Cause.OPEN, Cause.MUST_HAVE):
                return _KINDS[cause]
        if full and full[self.groups[row]]:
            return f"over quota of {self.caps[int(self.groups[row])][0]}"
        return f"budget: number {place + 1} in order" if place >= 0 else "budget"

    def _duplicate_text(self, row: int) -> str:
        return f"near-duplicate of {self._name(int(self.causes.other[row]))} at {float(self.causes.number[row]):.3f}"

    def _name(self, row: int) -> str:
        return f"row {row}" if self.names is None else self.names[row]


_KINDS: Mapping[Cause, str] = {
    Cause.MUST_NOT: "rejected by a person",
    Cause.NO_EMBEDDING: "no embedding",
    Cause.THRESHOLD: "below threshold",
    Cause.CYCLE_REPEAT: "cycle repeat",
    Cause.IDLE: "idle beyond its share",
    Cause.NEAR_DUPLICATE: "near-duplicate",
    Cause.GAP: "too near in time",
}
