"""Points of many dimensions laid out on a plane, to look at; never to compute with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal_plane(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the coordinates of ``rows`` along their two directions of greatest variance.

    ``out[i]`` is ``rows[i]``, scaled to unit length and centred, projected on the first two principal axes; the sign
    of an axis is the one that makes its largest coordinate positive, so that the picture does not flip between runs.

    Parameters
    ----------
    rows : shape (n, d), float32; a row with a value that is not finite has no place.

    Returns
    -------
    Shape (n, 2), float32; NaN for rows without a place, zeros where there is nothing to tell rows apart.
    """
    plane = np.full((len(rows), 2), np.nan, dtype=np.float32)
    whole = np.isfinite(rows).all(axis=1) if rows.shape[1] else np.zeros(len(rows), dtype=bool)
    if not whole.any():
        return plane
    points = rows[whole].astype(np.float64)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    points = points / np.where(lengths > 0, lengths, 1.0)
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    placed = np.zeros((len(points), 2))
    found = centred @ axes[:, ::-1][:, :2]
    placed[:, : found.shape[1]] = found
    extremes = placed[np.abs(placed).argmax(axis=0), np.arange(2)]
    plane[whole] = placed * np.where(extremes < 0, -1.0, 1.0)
    return plane
