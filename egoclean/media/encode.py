"""Writing H.264 that browsers play and seek, with the source's own presentation times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.video.frame import PictureType

from egoclean.errors import MediaError

LARGEST_TIMESCALE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """x264's settings for one output; ``b_frames`` may only be above zero for files that are not seeked in."""

    crf: int
    preset: str
    keyframe_s: float
    b_frames: int = 0


class VideoWriter:
    """An MP4 of H.264 yuv420p written frame by frame; use as a context manager, complete only after its exit.

    One encoder thread, so the bytes depend on the frames and options alone. Every frame keeps its pts in
    ``time_base``; a keyframe stands at the first frame and then every ``keyframe_s``, to the nearest frame; the
    table of contents comes first.

    Parameters
    ----------
    path : file to write, ending in ``.mp4``.
    width, height : even sizes in pixels.
    time_base : unit of the pts; its numerator may be any number, the file's unit is one of its divisors.
    average_rate : frames per second, a hint for the encoder; 30 when unknown.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        time_base: Fraction,
        average_rate: Fraction | None,
        options: EncodeOptions,
    ) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"H.264 pictures need even sides, found {width}x{height}")
        if time_base.denominator > LARGEST_TIMESCALE:
            raise MediaError(f"The time base {time_base} is too fine for MP4.", code="not_video")
        self._time_base = time_base
        self._file_base = Fraction(1, time_base.denominator)
        rate = average_rate or Fraction(30)
        self._keyframe_s = options.keyframe_s - 1 / (2 * rate)
        self._last_key_pts: int | None = None
        self._container = _new_mp4(path, time_base.denominator)
        stream: Any = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._file_base
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {
            "preset": options.preset,
            "crf": str(options.crf),
            "bf": str(options.b_frames),
            "g": "100000",
            "sc_threshold": "0",
            "forced-idr": "1",
            "threads": "1",
        }
        self._stream = stream
        self.frame_count = 0

    def copy_colours(self, frame: Any) -> None:
        """Tag the output with the colour range, matrix, primaries and transfer of a decoded ``frame``."""
        context = self._stream.codec_context
        context.color_range = 2 if frame.format.name.startswith("yuvj") else frame.color_range
        context.colorspace = frame.colorspace
        context.color_primaries = frame.color_primaries
        context.color_trc = frame.color_trc

    def write(self, frame: Any, pts: int) -> None:
        """Encode one yuv420p frame of the writer's size at ``pts``, later than the one before.

        The encoder keeps nothing of ``frame``: its memory may be written again.
        """
        frame.pts = pts * self._time_base.numerator
        frame.time_base = self._file_base
        due = self._last_key_pts is None or (pts - self._last_key_pts) * self._time_base >= self._keyframe_s
        frame.pict_type = PictureType.I if due else PictureType.NONE
        if due:
            self._last_key_pts = pts
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self.frame_count += 1

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()

    def abandon(self) -> None:
        """Close without flushing: the file is not usable."""
        self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def join_videos(parts: Sequence[Path], path: Path) -> None:
    """Write the packets of ``parts``, made with one set of options and in order of time, as one MP4."""
    opened: Any
    with av.open(str(parts[0])) as opened:
        timescale = opened.streams.video[0].time_base.denominator
    with _new_mp4(path, timescale) as target:
        stream: Any = None
        for part in parts:
            with av.open(str(part)) as source:
                if stream is None:
                    stream = target.add_stream_from_template(source.streams.video[0])
                    stream.time_base = Fraction(1, timescale)
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        target.mux(packet)


def _new_mp4(path: Path, timescale: int) -> Any:
    """Open an MP4 to write; the movie has its track's own timescale because a late start is rounded to the former."""
    options = {
        "movflags": "+faststart",
        "video_track_timescale": str(timescale),
        "movie_timescale": str(timescale),
    }
    return av.open(str(path), "w", format="mp4", options=options)
