"""Frames as three planes of bytes (luma and two chroma of half size), shared with the decoder's memory, not copied."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoclean.records import VideoHeader

ByteArray = NDArray[np.uint8]
Planes = tuple[ByteArray, ByteArray, ByteArray]

NEUTRAL_CHROMA = 128
FULL_RANGE = 2
"""The decoder library's number for pictures whose black is 0 and white 255."""

_PLANAR_FORMATS = ("yuv420p", "yuvj420p")
_GREY_FORMATS = ("gray", "gray8")


def frame_planes(frame: Any) -> Planes:
    """Return ``(Y, U, V)`` of a decoded frame, shapes ``(h, w)`` and twice ``(ceil(h / 2), ceil(w / 2))``.

    8-bit 4:2:0 frames are viewed in place and valid only as long as the frame lives; other formats (10-bit, 4:4:4)
    are converted, and grey ones get neutral chroma.
    """
    if frame.format.name in _GREY_FORMATS:
        luma = _plane_view(frame.planes[0], frame.width, frame.height)
        chroma = np.full(((frame.height + 1) // 2, (frame.width + 1) // 2), NEUTRAL_CHROMA, np.uint8)
        return luma, chroma, chroma
    if frame.format.name not in _PLANAR_FORMATS:
        frame = frame.reformat(format="yuv420p", interpolation="BICUBIC")
    half_width, half_height = (frame.width + 1) // 2, (frame.height + 1) // 2
    return (
        _plane_view(frame.planes[0], frame.width, frame.height),
        _plane_view(frame.planes[1], half_width, half_height),
        _plane_view(frame.planes[2], half_width, half_height),
    )


def empty_frame(width: int, height: int) -> tuple[Any, Planes]:
    """Return a new yuv420p ``av.VideoFrame`` of even size and its planes to write into."""
    frame = av.VideoFrame(width, height, "yuv420p")
    return frame, frame_planes(frame)


def black_luma(header: VideoHeader) -> int:
    """Return the luma of black: 0 for full-range video, 16 otherwise."""
    return 0 if header.full_range else 16


def turned(planes: Planes, rotation_deg: int) -> Planes:
    """Return ``planes`` as a display shows them: turned counter-clockwise by a multiple of 90 degrees."""
    quarters = round(rotation_deg / 90) % 4
    if quarters == 0:
        return planes
    luma, blue, red = (np.ascontiguousarray(np.rot90(plane, quarters)) for plane in planes)
    return luma, blue, red


def planes_to_rgb(planes: Planes, *, full_range: bool = False) -> ByteArray:
    """Return the picture of ``planes`` as RGB, shape ``(h, w, 3)``, by the decoder library's own conversion."""
    height, width = planes[0].shape
    frame, target = empty_frame(width // 2 * 2, height // 2 * 2)
    for plane, values in zip(target, planes, strict=True):
        plane[...] = values[: plane.shape[0], : plane.shape[1]]
    source_range = "JPEG" if full_range else "MPEG"
    rgb: ByteArray = frame.to_ndarray(format="rgb24", src_color_range=source_range)
    return rgb


def shrunk_rgb(frame: Any, box: tuple[slice, slice], width: int, height: int, converter: VideoReformatter) -> ByteArray:
    """Return the part of a decoded frame in ``box`` (rows, columns) at another size as RGB, ``(height, width, 3)``.

    The planes are resampled before ``converter``, which is best kept for the whole clip, turns them into RGB by the
    frame's own colour tags: less work than turning the whole frame.
    """
    rows, columns = box
    small = av.VideoFrame(width, height, "yuv444p")
    small.colorspace, small.color_range = frame.colorspace, frame.color_range
    if frame.format.name.startswith("yuvj"):
        small.color_range = FULL_RANGE
    luma, *chroma = frame_planes(frame)
    half = (slice(rows.start // 2, (rows.stop + 1) // 2), slice(columns.start // 2, (columns.stop + 1) // 2))
    parts = [luma[box], *(plane[half] for plane in chroma)]
    for plane, part in zip(small.planes, parts, strict=True):
        _plane_view(plane, width, height)[...] = _resampled(part, width, height)
    rgb: Any = converter.reformat(small, format="rgb24").to_ndarray()
    return np.asarray(rgb, dtype=np.uint8)


def _resampled(plane: ByteArray, width: int, height: int) -> ByteArray:
    """Return a plane at another size, averaged where it shrinks: by exact halves first, which is the fast part."""
    rows, columns = plane.shape
    while rows >= 2 * height and columns >= 2 * width and rows % 2 == columns % 2 == 0:
        rows, columns = rows // 2, columns // 2
        plane = np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    method = cv2.INTER_AREA if rows > height or columns > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (width, height), interpolation=method), dtype=np.uint8)


def _plane_view(plane: Any, width: int, height: int) -> ByteArray:
    flat = np.frombuffer(plane, dtype=np.uint8)
    return flat[: height * plane.line_size].reshape(height, plane.line_size)[:, :width]
