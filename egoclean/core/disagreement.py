"""Where two signals agree and where they do not: ranks of the same windows side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CORNERS = ("both high", "only the first high", "only the second high", "both low")


def corners(first: Floats, second: Floats, share: float = 0.2) -> NDArray[np.str_]:
    """Return for each window in which corner of two rankings it stands: one of :data:`CORNERS`, or an empty text.

    Parameters
    ----------
    first, second : shape (n,), places of the same windows in two rankings, from 0 to 1, as
        :func:`egoclean.core.calibrate.calibrate` gives them; NaN stands in no corner.
    share : how much of a ranking counts as high, and as low, above 0 and at most 0.5.

    Raises
    ------
    ValueError : the rankings have different lengths, or the share is outside its range.
    """
    if first.shape != second.shape:
        raise ValueError(f"two rankings of the same windows were expected, found {len(first)} and {len(second)} values")
    if not 0.0 < share <= 0.5:
        raise ValueError(f"share must be above 0 and at most 0.5, found {share}")
    high_first, low_first = first > 1 - share, first < share
    high_second, low_second = second > 1 - share, second < share
    rules = (high_first & high_second, high_first & low_second, low_first & high_second, low_first & low_second)
    return np.select(rules, CORNERS, default="")


def pair_counts(first: Floats, second: Floats, cells: int = 25) -> NDArray[np.int64]:
    """Return how many windows stand at each pair of places, (cells, cells): rows by the first, columns by the second.

    Windows that have no place in one of the rankings, NaN, are not counted.
    """
    known = np.isfinite(first) & np.isfinite(second)
    counts, _, _ = np.histogram2d(first[known], second[known], bins=cells, range=((0, 1), (0, 1)))
    return counts.astype(np.int64)
