"""H.265 in MP4 as cameras write it, fast and the same bytes each time: for footage that is made, not kept."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

TICKS_A_FRAME = 512
_X265 = (
    "log-level=none:pools=none:frame-threads=1:wpp=0:keyint=60:min-keyint=60:scenecut=0:bframes=0:rc-lookahead=0:"
    "rd=1:psy-rd=0:weightp=0:aq-mode=0:cutree=0:ctu=32:min-cu-size=32"
)
_QUANTISER = "31"


def write_hevc(path: Path, width: int, height: int, rate_fps: int, pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Write planar yuv420p pictures ``(height * 3 / 2, width)`` as H.265 MP4 (tag hvc1), without sound."""
    time_base = Fraction(1, rate_fps * TICKS_A_FRAME)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx265", rate=rate_fps)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"libx265 made a stream of type {type(stream).__name__}")
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.codec_tag = "hvc1"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.options = {"preset": "ultrafast", "qp": _QUANTISER, "x265-params": _X265}
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = index * TICKS_A_FRAME, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
