"""Where two signals agree and where they do not: ranks of the same windows side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egoclean.core.calibrate import calibrate

CORNERS = ("both high", "only the first high", "only the second high", "both low")


def corners(first: ArrayLike, second: ArrayLike, share: float = 0.2) -> NDArray[np.str_]:
    """Return for each window in which corner of two rankings it stands: one of :data:`CORNERS`, or an empty text.

    Parameters
    ----------
    first, second : shape (n,), signals of the same windows; NaN stands in no corner.
    share : how much of a ranking counts as high, and as low, above 0 and at most 0.5.

    Raises
    ------
    ValueError : the signals have different lengths, or the share is outside its range.
    """
    across, up = (calibrate(np.asarray(values, dtype=np.float64), None, "rank") for values in (first, second))
    if across.shape != up.shape:
        raise ValueError(f"two signals of the same windows were expected, found {len(across)} and {len(up)} values")
    if not 0.0 < share <= 0.5:
        raise ValueError(f"share must be above 0 and at most 0.5, found {share}")
    known = np.isfinite(across) & np.isfinite(up)
    high_first, low_first = known & (across > 1 - share), known & (across < share)
    high_second, low_second = known & (up > 1 - share), known & (up < share)
    rules = (high_first & high_second, high_first & low_second, low_first & high_second, low_first & low_second)
    return np.select(rules, CORNERS, default="")
