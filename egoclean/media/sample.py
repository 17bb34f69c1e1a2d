"""Single pictures of a clip: any moment, and the same moment before and after rectification."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from egoclean.config import RectifyConfig
from egoclean.core.rectification import RectificationReport
from egoclean.errors import MediaError
from egoclean.media.cameras import plan_cameras
from egoclean.media.decode import decode_frames
from egoclean.media.images import narrowed
from egoclean.media.opening import open_video, shown_name
from egoclean.media.planes import ByteArray, black_luma, empty_frame, frame_planes, planes_to_rgb, turned
from egoclean.media.probe import probe
from egoclean.media.remap import PlaneRemapper
from egoclean.records import Intrinsics, MediaLocation, VideoHeader

JUMP_S: Final = 2.0
"""Moments further apart than this are decoded from a keyframe each."""


def frame_at(location: MediaLocation, time_s: float) -> ByteArray:
    """Return the picture shown at ``time_s`` seconds from the first frame, RGB, as coded.

    Decoding starts at the keyframe before; times outside the clip give its first or last frame.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`.
    """
    frame = decoded_at(location, time_s)
    rgb: ByteArray = frame.to_ndarray(format="rgb24")
    return rgb


def small_pictures(location: MediaLocation, times_s: Sequence[float], width_px: int) -> list[ByteArray]:
    """Return the pictures shown at ascending ``times_s`` seconds from the first frame, RGB, ``width_px`` wide at most.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`.
    """
    return [narrowed(frame.to_ndarray(format="rgb24"), width_px) for frame in decoded_at_each(location, times_s)]


def before_after(
    location: MediaLocation,
    intrinsics: Intrinsics | None,
    config: RectifyConfig,
    time_s: float,
    header: VideoHeader | None = None,
) -> tuple[ByteArray, ByteArray, RectificationReport]:
    """Return the picture at ``time_s`` as it came and as rectified at full size, both RGB, and the report.

    When the clip is not rectified, both pictures are the same and the report says why. ``header`` saves the reading
    of all packets when it is at hand.

    Raises
    ------
    MediaError, IntrinsicsError : as :func:`egoclean.media.rectify.rectify_video`.
    """
    header = header or probe(location).header
    plan = plan_cameras(header, intrinsics, config)
    frame = decoded_at(location, time_s)
    planes = turned(frame_planes(frame), plan.rotation_deg)
    before = planes_to_rgb(planes, full_range=header.full_range)
    if plan.source is None or plan.target is None:
        return before, before, plan.report
    made, into = empty_frame(plan.target.image_width, plan.target.image_height)
    PlaneRemapper(plan.source, plan.target, black_luma(header))(planes, into)
    after = planes_to_rgb(frame_planes(made), full_range=header.full_range)
    return before, after, plan.report


def decoded_at(location: MediaLocation, time_s: float) -> Any:
    """Return the decoded ``av.VideoFrame`` shown at ``time_s`` seconds from the first frame.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`.
    """
    return decoded_at_each(location, [time_s])[0]


def decoded_at_each(location: MediaLocation, times_s: Sequence[float]) -> list[Any]:
    """Return the ``av.VideoFrame`` shown at each of ``times_s``, ascending seconds from the first frame.

    Moments close together are found in one pass; to one further off the decoder jumps.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`.
    """
    with open_video(location) as (_, stream):
        time_base = Fraction(stream.time_base)
        first_pts = stream.start_time or 0
    targets = [first_pts + round(max(0.0, time_s) / time_base) for time_s in times_s]
    ends = [place for place in range(1, len(targets)) if (targets[place] - targets[place - 1]) * time_base > JUMP_S]
    parts = itertools.pairwise([0, *ends, len(targets)])
    return [frame for start, stop in parts for frame in _one_pass(location, targets[start:stop])]


def _one_pass(location: MediaLocation, targets: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    shown: Any = None
    for frame in decode_frames(location, seek_pts=targets[0]):
        while shown is not None and len(found) < len(targets) and frame.pts > targets[len(found)]:
            found.append(shown)
        if len(found) == len(targets):
            return found
        shown = frame
    if shown is None:
        raise MediaError(f"{shown_name(location.path)} has no frame that decodes.", code="decode_error")
    return found + [shown] * (len(targets) - len(found))
