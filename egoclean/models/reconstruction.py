"""Pictures of one VideoMAE reconstruction: what was there, what the model saw, what it made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from egoclean.models.pixels import PatchTargets, unpatchify

Picture = NDArray[np.uint8]

HIDDEN_GREY = 0.5
"""Grey of hidden patches in the masked input, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """One frame of a window; pictures are uint8 RGB ``(H, W, 3)``.

    truth : the frame as the model gets it.
    masked_input : hidden patches grey.
    prediction : hidden patches predicted, with brightness, contrast and colour of the TRUE patch, per patch and per
        channel: only the texture in them is the model's.
    prediction_unaided : the same with statistics of the visible patches at that time: nothing of the hidden truth.
    error_map : squared error in normalised units as heat from black (0) over red and yellow to white (2 and more);
        visible patches are black.
    patch_error : float32 ``(rows, columns)``, the mean squared error of each patch at that time; NaN where visible.
    mse : mean squared error of all hidden patches of the window, the score with this mask.
    """

    frame: int
    truth: Picture
    masked_input: Picture
    prediction: Picture
    prediction_unaided: Picture
    error_map: Picture
    patch_error: NDArray[np.float32]
    mse: float


def draw_reconstruction(
    targets: PatchTargets,
    prediction: torch.Tensor,
    hidden: torch.Tensor,
    *,
    frame: int,
    frame_count: int,
    size_px: int,
    tubelet_frames: int,
    patch_px: int,
) -> Reconstruction:
    """Return the pictures of one frame from the targets and predictions ``(1, S, P, 3)`` of a window.

    ``hidden`` is ``(S,)``; ``prediction`` is read where it is True.
    """
    truth = targets.normalised * targets.scale + targets.mean
    aided = prediction * targets.scale + targets.mean
    unaided = prediction * _visible_statistic(targets.scale, hidden, frame_count // tubelet_frames)
    unaided = unaided + _visible_statistic(targets.mean, hidden, frame_count // tubelet_frames)
    error = (prediction - targets.normalised).square()
    chosen = hidden.view(1, -1, 1, 1)

    def picture(tokens: torch.Tensor) -> Picture:
        images = unpatchify(tokens, frame_count, size_px, tubelet_frames, patch_px)
        return _to_uint8(images[0, frame].permute(1, 2, 0))

    side = size_px // patch_px
    slot = slice(frame // tubelet_frames * side * side, (frame // tubelet_frames + 1) * side * side)
    patch_error = torch.where(hidden, error.mean(dim=(0, 2, 3)), torch.nan)[slot].view(side, side)
    return Reconstruction(
        frame=frame,
        truth=picture(truth),
        masked_input=picture(torch.where(chosen, HIDDEN_GREY, truth)),
        prediction=picture(torch.where(chosen, aided, truth)),
        prediction_unaided=picture(torch.where(chosen, unaided, truth)),
        error_map=picture(_heat(torch.where(chosen, error, 0.0).mean(-1, keepdim=True) / 2.0)),
        patch_error=patch_error.float().cpu().numpy(),
        mse=float(error[0, hidden].mean()),
    )


def _visible_statistic(values: torch.Tensor, hidden: torch.Tensor, slots: int) -> torch.Tensor:
    """Return ``values`` (1, S, 1, 3) averaged over the visible tokens of each time slot, or of all where none is."""
    by_slot = values.view(slots, -1, 3)
    seen = (~hidden).view(slots, -1, 1).to(by_slot)
    overall = (by_slot * seen).sum(dim=(0, 1)) / seen.sum()
    count = seen.sum(dim=1)
    mean = torch.where(count > 0, (by_slot * seen).sum(dim=1) / count.clamp(min=1), overall)
    return mean[:, None].expand_as(by_slot).reshape(values.shape)


def _heat(values: torch.Tensor) -> torch.Tensor:
    """Return ``(..., 1)`` in [0, 1] as RGB: black, red, yellow, white."""
    return torch.cat([values * 3, values * 3 - 1, values * 3 - 2], dim=-1).clamp(0, 1)


def _to_uint8(image: torch.Tensor) -> Picture:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
