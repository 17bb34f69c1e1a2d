"""Batches for training the small models: windows of the footage, cropped, turned, recoloured, all from one seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from egoclean.models.pixels import IMAGENET_MEAN, IMAGENET_STD

Frames = NDArray[np.uint8]


class Footage:
    """The clips of a folder, opened without reading them."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("*.npy"))
        self.clips = [np.load(path, mmap_mode="r") for path in paths]
        self.works = [_work(path.with_suffix(".work")) for path in paths]

    def window(self, rng: np.random.Generator, offsets: NDArray[np.int64]) -> Frames:
        """Return the frames at ``offsets`` after a random start in a random clip, at times played backwards."""
        return self.window_and_work(rng, offsets)[0]

    def window_and_work(
        self, rng: np.random.Generator, offsets: NDArray[np.int64]
    ) -> tuple[Frames, NDArray[np.float32]]:
        """Return as :meth:`window` and for each frame the work and its share done, (n, 2); -1 where there is none."""
        number = int(rng.integers(0, len(self.clips)))
        clip, work = self.clips[number], self.works[number]
        times = int(rng.integers(0, len(clip) - int(offsets[-1]))) + offsets
        if work is None and rng.random() < 0.4:
            times = times[::-1]
        none = np.tile(np.float32([-1.0, 0.0]), (len(times), 1))
        return np.asarray(clip[times]), none if work is None else work[times]


def _work(path: Path) -> NDArray[np.float32] | None:
    return np.load(path) if path.exists() else None


def cropped(rng: np.random.Generator, frames: Frames, size_px: int) -> torch.Tensor:
    """Return uint8 ``(T, 3, size_px, size_px)``: a box of 72 to 100 % of each side, flipped at times."""
    side = frames.shape[1]
    height, width = (round(side * rng.uniform(0.72, 1.0)) for _ in range(2))
    top, left = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
    box = torch.from_numpy(frames).permute(0, 3, 1, 2)[:, :, top : top + height, left : left + width]
    resized = interpolate(box, size=(size_px, size_px), mode="bilinear", antialias=True)
    return resized.flip(-1) if rng.random() < 0.5 else resized


def colour_change(rng: np.random.Generator, strength: float, shuffle: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(matrix, shift)`` that normalise pixels in [0, 1] after a change of light and of channels.

    ``matrix`` is (3, 3), ``shift`` (3,): gains of ``strength`` over all and half of it a channel, and with the chance
    ``shuffle`` the channels in another order.
    """
    order = rng.permutation(3) if rng.random() < shuffle else np.arange(3)
    gain = np.exp(rng.normal(0, strength) + rng.normal(0, strength / 2, 3))
    offset = rng.normal(0, strength / 4)
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    matrix = np.eye(3)[order] * (gain / std)[:, None]
    return torch.from_numpy(matrix).float(), torch.from_numpy((offset - mean) / std).float()


def start_evenly(model: torch.nn.Module) -> None:
    """Draw all matrices anew so that signals keep their size: the published 0.02 is made for wider models."""
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv3d)):
            torch.nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))
