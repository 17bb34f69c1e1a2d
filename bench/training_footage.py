"""Footage the small models are trained on: short clips of synthetic workplaces, drives and moving patterns.

Every clip is ``FRAMES`` frames of ``SIDE_PX`` pixels, one ``.npy`` a clip, drawn from a seed that no demo world has.
Beside each workplace lies what is done in it, ``NAME.work``: (FRAMES, 2), the index of the work in ``ACTIVITIES``, or
-1 between two works, and how much of its cycle has passed, in [0, 1). A clip that is there is not drawn again, so a run
that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from egoclean.demo.describe import sample_clip, sample_scene
from egoclean.demo.driving import DrivingRenderer
from egoclean.demo.lenses import model_camera
from egoclean.demo.render import FactoryRenderer
from egoclean.demo.world import ACTIVITIES, FactoryClip
from egoclean.media.canvas import to_yuv420
from egoclean.media.decode import decode_frames
from egoclean.media.hevc import HevcWriter
from egoclean.records import MediaLocation

Frames = NDArray[np.uint8]

FRAMES = 72
SIDE_PX = 144
DRAWN_PX = 288
FIRST_SEED = 1_000_000
"""Training seeds start here; held-out ones at ``HELD_OUT_SEED``; demo worlds are made from small seeds."""
HELD_OUT_SEED = 2_000_000
COUNTS = {"pattern": 12, "factory": 300, "driving": 12}


def make_footage(folder: Path, share: tuple[int, int] = (0, 1), counts: dict[str, int] = COUNTS) -> list[Path]:
    """Draw the clips of ``counts`` that are not in ``folder`` yet and return the paths of all.

    ``share`` is ``(index, of)``: draw only every ``of``-th clip, for several processes side by side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind, count in counts.items():
        for number in range(count):
            path = folder / f"{kind}_{number:04d}.npy"
            paths.append(path)
            if not path.exists() and len(paths) % share[1] == share[0]:
                if kind == "factory":
                    _save(path.with_suffix(".work"), work_of(FIRST_SEED + number))
                _save(path, DRAW[kind](FIRST_SEED + number))
    return paths


def draw_factory(seed: int) -> Frames:
    """Return one or two works of a new workplace without events, seen at 58 to 100 degrees across."""
    rng, clip, start_s = _factory(seed)
    renderer = FactoryRenderer(clip, model_camera(DRAWN_PX, float(rng.uniform(58.0, 100.0))))
    return _as_stored([renderer.frame(start_s + index / 30) for index in range(FRAMES)])


def work_of(seed: int) -> NDArray[np.float32]:
    """Return what is done in each frame of :func:`draw_factory`, (FRAMES, 2)."""
    _, clip, start_s = _factory(seed)
    rows = np.tile(np.float32([-1.0, 0.0]), (FRAMES, 1))
    for index, time_s in enumerate(start_s + np.arange(FRAMES) / 30):
        for cycle in clip.timeline.cycles:
            if cycle.start_s <= time_s < cycle.stop_s:
                share = (time_s - cycle.start_s) / (cycle.stop_s - cycle.start_s)
                rows[index] = ACTIVITIES.index(cycle.activity), share
    return rows


def _factory(seed: int) -> tuple[np.random.Generator, FactoryClip, float]:
    rng = np.random.default_rng(seed)
    clip = sample_clip(seed)
    return rng, clip, float(rng.uniform(0.0, clip.duration_s - FRAMES / 30 - 0.1))


def draw_driving(seed: int) -> Frames:
    """Return an ordinary drive at 12 frames a second."""
    rng = np.random.default_rng(seed)
    scene = sample_scene(seed)
    renderer = DrivingRenderer(scene, model_camera(DRAWN_PX, float(rng.uniform(38.0, 70.0))))
    start_s = float(rng.uniform(0.0, scene.duration_s - FRAMES / 12 - 0.1))
    return _as_stored([renderer.frame(start_s + index / 12) for index in range(FRAMES)])


def draw_pattern(seed: int) -> Frames:
    """Return textured shapes that glide, turn and grow over a moving textured ground, with light and noise."""
    rng = np.random.default_rng(seed)
    picture = _glide(rng, _texture(rng), 0.9)
    for _ in range(int(rng.integers(1, 5))):
        shape = _glide(rng, torch.cat([_texture(rng), _outline(rng)]), float(rng.uniform(1.5, 4.0)), zeros=True)
        cover = shape[:, 3:].clamp(0, 1)
        picture = picture * (1 - cover) + shape[:, :3] * cover
    wave = np.sin(rng.uniform(0, 6, 3) + np.arange(FRAMES)[:, None] * rng.uniform(0.005, 0.05, 3))
    light = torch.from_numpy(1 + 0.12 * wave).float()[:, :, None, None]
    noise = torch.from_numpy(rng.normal(0, rng.uniform(0.5, 2.5), picture.shape)).float()
    pixels = (picture * light * 255 + noise).clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


DRAW: dict[str, Callable[[int], Frames]] = {
    "factory": draw_factory,
    "driving": draw_driving,
    "pattern": draw_pattern,
}


def _as_stored(pictures: list[Frames]) -> Frames:
    """Return pictures at half size after H.265, as footage comes: without it, sensor noise is most of what a small
    patch holds, and nothing can predict it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with HevcWriter(path, DRAWN_PX, DRAWN_PX, 30) as writer:
            for picture in pictures:
                writer.write(to_yuv420(picture))
        stored = [frame.to_ndarray(format="rgb24") for frame in decode_frames(MediaLocation(str(path)))]
    return np.stack([halved(picture) for picture in stored])


def halved(picture: Frames) -> Frames:
    """Return the picture at half its size, each pixel the mean of four."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    blocks = picture.reshape(height, 2, width, 2, 3).astype(np.uint16)
    return ((blocks.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)


def _texture(rng: np.random.Generator) -> torch.Tensor:
    """Return a picture (3, 256, 256) in [0, 1]: noise of some slope, stripes or checks, in two or three colours."""
    side = 256
    axis = np.linspace(0, 1, side)
    kind = int(rng.integers(0, 3))
    if kind == 0:
        frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
        spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / np.maximum(frequency, 1 / side) ** rng.uniform(
            0.8, 2.0
        )
        field = np.fft.irfft2(spectrum, s=(side, side))
        field = (field - field.mean()) / (4 * field.std()) + 0.5
    else:
        angle, rate = rng.uniform(0, np.pi), rng.uniform(3, 20)
        first = np.sin(2 * np.pi * rate * (np.cos(angle) * axis[:, None] + np.sin(angle) * axis[None, :]))
        second = np.sin(2 * np.pi * rate * (np.cos(angle) * axis[None, :] - np.sin(angle) * axis[:, None]))
        field = 0.5 + 0.5 * np.tanh(rng.uniform(1, 6) * (first if kind == 1 else first * second))
    low, high = rng.uniform(0, 1, 3), rng.uniform(0, 1, 3)
    shares = np.clip(field, 0, 1)[None]
    return torch.from_numpy(low[:, None, None] * (1 - shares) + high[:, None, None] * shares).float()


def _outline(rng: np.random.Generator) -> torch.Tensor:
    """Return a mask (1, 256, 256): a disc, a box or a ring."""
    axis = np.linspace(-1, 1, 256)
    x, y = axis[None, :], axis[:, None] * rng.uniform(0.6, 1.7)
    kind = int(rng.integers(0, 3))
    distance = np.maximum(np.abs(x), np.abs(y)) if kind == 0 else np.hypot(x, y)
    mask = (distance < 0.9) & ((kind != 2) | (distance > 0.5))
    return torch.from_numpy(mask[None].astype(np.float32))


def _glide(rng: np.random.Generator, texture: torch.Tensor, zoom: float, zeros: bool = False) -> torch.Tensor:
    """Return ``FRAMES`` looks at a texture (C, 256, 256) through a window that moves smoothly, (F, C, side, side)."""
    time = np.arange(FRAMES) / FRAMES
    waves = np.sin(2 * np.pi * (rng.uniform(0.2, 2.5, 4)[:, None] * time) + rng.uniform(0, 6, 4)[:, None])
    shift = waves[:2] * rng.uniform(0.05, 0.7) + rng.uniform(-0.5, 0.5, 2)[:, None]
    angle = rng.uniform(0, 6) + waves[2] * rng.uniform(0, 1.0)
    scale = zoom * np.exp(0.25 * waves[3] * rng.uniform(0, 1))
    axis = (np.arange(SIDE_PX) + 0.5) / SIDE_PX * 2 - 1
    x = axis[None, None, :] - shift[0][:, None, None]
    y = axis[None, :, None] - shift[1][:, None, None]
    cosine, sine = (function(angle)[:, None, None] for function in (np.cos, np.sin))
    looks = np.stack([cosine * x + sine * y, cosine * y - sine * x], axis=-1) * scale[:, None, None, None]
    grid = torch.from_numpy(looks).float()
    padding = "zeros" if zeros else "reflection"
    return grid_sample(texture.expand(FRAMES, -1, -1, -1), grid, align_corners=False, padding_mode=padding)


def _save(path: Path, array: NDArray[np.generic]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as stream:
        np.save(stream, array)
    temporary.replace(path)
