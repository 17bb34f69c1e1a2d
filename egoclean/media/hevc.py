"""H.265 in MP4 as cameras write it, fast and the same bytes each time: for footage that is made, not kept."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

TICKS_A_FRAME = 512
_X265 = (
    "log-level=none:pools=none:frame-threads=1:wpp=0:keyint=60:min-keyint=60:scenecut=0:bframes=0:rc-lookahead=0:"
    "rd=1:psy-rd=0:weightp=0:aq-mode=0:cutree=0:ctu=32:min-cu-size=32:me=dia:subme=0:merange=8:no-sao=1"
)
_QUANTISER = "34"


class HevcWriter:
    """A file being written: ``with HevcWriter(...) as writer: writer.write(picture)``; no sound, tag hvc1."""

    def __init__(self, path: Path, width: int, height: int, rate_fps: int) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        stream = self._container.add_stream("libx265", rate=rate_fps)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"libx265 made a stream of type {type(stream).__name__}")
        self._time_base = Fraction(1, rate_fps * TICKS_A_FRAME)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.codec_tag = "hvc1"
        stream.time_base = stream.codec_context.time_base = self._time_base
        stream.options = {"preset": "ultrafast", "qp": _QUANTISER, "x265-params": _X265}
        self._stream = stream
        self._count = 0

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Add a planar yuv420p picture ``(height * 3 / 2, width)``."""
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._count * TICKS_A_FRAME, self._time_base
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def __enter__(self) -> HevcWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
