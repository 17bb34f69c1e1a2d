"""Limits on a selection: caps of groups and a least gap in time. Each holds for every prefix of the order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError

Rows = NDArray[np.int64]

_AMOUNT = re.compile(r"(?:(?P<count>\d+)|(?P<share>\d+(?:\.\d+)?)\s*%)")


@dataclass(frozen=True, slots=True)
class Cap:
    """The most rows a group may have: ``count`` rows, or a ``share`` of what is chosen so far, rounded up."""

    count: int | None = None
    share: Fraction | None = None

    def allows(self, have: int, chosen: int) -> bool:
        """Return whether a group that has ``have`` of ``chosen`` rows may get the next row."""
        if self.count is not None:
            return have < self.count
        return self.share is None or have < math.ceil(self.share * (chosen + 1))


def parse_caps(text: str, groups: list[str]) -> dict[str, Cap]:
    """Return the cap of each group.

    ``50`` or ``30%`` holds for every group, ``worker_001=20`` for one; parts are joined by commas, names win.

    Raises
    ------
    UsageError : for a part that is not an amount, a group that is not there, or shares that cannot add up to all.
    """
    general, named = Cap(), {}
    for part in (item.strip() for item in text.split(",") if item.strip()):
        name, _, amount = part.rpartition("=")
        if not name:
            general = _parse_amount(amount, part)
        elif name.strip() in groups:
            named[name.strip()] = _parse_amount(amount, part)
        else:
            raise UsageError(f"There is no group {name.strip()!r} to cap.", f"Groups: {', '.join(groups[:20])}.")
    caps = {group: named.get(group, general) for group in groups}
    shares = [cap.share for cap in caps.values()]
    if shares and all(share is not None for share in shares):
        total = sum(share for share in shares if share is not None)
        if total < 1:
            raise UsageError(
                f"The caps {text!r} let {len(groups)} groups have {float(total):.0%} of the selection together.",
                "Raise the caps until they add up to 100% or more.",
            )
    return caps


def _parse_amount(amount: str, part: str) -> Cap:
    found = _AMOUNT.fullmatch(amount.strip())
    cap = Cap()
    if found is not None and found["count"] is not None:
        cap = Cap(count=int(found["count"]))
    elif found is not None:
        cap = Cap(share=Fraction(found["share"]) / 100)
    if not (cap.count or cap.share):
        raise UsageError(f"The cap {part!r} is not an amount above zero.", "Write 50, 30% or NAME=20.")
    return cap


class Quotas:
    """Counts what each group and each embedding space has, and says which parts may give the next row.

    A part is a (space, group) pair. Spaces share the selection in proportion to the square roots of ``space_sizes``, so
    that a small space beside a large one is more than an afterthought: the next row comes from the space that is
    furthest behind its share; of equals from the first. (Power allocation: Bankier, 1988, Power Allocations:
    Determining Sample Sizes for Subnational Areas.)
    """

    def __init__(self, caps: Mapping[int, Cap], space_sizes: list[int]) -> None:
        self._caps = caps
        self._weights = [math.sqrt(size) for size in space_sizes]
        self._total = sum(self._weights)
        self.groups: dict[int, int] = dict.fromkeys(caps, 0)
        self._spaces = [0] * len(space_sizes)
        self.chosen = 0

    def allows(self, group: int) -> bool:
        """Return whether a group may have one more row."""
        return self._caps[group].allows(self.groups[group], self.chosen)

    def next_space(self, spaces: set[int]) -> int:
        """Return which of ``spaces`` the next row comes from."""
        target = self.chosen + 1
        return min(spaces, key=lambda space: (self._spaces[space] * self._total - self._weights[space] * target, space))

    def add(self, space: int, group: int) -> None:
        """Count a chosen row."""
        self._spaces[space] += 1
        self.groups[group] += 1
        self.chosen += 1


class Gaps:
    """Rows of the same clip that start less than ``least_gap_s`` from a given row."""

    def __init__(self, clips: NDArray[np.generic], times_s: NDArray[np.float64], least_gap_s: float) -> None:
        self.least_gap_s = least_gap_s
        labels = np.unique(clips, return_inverse=True)[1]
        self._order = np.lexsort((times_s, labels))
        self._labels, self._times_s = labels, times_s
        sorted_labels = labels[self._order]
        self._starts = np.searchsorted(sorted_labels, np.arange(labels.max(initial=-1) + 2))
        self._sorted_times_s = times_s[self._order]

    def near(self, row: int) -> Rows:
        """Return the rows that are too near, ``row`` itself among them."""
        start, stop = self._starts[self._labels[row]], self._starts[self._labels[row] + 1]
        times_s = self._sorted_times_s[start:stop]
        # A microsecond of slack lets a gap of exactly the least pass in spite of rounding.
        reach_s = max(self.least_gap_s - 1e-6, 0.0)
        low = np.searchsorted(times_s, self._times_s[row] - reach_s, side="left")
        high = np.searchsorted(times_s, self._times_s[row] + reach_s, side="right")
        return np.asarray(self._order[start + low : start + high])
