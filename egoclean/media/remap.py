"""Applying a rectification to the planes of a frame: shrink by a whole factor, then one bilinear map per plane size.

Chroma is taken to sit on the left luma column of its pair and between the rows, as H.264 and H.265 have it unless
they say otherwise; source and result sit alike.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.core.rectification import inside, source_positions
from egoclean.media.planes import NEUTRAL_CHROMA, ByteArray, Planes
from egoclean.records import Intrinsics

OUTSIDE = -16_384.0
"""Map value of pixels without a source: far outside, so that remapping paints them with the border colour."""

_AREA_RATIO = 1.5


class PlaneRemapper:
    """Turns the planes of ``source`` pictures into those of ``target`` pictures; pixels without a source are black.

    The source is first averaged over blocks of ``floor(source height / target height)`` pixels, which removes what
    the target cannot hold, and then sampled bilinearly at exact positions of the shrunk planes.

    Parameters
    ----------
    source : camera of the decoded pictures, at their size.
    target : camera of the result, of even size.
    black : luma painted where the source shows nothing.
    """

    def __init__(self, source: Intrinsics, target: Intrinsics, black: int) -> None:
        self._black = black
        self.factor = max(1, source.image_height // target.image_height)
        columns, rows = (
            np.arange(target.image_width, dtype=np.float64),
            np.arange(target.image_height, dtype=np.float64),
        )
        self._luma = _finished_map(source, target, columns, rows, self.factor, chroma=False)
        self._chroma = _finished_map(source, target, columns[::2], rows[::2] + 0.5, self.factor, chroma=True)

    def __call__(self, planes: Planes, into: Planes) -> None:
        """Write the rectified ``planes`` into ``into``, planes of the target's size."""
        maps = (self._luma, self._chroma, self._chroma)
        colours = (self._black, NEUTRAL_CHROMA, NEUTRAL_CHROMA)
        for plane, target, (first, second), colour in zip(planes, into, maps, colours, strict=True):
            shrunk = shrink(plane, self.factor)
            cv2.remap(
                shrunk, first, second, cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_CONSTANT, borderValue=colour
            )


class PlaneResizer:
    """Resizes the planes of a frame to another size, without geometry and without aliasing."""

    def __call__(self, planes: Planes, into: Planes) -> None:
        """Write the resized ``planes`` into ``into``."""
        for plane, target in zip(planes, into, strict=True):
            height, width = target.shape
            shrunk = shrink(plane, max(1, min(plane.shape[0] // height, plane.shape[1] // width)))
            shrinking = shrunk.shape[0] > _AREA_RATIO * height or shrunk.shape[1] > _AREA_RATIO * width
            method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
            cv2.resize(shrunk, (width, height), dst=target, interpolation=method)


def shrink(plane: ByteArray, factor: int) -> ByteArray:
    """Return the means of ``factor`` x ``factor`` blocks; rows and columns that fill no block are left out."""
    if factor == 1:
        return plane
    height, width = plane.shape[0] // factor, plane.shape[1] // factor
    whole = plane[: height * factor, : width * factor]
    shrunk: Any = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk  # type: ignore[no-any-return]


@functools.cache
def fixed_maps_are_faster() -> bool:
    """Return whether this OpenCV build remaps faster with fixed-point maps, and to the same bytes.

    Builds differ in both. Where the bytes differ, float maps are the exact ones and are always taken, so that the
    machine's mood never changes a result.
    """
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (270, 480), dtype=np.uint8)
    columns, rows = np.meshgrid(np.arange(480, dtype=np.float32), np.arange(270, dtype=np.float32))
    float_maps = (columns * np.float32(0.93) + np.float32(3.3), rows * np.float32(0.91) + np.float32(5.7))
    fixed_maps = cv2.convertMaps(float_maps[0], float_maps[1], cv2.CV_16SC2)
    costs: list[float] = []
    results: list[Any] = []
    for first, second in (float_maps, fixed_maps):
        spent: list[float] = []
        for _ in range(7):
            started = time.thread_time()
            result = cv2.remap(picture, first, second, cv2.INTER_LINEAR)
            spent.append(time.thread_time() - started)
        costs.append(sorted(spent)[3])
        results.append(result)
    return bool(np.array_equal(results[0], results[1])) and costs[1] < costs[0]


def _finished_map(
    source: Intrinsics,
    target: Intrinsics,
    columns: NDArray[np.float64],
    rows: NDArray[np.float64],
    factor: int,
    *,
    chroma: bool,
) -> tuple[Any, Any]:
    """Return the map into the shrunk luma or chroma plane for luma positions ``columns`` x ``rows`` of the target."""
    x, y = source_positions(source, target, columns, rows)
    outside = ~inside(x, y, source)
    width, height = source.image_width, source.image_height
    if chroma:
        x *= 0.5
        y = (y - np.float32(0.5)) * np.float32(0.5)
        width, height = (width + 1) // 2, (height + 1) // 2
    x = (x + np.float32(0.5)) / np.float32(factor) - np.float32(0.5)
    y = (y + np.float32(0.5)) / np.float32(factor) - np.float32(0.5)
    np.clip(x, 0, width // factor - 1, out=x)
    np.clip(y, 0, height // factor - 1, out=y)
    x[outside] = y[outside] = OUTSIDE
    return cv2.convertMaps(x, y, cv2.CV_16SC2) if fixed_maps_are_faster() else (x, y)
