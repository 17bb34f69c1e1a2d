"""The frames of windows as models take them: square RGB, each frame of the video decoded and resized once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    path: str | Path | MediaLocation, windows: Sequence[NDArray[np.int64]], size_px: int, crop: str = "center"
) -> Iterator[ByteArray]:
    """Yield the frames of each window, shape ``(T, size_px, size_px, 3)``, RGB, in the order of ``windows``.

    One pass over the video; only frames that a window still needs are held.

    Parameters
    ----------
    path : a video whose frame ``i`` is the ``i``-th in order of time, a view for instance.
    windows : frame indices of each window, shape ``(T,)``; windows may overlap, be in any order and of any length.
    size_px, crop : as :func:`egoclean.media.images.square`.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`; ``too_short`` when the video ends before the frames
        asked for.
    """
    location = path if isinstance(path, MediaLocation) else MediaLocation(str(path))
    needed_until = _last_uses(windows)
    held: dict[int, ByteArray] = {}
    converter = VideoReformatter()
    frames = enumerate(decode_frames(location))
    for number, indices in enumerate(windows):
        wanted = indices.tolist()
        while any(index not in held for index in wanted):
            index, frame = next(frames, (-1, None))
            if frame is None:
                message = f"{shown_name(location.path)} ends before frame {max(wanted)} that was asked for."
                raise MediaError(message, "Rectify the clip again.", code="too_short")
            if index in needed_until:
                held[index] = _square(frame, size_px, crop, converter)
        yield np.stack([held[index] for index in wanted])
        for index in [index for index in held if needed_until[index] <= number]:
            del held[index]


def _square(frame: Any, size_px: int, crop: str, converter: VideoReformatter) -> ByteArray:
    box, (width, height) = placement(frame.width, frame.height, size_px, crop)
    picture = shrunk_rgb(frame, box, width, height, converter)
    return picture if width == height else centred(picture, size_px)


def _last_uses(windows: Sequence[NDArray[np.int64]]) -> dict[int, int]:
    """Return the number of the last window that uses each frame."""
    return {index: number for number, indices in enumerate(windows) for index in indices.tolist()}
