"""Surprise: how far V-JEPA 2's prediction of the coming features is from what came.

The encoder looks both ways in time, so one pass over the whole window would leak the future into the context. Here the
context pass sees the past frames only; targets come from a second pass over the whole window, layer-normalised as in
training. Changing future frames alone changes the prediction by exactly nothing (tested).

Surprise belongs to the moment where the context ends: only what comes shortly after is asked for, since what is further
off cannot be foreseen and its error would drown the rest (docs/decisions/0010-surprise-of-a-moment.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import layer_norm

Floats = NDArray[np.float64]

PEAK_ORDER = 4
"""Order of the power mean of a slot's errors: 1 is their mean; the higher, the more the worst places count."""
STILL = 0.05
"""Added to the persistence error that a slot's errors are compared with: where next to nothing changes, the little that
cannot be foreseen is noise and no surprise."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """Surprise of ``B`` windows.

    error : ``(B,)``, mean squared difference of predicted and normalised true features over the target tokens.
    persistence : ``(B,)``, the same error of predicting that the last context slot's features simply stay.
    relative : ``(B,)``, the number to rank by: the mean over slots of the slot's errors, as their power mean of
        ``PEAK_ORDER``, over the slot's mean persistence and ``STILL``.
    error_map : float32 ``(B, t, rows, columns)``, the error of each target token; ``t`` slots after the context.
    finite : ``(B,)``, False where the model gave numbers that are not finite: the window failed.
    """

    error: Floats
    persistence: Floats
    relative: Floats
    error_map: NDArray[np.float32]
    finite: NDArray[np.bool_]


def predict_features(
    encode: Callable[[torch.Tensor], torch.Tensor], predictor: Any, patches: torch.Tensor, n_context: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return predicted features of every token after the context, and the context's own features.

    Both come from ``patches[:, :n_context]`` alone. Shapes ``(B, n - n_context, d)`` and ``(B, n_context, d)``, tokens
    in order time, row, column; ``patches`` is ``(B, n, P * 3)``, normalised, and ``encode`` turns such patches into
    features.
    """
    context = encode(patches[:, :n_context])
    batch, total = patches.shape[:2]
    index = torch.arange(total, device=patches.device).expand(batch, total)
    predicted: torch.Tensor = predictor(
        encoder_hidden_states=context, context_mask=[index[:, :n_context]], target_mask=[index[:, n_context:]]
    ).last_hidden_state
    return predicted, context


def feature_errors(
    features: torch.Tensor, predicted: torch.Tensor, context: torch.Tensor, tokens_per_slot: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the squared errors of prediction and of persistence, each ``(B, n_target)``, float32.

    ``features`` are those of the whole window ``(B, n, d)``; they are layer-normalised here.
    """
    width = features.shape[-1]
    first, stop = context.shape[1], context.shape[1] + predicted.shape[1]
    wanted = layer_norm(features[:, first:stop].float(), (width,))
    last = layer_norm(context[:, -tokens_per_slot:].float(), (width,))
    stays = last.repeat(1, wanted.shape[1] // tokens_per_slot, 1)
    return (predicted.float() - wanted).square().mean(-1), (stays - wanted).square().mean(-1)


def summarise_surprise(error_map: NDArray[np.float32], persistence: NDArray[np.float32]) -> Surprise:
    """Return the surprise of windows whose token errors are ``(B, t, rows, columns)``."""
    errors = error_map.astype(np.float64)
    peaks = (errors**PEAK_ORDER).mean(axis=(2, 3)) ** (1 / PEAK_ORDER)
    stays = persistence.mean(axis=(2, 3), dtype=np.float64)
    relative = peaks / (stays + STILL)
    finite = np.asarray(np.isfinite(error_map).all(axis=(1, 2, 3)) & np.isfinite(stays).all(axis=1))
    return Surprise(errors.mean(axis=(1, 2, 3)), stays.mean(axis=1), relative.mean(axis=1), error_map, finite)
