"""What makes a table of a million windows quick to ask: each answer costs one pass over an array, or a few look-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Footage:
    """Where windows lie on a clock on which no two clips meet, in order of their starts.

    ``order`` is the row at each place, None where the rows stand in that order already.
    """

    starts_s: Floats
    stops_s: Floats
    order: NDArray[np.int64] | None

    @classmethod
    def of(cls, windows: pd.DataFrame) -> Footage:
        """Return the index of ``windows``, which need the columns clip_id, start_s and stop_s in seconds."""
        clips = clip_numbers(windows)
        starts, stops = (windows[name].to_numpy(dtype=np.float64) for name in ("start_s", "stop_s"))
        apart_s = (float(stops.max()) - min(0.0, float(starts.min())) + 1.0) if len(windows) else 0.0
        starts, stops = starts + clips * apart_s, stops + clips * apart_s
        if not (starts[1:] < starts[:-1]).any():
            return cls(starts, stops, None)
        order = np.argsort(starts, kind="stable")
        return cls(starts[order], stops[order], order)

    def seconds(self, among: Flags | None = None) -> float:
        """Return the seconds that the windows ``among`` cover, all when None; where they overlap, one counts once."""
        starts, stops = self.starts_s, self.stops_s
        if among is not None:
            flags = among if self.order is None else among[self.order]
            starts, stops = starts[flags], stops[flags]
        if len(starts) == 0:
            return 0.0
        covered_to = np.maximum.accumulate(stops)
        total = float(stops[0] - starts[0])
        return total + float(np.maximum(stops[1:] - np.maximum(starts[1:], covered_to[:-1]), 0.0).sum())


@dataclass(frozen=True, slots=True)
class SignalOrder:
    """A signal's rows and values from the least value up; rows without a value are ``missing`` in number."""

    rows: Rows
    values: Floats
    missing: int

    @classmethod
    def of(cls, values: Floats) -> SignalOrder:
        """Return the order of ``values``, NaN for none."""
        order = np.argsort(values)
        count = len(values) - int(np.isnan(values).sum())
        rows = order[:count].astype(np.int32)
        return cls(rows, values[rows], len(values) - count)

    def between(self, low: float, high: float) -> tuple[int, int]:
        """Return how many values are below ``low``, and how many are at most ``high``."""
        return int(np.searchsorted(self.values, low)), int(np.searchsorted(self.values, high, side="right"))

    def near(self, line: float, many: int) -> Rows:
        """Return the rows just below and just above ``line``, ``many`` of each, from the least value up."""
        place = int(np.searchsorted(self.values, line))
        return self.rows[max(0, place - many) : place + many]

    def highest(self, many: int) -> Rows:
        """Return the rows with the greatest values, greatest first."""
        return self.rows[::-1][:many]

    def lowest(self, many: int) -> Rows:
        """Return the rows with the least values, least first."""
        return self.rows[:many]


def clip_numbers(windows: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for the clip of each window: the same for windows of one clip."""
    column = windows["clip_id"]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.int64)
    return np.asarray(pd.factorize(column)[0], dtype=np.int64)


def clip_places(windows: pd.DataFrame) -> dict[str, slice]:
    """Return for each clip the rows that its windows stand in; needs the windows of a clip to follow one another.

    A clip whose windows stand apart gets the stretch from the first to the last of them.
    """
    clips = clip_numbers(windows)
    starts = np.flatnonzero(np.diff(clips, prepend=-1 if len(clips) else 0))
    stops = np.append(starts[1:], len(clips))
    places: dict[str, slice] = {}
    for clip_id, start, stop in zip(windows["clip_id"].iloc[starts], starts.tolist(), stops.tolist(), strict=False):
        before = places.get(str(clip_id))
        places[str(clip_id)] = slice(start if before is None else before.start, stop)
    return places


def evenly(count: int, most: int) -> slice:
    """Return every so many rows of ``count``, so that at most ``most`` are taken."""
    return slice(None, None, max(1, -(-count // most)))
