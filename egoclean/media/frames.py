"""The frames of windows as models take them: square RGB, each frame of the video decoded and resized once."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoclean.errors import MediaError
from egoclean.media.decode import decode_frames
from egoclean.media.images import centred, placement
from egoclean.media.opening import shown_name
from egoclean.media.planes import ByteArray, shrunk_rgb
from egoclean.records import MediaLocation


def read_frames(
    path: str | Path | MediaLocation,
    windows: Sequence[NDArray[np.int64]],
    size_px: int,
    crop: str = "center",
    *,
    threads: int = 1,
) -> Iterator[ByteArray]:
    """Yield the frames of each window, shape ``(T, size_px, size_px, 3)``, RGB, in the order of ``windows``.

    One pass over the video; only frames that a window still needs are held.

    Parameters
    ----------
    path : a video whose frame ``i`` is the ``i``-th in order of time, a view for instance.
    windows : frame indices of each window, shape ``(T,)``; windows may overlap, be in any order and of any length.
    size_px, crop : as :func:`egoclean.media.images.square`.
    threads : how many decode, and how many resize; the pictures do not depend on it.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`; ``too_short`` when the video ends before the frames
        asked for.
    """
    location = path if isinstance(path, MediaLocation) else MediaLocation(str(path))
    needed_until = _last_uses(windows)
    held: dict[int, ByteArray] = {}
    frames = (item for item in enumerate(decode_frames(location, threads=threads)) if item[0] in needed_until)
    squares = _squares(frames, size_px, crop, threads)
    for number, indices in enumerate(windows):
        wanted = indices.tolist()
        while any(index not in held for index in wanted):
            index, picture = next(squares, (-1, None))
            if picture is None:
                message = f"{shown_name(location.path)} ends before frame {max(wanted)} that was asked for."
                raise MediaError(message, "Rectify the clip again.", code="too_short")
            held[index] = picture
        yield np.stack([held[index] for index in wanted])
        for index in [index for index in held if needed_until[index] <= number]:
            del held[index]


def _squares(
    frames: Iterator[tuple[int, Any]], size_px: int, crop: str, threads: int
) -> Iterator[tuple[int, ByteArray]]:
    """Yield the number of each frame and its square picture, in order; those of a few frames are made at once."""
    own = threading.local()

    def made(number: int, frame: Any) -> tuple[int, ByteArray]:
        if not hasattr(own, "converter"):
            own.converter = VideoReformatter()
        return number, _square(frame, size_px, crop, own.converter)

    if threads == 1:
        yield from itertools.starmap(made, frames)
        return
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[tuple[int, ByteArray]]] = deque()
        for number, frame in frames:
            begun.append(pool.submit(made, number, frame))
            if len(begun) > 2 * threads:
                yield begun.popleft().result()
        yield from (future.result() for future in begun)


def _square(frame: Any, size_px: int, crop: str, converter: VideoReformatter) -> ByteArray:
    box, (width, height) = placement(frame.width, frame.height, size_px, crop)
    picture = shrunk_rgb(frame, box, width, height, converter)
    return picture if width == height else centred(picture, size_px)


def _last_uses(windows: Sequence[NDArray[np.int64]]) -> dict[int, int]:
    """Return the number of the last window that uses each frame."""
    return {index: number for number, indices in enumerate(windows) for index in indices.tolist()}
