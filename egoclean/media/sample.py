"""Single pictures of a clip: any moment, and the same moment before and after rectification."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from egoclean.config import RectifyConfig
from egoclean.core.rectification import RectificationReport
from egoclean.errors import MediaError
from egoclean.media.cameras import plan_cameras
from egoclean.media.decode import decode_frames
from egoclean.media.opening import open_video, shown_name
from egoclean.media.planes import ByteArray, black_luma, empty_frame, frame_planes, planes_to_rgb, turned
from egoclean.media.probe import probe
from egoclean.media.remap import PlaneRemapper
from egoclean.records import Intrinsics, MediaLocation, VideoHeader


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
    with open_video(location) as (_, stream):
        time_base = Fraction(stream.time_base)
        first_pts = stream.start_time or 0
    target = first_pts + round(max(0.0, time_s) / time_base)
    shown: Any = None
    for frame in decode_frames(location, seek_pts=target):
        if shown is not None and frame.pts > target:
            break
        shown = frame
    if shown is None:
        raise MediaError(f"{shown_name(location.path)} has no frame that decodes.", code="decode_error")
    return shown
