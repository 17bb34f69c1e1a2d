"""Tiny videos made on the spot, sound and damaged: inputs of the tests of media and faults."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from egoclean.records import CameraModel, Intrinsics, MediaLocation


def real_clip(name):
    folder = os.environ.get("EGOCLEAN_TEST_CLIPS")
    if not folder:
        pytest.skip("EGOCLEAN_TEST_CLIPS names no folder of real clips")
    return MediaLocation(str(Path(folder) / name))


def lens(width, height):
    """A fisheye of about 130 degrees across, for pictures of any size."""
    focal = width / 2.3
    return Intrinsics(
        CameraModel.FISHEYE, width, height, focal, focal, width / 2 - 0.5, height / 2 - 0.5, -0.02, 0.01, -0.01, 0.002
    )


def textured(width, height, seed=0):
    """A picture with smooth structure at several scales, shape ``(height, width, 3)``, uint8 RGB."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [
        np.sin(2 * np.pi * (f * (x * np.cos(a) + y * np.sin(a))) + p)
        for f, a, p in generator.uniform((1, 0, 0), (9, np.pi, 6), (12, 3))
    ]
    channels = [sum(waves[i::3]) for i in range(3)]
    return np.stack([np.uint8(np.clip(128 + 30 * c, 0, 255)) for c in channels], axis=-1)


def write_clip(
    path,
    frames=30,
    size=(96, 64),
    codec="libx264",
    pixel_format="yuv420p",
    pts=None,
    time_base=Fraction(1, 15360),
    step=512,
    options=None,
    rotation=0,
    audio=False,
    second=False,
    faststart=True,
    metadata=None,
):
    """Write frame ``i`` as a picture moved by ``2 i`` pixels, with 8 bits of ``i`` as bright blocks in its top row."""
    times = [i * step for i in range(frames)] if pts is None else list(pts)
    path = Path(path)
    container = av.open(
        str(path), "w", options={"movflags": "+faststart"} if faststart and path.suffix == ".mp4" else {}
    )
    container.metadata.update(metadata or {})
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    stream = container.add_stream(codec, rate=Fraction(1) / (time_base * step), options=quiet | (options or {}))
    stream.width, stream.height, stream.pix_fmt = *size, pixel_format
    stream.codec_context.time_base = time_base
    stream.time_base = time_base
    if rotation:
        stream.set_display_rotation(rotation)
    extra = None
    if second:
        extra = container.add_stream("libx264", rate=30)
        extra.width, extra.height, extra.pix_fmt = 32, 32, "yuv420p"
    sound = container.add_stream("aac", rate=8000) if audio else None
    base = textured(*size)
    for index, time in enumerate(times):
        frame = av.VideoFrame.from_ndarray(numbered(base, index), format="rgb24").reformat(format=pixel_format)
        frame.pts, frame.time_base = time, time_base
        container.mux(stream.encode(frame))
        if extra is not None:
            small = av.VideoFrame.from_ndarray(base[:32, :32].copy(), format="rgb24").reformat(format="yuv420p")
            small.pts, small.time_base = time, time_base
            container.mux(extra.encode(small))
    container.mux(stream.encode())
    if extra is not None:
        container.mux(extra.encode())
    if sound is not None:
        container.mux(sound.encode())
    container.close()
    return MediaLocation(str(path))


def numbered(base, index):
    """Return ``base`` moved by ``2 index`` pixels with ``index`` written as 8 blocks in its top quarter."""
    picture = np.roll(base, 2 * index, axis=1).copy()
    height, width = picture.shape[:2]
    for bit in range(8):
        left, right = bit * width // 8, (bit + 1) * width // 8
        picture[: height // 4, left:right] = 235 if index >> bit & 1 else 20
    return picture


def number_of(picture):
    """Read back the index that :func:`numbered` wrote, from a picture of any size, RGB or luma."""
    height, width = picture.shape[:2]
    middles = [(2 * bit + 1) * width // 16 for bit in range(8)]
    bits = [picture[height // 16 : 3 * height // 16, middle - 1 : middle + 1].mean() for middle in middles]
    return sum((value > 128) << bit for bit, value in enumerate(bits))
