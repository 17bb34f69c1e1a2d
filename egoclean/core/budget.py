"""How much to choose: a count of rows, a share of them, or a duration of footage.

A budget is written ``100`` (rows), ``10%`` (of every row given, before any threshold; rounded down, at least one
row) or ``30min``, ``2h``, ``90s``, ``1.5h`` (footage: the durations of the chosen rows are added up, so overlapping
windows count each). A budget over the number of rows means all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError

_NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
_COUNT = re.compile(r"(?P<number>\d+)")
_SHARE = re.compile(_NUMBER + r"\s*%")
_DURATION = re.compile(_NUMBER + r"\s*(?P<unit>seconds?|minutes?|hours?|mins?|sec|h|s|m)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600}
_HINT = "Write a count such as 100, a share such as 10%, or a duration such as 30min, 2h or 90s."


class BudgetKind(StrEnum):
    """What a budget counts."""

    COUNT = "count"
    SHARE = "share"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount to choose: rows for ``COUNT``, a share in ``(0, 1]`` for ``SHARE``, seconds for ``DURATION``."""

    kind: BudgetKind
    amount: Fraction

    def most_rows(self, row_count: int) -> int:
        """Return how many of ``row_count`` rows the budget allows when durations are not looked at.

        A share is rounded down, but is at least one row when there is any. A duration allows every row.
        """
        if self.kind is BudgetKind.COUNT:
            return min(int(self.amount), row_count)
        if self.kind is BudgetKind.SHARE:
            return min(max(int(self.amount * row_count), 1), row_count)
        return row_count

    def prefix_length(self, row_count: int, ordered_durations_s: NDArray[np.float64] | None) -> int:
        """Return how many leading rows of an order fit the budget.

        Parameters
        ----------
        row_count : rows given, before any threshold: what a share is a share of.
        ordered_durations_s : shape (m,), seconds of the ordered rows; needed for a duration, may be None otherwise.

        Raises
        ------
        UsageError : for a duration without ``ordered_durations_s``.
        """
        if self.kind is not BudgetKind.DURATION:
            length = self.most_rows(row_count)
            return length if ordered_durations_s is None else min(length, len(ordered_durations_s))
        if ordered_durations_s is None:
            raise UsageError(
                "A budget in time needs to know how long each row is, and no durations were given.",
                "Give a count or a share instead.",
            )
        # A nanosecond of slack keeps ten windows of 0.1 s inside a budget of one second.
        return int(np.searchsorted(np.cumsum(ordered_durations_s), float(self.amount) + 1e-9, side="right"))


def parse_budget(text: str | int) -> Budget:
    """Return the budget that ``text`` says.

    Raises
    ------
    UsageError : when it is none of the forms above, is zero, or is a share over 100 %.
    """
    cleaned = str(text).strip().lower()
    budget = _match(cleaned)
    if budget is None:
        raise UsageError(f"The budget {text!r} is not an amount.", _HINT)
    if budget.amount <= 0:
        raise UsageError(f"The budget {text!r} chooses nothing.", _HINT)
    if budget.kind is BudgetKind.SHARE and budget.amount > 1:
        raise UsageError(f"The budget {text!r} is more than everything.", "A share goes up to 100%.")
    return budget


def _match(cleaned: str) -> Budget | None:
    if found := _COUNT.fullmatch(cleaned):
        return Budget(BudgetKind.COUNT, Fraction(found["number"]))
    if found := _SHARE.fullmatch(cleaned):
        return Budget(BudgetKind.SHARE, Fraction(found["number"]) / 100)
    if found := _DURATION.fullmatch(cleaned):
        return Budget(BudgetKind.DURATION, Fraction(found["number"]) * _UNIT_S[found["unit"][0]])
    return None
