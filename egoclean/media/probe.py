"""What a video file says without being decoded: header facts and the presentation time of every frame."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.windows import GAP_STEPS
from egoclean.errors import MediaError
from egoclean.media.opening import LIBRARY_ERRORS, decode_error, open_video, shown_name, video_streams
from egoclean.media.planes import FULL_RANGE
from egoclean.records import MediaLocation, Problem, Severity, VideoHeader

LARGEST_PICTURE_PX = 8192 * 8192
"""A video that declares larger pictures is rejected before anything of their size is allocated."""

ANY_PTS = 1 << 62
"""A ``last_pts`` that no frame reaches: all that is there of a file that may be cut."""

LONGEST_CLIP_S = 12 * 3600.0
"""A longer video is rejected: cut it into parts."""

CLAIM_TOLERANCE_S = 1.0
CLAIM_TOLERANCE = 0.05
"""A container may claim this much more time, in seconds and as a share, than its frames take."""

_PROGRESSIVE_ORDERS = (0, 1)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Header facts, the sorted pts of all frames that decoding should show, and what is worth a warning."""

    header: VideoHeader
    pts: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()


def probe(location: MediaLocation) -> ProbeResult:
    """Return what can be known of a video by reading its packets; only its first frame is decoded.

    That frame tells the rotation tag and interlacing, which the header does not. What comes after the frame of
    ``location.last_pts`` does not count, damaged or not.

    Raises
    ------
    MediaError : ``missing``, ``not_video``, ``truncated_header``, ``truncated``, ``no_video``, ``too_large``,
        ``no_times`` (a container without presentation times) or ``decode_error`` (packets that cannot be read).
    """
    name = shown_name(location.path)
    try:
        with open_video(location) as (container, stream):
            _refuse_giants(container, stream, name)
            pts = _packet_times(container, stream, name, location.last_pts)
    except MediaError as error:
        raise _with_last_good_time(error, location) from error
    rotation_deg, interlaced_frame = _first_frame_facts(location)
    with open_video(location) as (container, stream):
        header = _header(container, stream, pts, rotation_deg, interlaced_frame)
        problems = _stream_problems(container, header, name) + _time_problems(header, pts)
        if location.last_pts is None:
            problems += _claim_problems(container, header, pts, name)
    return ProbeResult(header, pts, tuple(problems))


def times_s(pts: NDArray[np.int64], time_base: Fraction) -> NDArray[np.float64]:
    """Return seconds from the first frame for each pts."""
    relative = pts - pts[0] if len(pts) else pts
    return relative.astype(np.float64) * time_base.numerator / time_base.denominator


def whole_packets(location: MediaLocation) -> tuple[NDArray[np.int64], Fraction]:
    """Return the sorted pts of the frames that a cut or damaged file still has with all that come before them.

    Packets come in order of dts, and no pts is below its dts. So all frames up to the dts of the last whole packet
    are there, and none of them needs what is missing.

    Returns
    -------
    The pts, shape ``(n,)``, and the time base.

    Raises
    ------
    MediaError : as :func:`egoclean.media.opening.open_video`, but not for a file that is cut.
    """
    found: list[int] = []
    last_dts = None
    with open_video(dataclasses.replace(location, last_pts=ANY_PTS)) as (container, stream):
        with contextlib.suppress(*LIBRARY_ERRORS):
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    break
                if packet.size == 0 or packet.is_discard or packet.pts is None:
                    continue
                found.append(packet.pts)
                last_dts = packet.dts if packet.dts is not None else last_dts
        pts = np.unique(np.array(found, dtype=np.int64))
        return pts[pts <= last_dts] if last_dts is not None else pts[:0], Fraction(stream.time_base)


def _with_last_good_time(error: MediaError, location: MediaLocation) -> MediaError:
    """Return the error of a cut file with the time up to which its frames are there; other errors as they are."""
    if error.code != "truncated":
        return error
    try:
        pts, time_base = whole_packets(location)
    except MediaError:
        return error
    if not len(pts):
        return error
    last_s = float(times_s(pts, time_base)[-1])
    return MediaError(f"{error.message} It is whole up to {last_s:.3f} s.", error.hint, code=error.code, time_s=last_s)


def _packet_times(container: Any, stream: Any, name: str, last_pts: int | None) -> NDArray[np.int64]:
    found: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                raise MediaError(
                    f"{name} carries no presentation times.", "Remux it into MP4 or Matroska.", code="no_times"
                )
            if last_pts is None or packet.pts <= last_pts:
                found.append(packet.pts)
    except LIBRARY_ERRORS as error:
        if last_pts is None or last_pts not in found:
            time_s = float((max(found) - min(found)) * stream.time_base) if found else None
            raise decode_error(name, error, time_s) from error
    if not found:
        raise MediaError(f"{name} has no frames.", "Leave it out.", code="no_video")
    pts = np.unique(np.array(found, dtype=np.int64))
    if (pts[-1] - pts[0]) * stream.time_base > LONGEST_CLIP_S:
        raise _too_long(name, float((pts[-1] - pts[0]) * stream.time_base))
    return pts


def _refuse_giants(container: Any, stream: Any, name: str) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > LARGEST_PICTURE_PX:
        message = f"{name} declares pictures of {width}x{height} pixels, more than {LARGEST_PICTURE_PX} in all."
        raise MediaError(message, "Scale the video down first.", code="too_large")
    if width <= 0 or height <= 0 or stream.codec_context.pix_fmt is None or not stream.time_base:
        raise MediaError(f"{name} has a video stream without a picture size or format.", code="not_video")
    duration_s = (container.duration or 0) / 1_000_000
    if duration_s > LONGEST_CLIP_S and container.size < duration_s * 100:
        raise _too_long(name, duration_s)


def _too_long(name: str, duration_s: float) -> MediaError:
    message = f"{name} lasts {duration_s / 3600:.1f} hours, more than {LONGEST_CLIP_S / 3600:.0f}."
    return MediaError(message, "Cut it into shorter parts.", code="too_large")


def _first_frame_facts(location: MediaLocation) -> tuple[int, bool]:
    """Return ``(rotation_deg, interlaced)``; a first frame that cannot be decoded is left for decoding to report."""
    with open_video(location) as (container, stream):
        stream.codec_context.thread_count = 1
        with contextlib.suppress(*LIBRARY_ERRORS):
            for frame in container.decode(stream):
                return int(frame.rotation), bool(frame.interlaced_frame)
    return 0, False


def _header(container: Any, stream: Any, pts: NDArray[np.int64], rotation_deg: int, interlaced: bool) -> VideoHeader:
    context = stream.codec_context
    time_base = Fraction(stream.time_base)
    step = int(np.median(np.diff(pts))) if len(pts) > 1 else 0
    return VideoHeader(
        container=container.format.name,
        codec=context.name,
        pixel_format=context.pix_fmt,
        width=context.width,
        height=context.height,
        rotation_deg=rotation_deg % 360,
        time_base=time_base,
        average_rate=Fraction(stream.average_rate) if stream.average_rate else None,
        frame_count_header=stream.frames or None,
        packet_count=len(pts),
        start_pts=int(pts[0]),
        duration_s=float((int(pts[-1] - pts[0]) + step) * time_base),
        bit_rate=container.bit_rate or None,
        interlaced=interlaced or context.field_order not in _PROGRESSIVE_ORDERS,
        full_range=context.pix_fmt.startswith("yuvj") or context.color_range == FULL_RANGE,
    )


def _stream_problems(container: Any, header: VideoHeader, name: str) -> list[Problem]:
    problems = []
    count = len(video_streams(container))
    if count > 1:
        message = f"{name} has {count} video streams: the first is used."
        problems.append(Problem("several_streams", message, Severity.WARNING))
    if header.rotation_deg:
        message = f"{name} is tagged as rotated by {header.rotation_deg} degrees."
        problems.append(Problem("rotated", message, Severity.WARNING))
    if header.interlaced:
        problems.append(Problem("interlaced", f"{name} is interlaced.", Severity.WARNING))
    return problems


def _claim_problems(container: Any, header: VideoHeader, pts: NDArray[np.int64], name: str) -> list[Problem]:
    """Return warnings about a container that claims other frames, or a longer time, than its packets have."""
    claimed_s = (container.duration or 0) / 1_000_000
    found_s = max(header.duration_s, float(int(pts[-1]) * header.time_base))
    claims = []
    if header.frame_count_header not in (None, header.packet_count):
        claims.append(f"{header.frame_count_header} frames, found {header.packet_count}")
    elif len(container.streams) == 1 and claimed_s - found_s > max(CLAIM_TOLERANCE_S, CLAIM_TOLERANCE * found_s):
        claims.append(f"{claimed_s:.1f} s, found {found_s:.1f} s")
    messages = [f"The header of {name} claims {claim}." for claim in claims]
    return [Problem("count_mismatch", message, Severity.WARNING) for message in messages]


def _time_problems(header: VideoHeader, pts: NDArray[np.int64]) -> list[Problem]:
    steps = np.diff(pts)
    if not len(steps):
        return []
    holes = np.flatnonzero(steps > GAP_STEPS * np.median(steps))
    if not len(holes):
        return []
    first = times_s(pts, header.time_base)[holes[0]]
    message = (
        f"{len(holes)} steps between frames are over {GAP_STEPS} times the median; the first follows {first:.3f} s."
    )
    return [Problem("gap", message, Severity.WARNING, float(first))]
