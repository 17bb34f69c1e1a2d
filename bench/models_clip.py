"""A clip made for timing models, and the published loop that reads it: each window decoded and resized again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from egoclean.config import RectifyConfig
from egoclean.media.encode import EncodeOptions, VideoWriter, join_videos
from egoclean.media.planes import empty_frame
from egoclean.models.pixels import imagenet_normalise

RATE = 30
WIDTH, HEIGHT = 854, 480
PART_FRAMES = 450


def write_clip(path: Path, seconds: float) -> int:
    """Write an H.264 view of drifting texture with sensor noise, encoded as the product encodes; return its frames."""
    generator = np.random.default_rng(0)
    texture = cv2.GaussianBlur(generator.integers(0, 256, (HEIGHT + 400, WIDTH + 800)).astype(np.float32), (0, 0), 5)
    texture = cv2.normalize(texture, None, 20, 230, cv2.NORM_MINMAX).astype(np.uint8)
    noise = generator.integers(0, 9, (HEIGHT + 16, WIDTH + 16)).astype(np.uint8)
    count = round(seconds * RATE)
    starts = range(0, count, PART_FRAMES)
    parts = [path.with_name(f"part-{start}.mp4") for start in starts]

    def write(part: Path, start: int) -> None:
        _write_part(part, start, min(start + PART_FRAMES, count), texture, noise)

    with ThreadPoolExecutor(min(12, os.cpu_count() or 1)) as threads:
        list(threads.map(write, parts, starts))
    join_videos(parts, path)
    return count


def _write_part(part: Path, start: int, stop: int, texture: Any, noise: Any) -> None:
    generator = np.random.default_rng(start)
    config = RectifyConfig()
    options = EncodeOptions(config.view_crf, config.view_preset, config.view_keyframe_s)
    with VideoWriter(part, WIDTH, HEIGHT, Fraction(1, RATE), Fraction(RATE), options) as writer:
        frame, (luma, blue, red) = empty_frame(WIDTH, HEIGHT)
        for index in range(start, stop):
            x, y = int(400 + 380 * np.sin(index / 45)), int(200 + 190 * np.cos(index / 60))
            dx, dy = generator.integers(0, 16, 2)
            luma[...] = texture[y : y + HEIGHT, x : x + WIDTH] + noise[dy : dy + HEIGHT, dx : dx + WIDTH]
            blue[...] = texture[y // 2 : y // 2 + HEIGHT // 2, x // 2 : x // 2 + WIDTH // 2]
            red[...] = 255 - blue
            writer.write(frame, index)


class PublishedReader:
    """The published reading of a window: seek, decode its 64 frames, all to full-size RGB, process on the CPU."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path))
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"

    def window(self, first: int, count: int) -> Any:
        """Return frames ``first .. first + count`` as uint8 ``(count, H, W, 3)``."""
        start = round(Fraction(first, RATE) / self._stream.time_base)
        self._container.seek(start, stream=self._stream, backward=True)
        frames = (frame for frame in self._container.decode(self._stream) if frame.pts >= start)
        return np.stack([next(frames).to_ndarray(format="rgb24") for _ in range(count)])

    def close(self) -> None:
        """Close the file."""
        self._container.close()


def published_pixels(clip: Any) -> torch.Tensor:
    """Return what the published processor makes on the CPU, by the operations it is made of.

    Shortest edge 292 (bilinear, without aliasing), centre crop 256, ImageNet normalisation; float32 (1, T, 3, H, W).
    """
    channels_first = torch.from_numpy(clip).permute(0, 3, 1, 2)
    height, width = clip.shape[1:3]
    scale = 292 / min(height, width)
    size = (round(height * scale), round(width * scale))
    resized = interpolate(channels_first, size=size, mode="bilinear", antialias=True)
    top, left = (size[0] - 256) // 2, (size[1] - 256) // 2
    return imagenet_normalise(resized[:, :, top : top + 256, left : left + 256].float().div(255)[None])
