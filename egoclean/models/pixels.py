"""From uint8 pictures to what the models take: ImageNet normalisation, patches and their normalised targets."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from egoclean.errors import ModelError
from egoclean.models.device import upload

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Per RGB channel, of pixels in [0, 1]: what both families were trained with; stated here, never left to a default."""

DEVIATION_FLOOR = 1e-6
"""Added to a patch's standard deviation by VideoMAE's loss."""

Frames = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PatchTargets:
    """What VideoMAE is asked to predict.

    ``normalised`` is ``(B, S, P, 3)``: the pixels of each token, per token and per channel of zero mean and unit
    (unbiased) deviation when the model was trained so. ``mean`` and ``scale`` are ``(B, S, 1, 3)``:
    ``pixels = normalised * scale + mean`` in [0, 1].
    """

    normalised: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor


def require_frames(frames: Frames, *, frame_count: int | None, size_px: int, multiple_of: int = 1) -> None:
    """Check that ``frames`` is uint8 ``(B, T, size_px, size_px, 3)``; another size would give wrong positions silently.

    Raises
    ------
    ModelError : saying what was expected and what was found.
    """
    count = f"{frame_count}" if frame_count is not None else f"a multiple of {multiple_of}"
    expected = f"uint8 (B, {count}, {size_px}, {size_px}, 3)"
    fits = (
        frames.dtype == np.uint8
        and frames.ndim == 5
        and frames.shape[2:] == (size_px, size_px, 3)
        and frames.shape[0] > 0
        and frames.shape[1] > 0
        and (frames.shape[1] == frame_count if frame_count is not None else frames.shape[1] % multiple_of == 0)
    )
    if not fits:
        raise ModelError(f"The model takes frames of {expected}, found {frames.dtype} {frames.shape}.")


def unit_pixels(frames: Frames, device: str) -> torch.Tensor:
    """Return uint8 ``(B, T, H, W, 3)`` as float32 ``(B, T, 3, H, W)`` in [0, 1] on the device."""
    bytes_on_device = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
    return bytes_on_device.permute(0, 1, 4, 2, 3).to(torch.float32).div_(255.0)


def patch_pixels(frames: Frames, device: str, tubelet_frames: int, patch_px: int) -> torch.Tensor:
    """Return uint8 ``(B, T, H, W, 3)`` as tokens ``(B, S, P, 3)`` in [0, 1], float32, on the device.

    Tokens in order time, row, column; pixels of a token in order frame, row, column. What crosses to a GPU are the
    bytes, while it computes on what came before.
    """
    picture_bytes = upload(frames, device)
    batch, count, height, width, channels = picture_bytes.shape
    rows, columns = height // patch_px, width // patch_px
    split = picture_bytes.view(
        batch, count // tubelet_frames, tubelet_frames, rows, patch_px, columns, patch_px, channels
    )
    ordered = split.permute(0, 1, 3, 5, 2, 4, 6, 7).to(torch.float32, memory_format=torch.contiguous_format)
    return ordered.div_(255.0).view(batch, -1, tubelet_frames * patch_px * patch_px, channels)


def normalised_patches(patches: torch.Tensor) -> torch.Tensor:
    """Return ``(pixels - mean) / std`` per channel of ``(B, S, P, 3)``, as ``(B, S, P * 3)``."""
    mean, std = _imagenet(patches.device)
    return ((patches - mean) / std).flatten(2)


@functools.cache
def _imagenet(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(IMAGENET_MEAN, device=device), torch.tensor(IMAGENET_STD, device=device)


def imagenet_normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Return ``(pixels - mean) / std`` per channel of ``(B, T, 3, H, W)``."""
    mean = torch.tensor(IMAGENET_MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=pixels.device).view(3, 1, 1)
    return (pixels - mean) / std


def unpatchify(tokens: torch.Tensor, frames: int, size_px: int, tubelet_frames: int, patch_px: int) -> torch.Tensor:
    """Return tokens ``(B, S, P, 3)`` in the order of :func:`patch_pixels` as square frames ``(B, T, 3, H, W)``."""
    side = size_px // patch_px
    split = tokens.view(-1, frames // tubelet_frames, side, side, tubelet_frames, patch_px, patch_px, 3)
    return split.permute(0, 1, 4, 7, 2, 5, 3, 6).reshape(-1, frames, 3, size_px, size_px)


def targets_of_patches(patches: torch.Tensor, *, normalise: bool) -> PatchTargets:
    """Return the targets of tokens ``(B, S, P, 3)`` in [0, 1]; ``normalise`` as the model was trained."""
    if not normalise:
        zero = torch.zeros_like(patches[:, :, :1])
        return PatchTargets(patches, zero, torch.ones_like(zero))
    mean = patches.mean(dim=-2, keepdim=True)
    scale = patches.var(dim=-2, unbiased=True, keepdim=True).sqrt() + DEVIATION_FLOOR
    return PatchTargets((patches - mean) / scale, mean, scale)
