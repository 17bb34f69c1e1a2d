"""What a selection is: rows in order, each with its gain and reason, and a reason for every row left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.budget import Budget, BudgetKind
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
        if not self.holds(budget):
            wanted = min(budget.most_rows(self.row_count), self.eligible_count)
            raise UsageError(
                f"Only the first {len(self.order)} rows are in order, and the budget may ask for {wanted}."
            )
        return dataclasses.replace(self, length=self._prefix_length(budget), budget=budget)

    def holds(self, budget: Budget) -> bool:
        """Return whether the order is long enough for a budget."""
        wanted = min(budget.most_rows(self.row_count), self.eligible_count)
        length = len(self.order)
        return self.complete or wanted <= length or self._prefix_length(budget) < length

    def trimmed(self) -> Selection:
        """Return the selection without what only a larger budget brought into order: as choosing for this one alone.

        A budget in time keeps the first row that went over it.
        """
        kept = self.length + (self.budget.kind is BudgetKind.DURATION)
        if kept >= len(self.order):
            return self
        return dataclasses.replace(self, order=self.order[:kept], gains=self.gains[:kept], complete=False)

    def _prefix_length(self, budget: Budget) -> int:
        ordered_s = None if self.durations_s is None else self.durations_s[self.order]
        return min(budget.prefix_length(self.row_count, ordered_s), len(self.order))

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one record a chosen row, in order: ``row, rank`` (from 1)``, gain, reason``."""
        told = zip(self.rows.tolist(), self.gains[: self.length].tolist(), self.why_chosen(), strict=True)
        for rank, (row, gain, reason) in enumerate(told, 1):
            yield {"row": row, "rank": rank, "gain": gain, "reason": reason}

    def left_out(self) -> Iterator[dict[str, Any]]:
        """Yield one record a row that was not chosen, by row number: ``row, reason``."""
        for row, reason in zip(*self.why_left_out(), strict=True):
            yield {"row": int(row), "reason": reason}

    def why_chosen(self) -> list[str]:
        """Return why each chosen row was chosen, in order."""
        gains, causes = self.gains[: self.length].tolist(), self.causes.cause[self.rows].tolist()
        return [self._why_chosen(*item) for item in zip(self.rows.tolist(), gains, causes, strict=True)]

    def why_left_out(self) -> tuple[Rows, NDArray[np.object_]]:
        """Return the rows that were not chosen, sorted, and why each was not."""
        left = np.ones(self.row_count, dtype=np.bool_)
        left[self.rows] = False
        texts = np.full(self.row_count, "budget", dtype=np.object_)
        places = range(self.length + 1, len(self.order) + 1)
        texts[self.order[self.length :]] = [f"budget: number {place} in order" for place in places]
        for group, full in enumerate(self._full_groups()):
            if full:
                texts[self.groups == group] = f"over quota of {self.caps[group][0]}"
        held = left & (self.causes.since <= self.length)
        for cause, text in _KINDS.items():
            texts[held & (self.causes.cause == cause)] = text
        for number, threshold in enumerate(self.thresholds):
            short = held & (self.causes.cause == Cause.THRESHOLD) & (self.causes.number == number)
            texts[short] = f"below threshold: not {threshold}"
        for cause, tell in ((Cause.NEAR_DUPLICATE, self._duplicate_text), (Cause.GAP, self._gap_text)):
            rows = np.flatnonzero(held & (self.causes.cause == cause))
            texts[rows] = [tell(row) for row in rows.tolist()]
        rows = np.flatnonzero(left)
        return rows, texts[rows]

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

    def _why_chosen(self, row: int, gain: float, cause: int) -> str:
        if cause == Cause.MUST_HAVE:
            return "must have"
        if cause == Cause.NEAR_DUPLICATE:
            return f"{self._duplicate_text(row)}, taken because nothing else was left"
        return self.gain_meaning.format(gain=gain)

    def _gap_text(self, row: int) -> str:
        return f"within {float(self.causes.number[row]):g} s of {self._name(int(self.causes.other[row]))}"

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
