"""Whether lines come out straighter: long smooth edges of a few source pictures, followed through the rectification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.core.fisheye import project, unproject
from egoclean.media.planes import ByteArray
from egoclean.media.remap import shrink
from egoclean.records import Intrinsics

FEWEST_LINES = 8
"""With fewer lines nothing is said."""

_WORKING_WIDTH_PX = 960
_SHORTEST_SHARE = 0.12
_SMOOTH_PX = 0.8
_STRAIGHT_CUT = 0.06
_CANNY_LOW, _CANNY_HIGH = 60, 150

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Straightness:
    """How far edges stray from a straight line, median of the RMS distances, in pixels of the full-size result.

    ``before_px`` is what it would be if the edges, as long as they are in the result, were bent as in the source.
    """

    line_count: int
    before_px: float
    after_px: float


def measure_straightness(pictures: Sequence[ByteArray], source: Intrinsics, target: Intrinsics) -> Straightness | None:
    """Return how much edges of ``pictures`` bend in ``source`` and, moved to it, in ``target``; None for few edges.

    Edges are chains of at least an eighth of the picture's width that one parabola explains: a straight line of the
    world seen through a lens is one, though not every such edge is straight in the world. A calibration that fits
    straightens the typical edge; one of another camera does not.

    Parameters
    ----------
    pictures : luma planes of ``source`` pictures, shape ``(h, w)``.
    """
    factor = max(1, source.image_width // _WORKING_WIDTH_PX)
    before: list[float] = []
    after: list[float] = []
    for picture in pictures:
        for chain in _chains(shrink(picture, factor)):
            points = (chain + 0.5) * factor - 0.5
            moved = project(unproject(points, source), target)
            if np.isfinite(moved).all():
                length_px = float(np.ptp(_own_axes(moved)[0]))
                before.append(_bend(points) * length_px)
                after.append(_bend(moved) * length_px)
    if len(before) < FEWEST_LINES:
        return None
    return Straightness(len(before), float(np.median(before)), float(np.median(after)))


def _chains(picture: ByteArray) -> Iterator[FloatArray]:
    """Yield smooth edge chains of a picture, shape ``(n, 2)``, x and y."""
    edges = cv2.Canny(cv2.GaussianBlur(picture, (5, 5), 1.2), _CANNY_LOW, _CANNY_HIGH)
    corners = cv2.dilate(_corner_mask(edges), np.ones((3, 3), np.uint8))
    edges = np.where(corners > 0, 0, edges).astype(np.uint8)
    contours: Any = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    shortest = _SHORTEST_SHARE * picture.shape[1]
    for contour in contours:
        points = contour.reshape(-1, 2).astype(np.float64)
        if len(points) < shortest:
            continue
        along, across = _own_axes(points)
        if np.ptp(along) < shortest:
            continue
        residual = across - np.polynomial.Polynomial.fit(along, across, 2)(along)
        if np.sqrt(np.mean(residual**2)) < _SMOOTH_PX and _bend(points) < _STRAIGHT_CUT:
            yield points


def _corner_mask(edges: NDArray[Any]) -> NDArray[Any]:
    """Return pixels of an edge picture with three or more neighbours: where chains cross."""
    neighbours = cv2.filter2D((edges > 0).astype(np.uint8), -1, np.ones((3, 3), np.uint8))
    return np.where((edges > 0) & (neighbours > 3), 255, 0).astype(np.uint8)


def _own_axes(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return positions along and across the direction in which the points extend most."""
    centred = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[0], centred @ directions[1]


def _bend(points: FloatArray) -> float:
    """Return the RMS distance from the best straight line as a share of the length."""
    along, across = _own_axes(points)
    return float(np.sqrt(np.mean(across**2)) / max(float(np.ptp(along)), 1e-9))
