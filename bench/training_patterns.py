"""Moving patterns: textured shapes that glide, turn and grow over a moving textured ground, with light and noise.

They keep the small models from being blind outside the demo's world.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample
from training_footage import FRAMES, SIDE_PX

Frames = NDArray[np.uint8]


def draw_pattern(seed: int) -> Frames:
    """Return one moving pattern, (FRAMES, SIDE_PX, SIDE_PX, 3)."""
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
