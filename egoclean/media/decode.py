"""Strict decoding: every frame in order of time, or an error with the time of the first damage.

Nothing is skipped, concealed or substituted: a frame index means a time only as long as no frame is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.windows import GAP_STEPS
from egoclean.errors import MediaError
from egoclean.media.opening import LIBRARY_ERRORS, decode_error, open_video, shown_name
from egoclean.records import MediaLocation, Problem, Severity


def decode_frames(
    location: MediaLocation,
    start_pts: int | None = None,
    stop_pts: int | None = None,
    *,
    seek_pts: int | None = None,
    threads: int = 1,
) -> Iterator[Any]:
    """Yield each frame (``av.VideoFrame``) in order of its pts, by one decoder; ``threads`` change none of them.

    Nothing after the frame of ``location.last_pts`` is shown, nor decoded.

    Parameters
    ----------
    start_pts : pts of a keyframe to begin at; frames before it are not shown. The first frame when None.
    stop_pts : frames from this pts on are not shown.
    seek_pts : begin at the last keyframe at or before this pts instead; earlier frames are shown too.

    Raises
    ------
    MediaError : as :func:`egoclean.media.opening.open_video`; ``decode_error`` at the first packet that does not
        decode, frame marked damaged, or pts that does not increase; ``size_changed`` when pictures change their
        size. ``time_s`` is the time of the last good frame, counted from the first frame.
    """
    name = shown_name(location.path)
    last_pts = location.last_pts
    with open_video(location) as (container, stream):
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "NONE" if threads == 1 else "FRAME"
        begin = start_pts if seek_pts is None else seek_pts
        if begin is not None:
            container.seek(begin, stream=stream, backward=True)
        for frame in _checked_frames(container, stream, name):
            if (stop_pts is not None and frame.pts >= stop_pts) or (last_pts is not None and frame.pts > last_pts):
                return
            if start_pts is None or frame.pts >= start_pts:
                yield frame
            if frame.pts == last_pts:
                return


def check_decoded(decoded: NDArray[np.int64], expected: NDArray[np.int64], location: MediaLocation) -> list[Problem]:
    """Return warnings about the frames that were decoded against those the packets announced.

    Fewer frames without a hole in time (an open start, for instance) are a warning, ``count_mismatch``.

    Parameters
    ----------
    decoded, expected : pts, shape ``(n,)`` and ``(m,)``, increasing.

    Raises
    ------
    MediaError : ``decode_error`` when frames are missing so that time has a hole which the packets do not have, or
        are missing at the end.
    """
    if np.array_equal(decoded, expected):
        return []
    name = shown_name(location.path)
    message = f"{name} announces {len(expected)} frames, {len(decoded)} were decoded."
    if not len(decoded):
        raise MediaError(f"{name} has no frame that decodes.", "Leave it out.", code="decode_error")
    missing = np.setdiff1d(expected, decoded)
    missing = missing[missing > decoded[0]]
    step = float(np.median(np.diff(expected))) if len(expected) > 1 else 1.0
    widest = float(np.diff(decoded).max()) if len(decoded) > 1 else 0.0
    widest_expected = float(np.diff(expected).max()) if len(expected) > 1 else 0.0
    holed = widest > max(GAP_STEPS * step, widest_expected)
    if holed or (len(missing) and missing[-1] > decoded[-1]):
        raise MediaError(message, "Download or copy it again, or leave it out.", code="decode_error")
    return [Problem("count_mismatch", message, Severity.WARNING)]


def _checked_frames(container: Any, stream: Any, name: str) -> Iterator[Any]:
    first: Any = None
    last_pts: int | None = None
    clip_start_pts = stream.start_time or 0
    frames = container.decode(stream)
    while True:
        time_s = None if last_pts is None else float((last_pts - clip_start_pts) * stream.time_base)
        try:
            frame = next(frames)
        except StopIteration:
            return
        except LIBRARY_ERRORS as error:
            raise decode_error(name, error, time_s) from error
        if frame.is_corrupt:
            raise decode_error(name, ValueError("a frame is marked damaged"), time_s)
        if frame.pts is None or (last_pts is not None and frame.pts <= last_pts):
            raise decode_error(name, ValueError("times do not increase"), time_s)
        first = first or frame
        _refuse_change(first, frame, name, time_s)
        last_pts = frame.pts
        yield frame


def _refuse_change(first: Any, frame: Any, name: str, time_s: float | None) -> None:
    if (frame.width, frame.height, frame.format.name) != (first.width, first.height, first.format.name):
        message = (
            f"{name} changes from {first.width}x{first.height} {first.format.name} pictures "
            f"to {frame.width}x{frame.height} {frame.format.name}."
        )
        raise MediaError(message, "Split it where its pictures change.", code="size_changed", time_s=time_s)
