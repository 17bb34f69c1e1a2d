"""How fast the camera turns: the shift of the whole picture from one moment to the next, by phase correlation.

A head that turns moves everything in the picture alike; hands move a part of it. The shift that most of the picture
agrees on is therefore the head's (Kuglin and Hines, 1975, The phase correlation image alignment method).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal.windows import tukey

from egoclean.core.similarity import Float32, Float64, Floats

SIDE_PX = 64
"""Side to which pictures are reduced: a shift of 1 of 64 pixels is 1.5 degrees of a picture 95 degrees across."""

LOOKED_AT = 16
"""Frames of a window that are looked at, evenly spaced."""

_SOFT_PX = 2.5
_TAPER = 0.3
_BLACK = 6 / 255
_FLAT = 1e-6


def turning(frames: NDArray[np.uint8]) -> Float64:
    """Return how far the whole picture moves in each window, to and fro added up, shape ``(B,)``.

    In widths of the picture; divided by the window's seconds it is a speed. 0 for still or flat pictures and for
    windows of one frame.

    Parameters
    ----------
    frames : uint8 RGB, ``(B, T, H, W, 3)``, what the model gets.
    """
    if frames.dtype != np.uint8 or frames.ndim != 5 or frames.shape[-1] != 3:
        raise ValueError(f"frames must be uint8 (B, T, H, W, 3), found {frames.dtype} {frames.shape}.")
    chosen = np.unique(np.linspace(0, frames.shape[1] - 1, min(LOOKED_AT, frames.shape[1])).astype(np.int64))
    if len(chosen) < 2:
        return np.zeros(len(frames))
    lengths = [_lengths(_reduced(window[chosen])) for window in frames]
    return np.asarray(np.array(lengths).reshape(len(frames), -1).sum(axis=1), dtype=np.float64)


def picture_shifts(pictures: Floats) -> Float64:
    """Return ``out[i] = (down, right)``: how far what is in picture ``i`` has moved in ``i + 1``, shape ``(T - 1, 2)``.

    In pixels of ``pictures (T, H, W)``, 0 for black: the highest point of the softened phase correlation, to a
    fraction of a pixel by a parabola; at most half a side. Zeros where a picture is flat.
    """
    if pictures.ndim != 3 or pictures.size == 0:
        raise ValueError(f"pictures must have shape (T, H, W), found {pictures.shape}.")
    _, height, width = pictures.shape
    window, soft = _weights(height, width)
    # What stays black lies outside the lens: it moves with the camera and would say that nothing moves.
    seen = pictures.max(axis=0) > _BLACK if pictures.min() >= 0 else np.ones((height, width), dtype=np.bool_)
    means = pictures[:, seen].mean(axis=1, dtype=np.float32) if seen.any() else np.zeros(len(pictures), np.float32)
    centred = np.where(seen, pictures - means[:, None, None], 0.0)
    waves = fft.rfft2(np.asarray(centred * window, dtype=np.float32))
    cross = waves[1:] * waves[:-1].conj()
    strength = np.abs(cross)
    surfaces = fft.irfft2(cross * (soft / np.maximum(strength, _FLAT)), s=(height, width))
    shifts = np.zeros((len(cross), 2))
    for index, surface in enumerate(surfaces):
        if float(strength[index].max()) > _FLAT:
            down, right = np.unravel_index(int(np.argmax(surface)), surface.shape)
            shifts[index] = _signed(surface[:, right], int(down)), _signed(surface[down], int(right))
    return shifts


@lru_cache(maxsize=4)
def _weights(height: int, width: int) -> tuple[Float32, Float32]:
    """Return what pictures are multiplied by, so that their ends do not count, and what their waves are.

    Most of the border counts fully: hands are in the middle, and what stands still is around them.
    Fine detail is mostly noise: the correlation is softened, which also makes its top a smooth hill.
    """
    window = np.outer(tukey(height, _TAPER), tukey(width, _TAPER))
    rate = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :])
    return window.astype(np.float32), np.exp(-((np.pi * _SOFT_PX * rate) ** 2)).astype(np.float32)


def _lengths(pictures: Floats) -> Float64:
    return np.asarray(np.linalg.norm(picture_shifts(pictures), axis=1) / pictures.shape[2], dtype=np.float64)


def _signed(line: NDArray[np.floating], top: int) -> float:
    """Return the place of the line's highest point, ends joined, as a shift from minus half to half its length."""
    before, at, after = (float(line[(top + step) % len(line)]) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    place = top + (0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)))
    return place if place <= len(line) / 2 else place - len(line)


def _reduced(pictures: NDArray[np.uint8]) -> Float32:
    """Return the green of RGB pictures averaged over equal blocks to :data:`SIDE_PX` pixels or a little more a side."""
    _, height, width, _ = pictures.shape
    block = max(1, min(height, width) // SIDE_PX)
    green = pictures[:, : height // block * block, : width // block * block, 1].astype(np.float32)
    parts = [green[:, down::block, right::block] for down in range(block) for right in range(block)]
    return np.asarray(sum(parts) / (255.0 * block**2), dtype=np.float32)
