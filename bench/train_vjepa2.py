"""Masked latent prediction with a slowly following target encoder: training of the small V-JEPA 2.

Context and target see the same window in different colours, so that the features to predict are those that do not
depend on them. Half of the steps hide places through all time, half hide the future: the question surprise asks.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import l1_loss, layer_norm
from training_batches import Footage, colour_change, cropped, start_evenly
from transformers import VJEPA2Model

from egoclean.models.rotary import install_rotary_tables
from egoclean.models.vjepa2 import small_vjepa2_config

Indices = NDArray[np.int64]

BATCH = 16
SIDE = 4
PLACES = SIDE * SIDE
HIDDEN_PLACES = 10
KINDS = ((16, 16, 1), (16, 16, 1), (32, 16, 1), (32, 16, 1), (16, 16, 2), (32, 32, 1))
"""Time slots of a window, how many of them are kept and the distance of frames; drawn alike. Windows of 32 slots with
half of them left out cost half and still hold every distance in time."""


class Task:
    """The model with its target encoder, and the loss of one step."""

    peak_rate = 1.0e-3
    weight_decay = 0.04

    def __init__(self) -> None:
        self.model = VJEPA2Model(small_vjepa2_config())
        start_evenly(self.model)
        self.target = copy.deepcopy(self.model.encoder).requires_grad_(False)
        install_rotary_tables(self.model)
        for ours, theirs in zip(self.target.layer, self.model.encoder.layer, strict=True):
            ours.attention.get_position_ids = theirs.attention.get_position_ids
            ours.attention.apply_rotary_embeddings = theirs.attention.apply_rotary_embeddings

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return what a checkpoint keeps."""
        return {"model": self.model, "target": self.target}

    def saved(self) -> VJEPA2Model:
        """Return the model to keep: the target encoder, whose features are steadier, with the predictor."""
        kept = VJEPA2Model(small_vjepa2_config())
        kept.load_state_dict(self.model.state_dict())
        kept.encoder.load_state_dict(self.target.state_dict())
        return kept

    def loss(self, footage: Footage, rng: np.random.Generator) -> torch.Tensor:
        """Return the loss of a fresh batch."""
        tokens, position = batch_of(footage, rng)
        context, hidden = split(rng, tokens.shape[1] // PLACES)
        at = [torch.from_numpy(position[rows]).expand(BATCH, -1) for rows in (slice(None), context, hidden)]
        with torch.no_grad():
            wanted = encode(self.target, tokens, at[0], colours(rng, BATCH))[:, hidden]
            wanted = layer_norm(wanted, (wanted.shape[-1],))
        seen = encode(self.model.encoder, tokens[:, context], at[1], colours(rng, BATCH))
        return l1_loss(predict(self.model.predictor, seen, at[1], at[2]), wanted)

    def prepare(self, footage: Footage, rng: np.random.Generator) -> None:
        """Nothing is to be set before the first step."""

    def reported(self, loss: torch.Tensor) -> float:
        """Return the number to print."""
        return float(loss.detach())

    def after_step(self, step: int) -> None:
        """Let the target encoder follow."""
        keep = min(0.9965, 1 - 0.05 / (1 + step / 30))
        with torch.no_grad():
            for ours, theirs in zip(self.target.parameters(), self.model.encoder.parameters(), strict=True):
                ours.lerp_(theirs, 1 - keep)


def batch_of(footage: Footage, rng: np.random.Generator) -> tuple[torch.Tensor, Indices]:
    """Return tokens (B, n, 3, 2 * 32 * 32), uint8, in order time, row, column, and their positions in the window."""
    slots, kept, step = KINDS[int(rng.integers(0, len(KINDS)))]
    times = np.sort(rng.permutation(slots)[:kept])
    offsets = ((2 * times[:, None] + np.arange(2)) * step).ravel()
    windows = [cropped(rng, footage.window(rng, offsets), 32 * SIDE) for _ in range(BATCH)]
    split_up = torch.stack(windows).view(BATCH, kept, 2, 3, SIDE, 32, SIDE, 32).permute(0, 1, 4, 6, 3, 2, 5, 7)
    positions = times[:, None] * PLACES + np.arange(PLACES)
    return split_up.reshape(BATCH, kept * PLACES, 3, 2 * 32 * 32), positions.ravel()


def split(rng: np.random.Generator, slots: int) -> tuple[Indices, Indices]:
    """Return the rows of context and of hidden tokens: some places through all time, or the past and the future."""
    grid = np.arange(slots * PLACES).reshape(slots, PLACES)
    if rng.random() < 0.5:
        first = int(rng.integers(slots // 4, 3 * slots // 4 + 1))
        return grid[:first].ravel(), grid[first:].ravel()
    order = rng.permutation(PLACES)
    return np.sort(grid[:, order[HIDDEN_PLACES:]].ravel()), np.sort(grid[:, order[:HIDDEN_PLACES]].ravel())


def colours(rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each window the matrix (count, 3, 3) and shift (count, 3) that normalise its recoloured bytes."""
    changes = [colour_change(rng, 0.2, 0.5) for _ in range(count)]
    return torch.stack([matrix for matrix, _ in changes]) / 255, torch.stack([shift for _, shift in changes])


def encode(
    encoder: torch.nn.Module, tokens: torch.Tensor, index: torch.Tensor, change: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Return the encoder's features (B, n, d) of the bytes (B, n, 3, P) at the positions ``index``, and of no others.

    The change of colours goes into the weights of the patch embedding, which is linear, rather than into the pixels.
    """
    projection = encoder.embeddings.patch_embeddings.proj
    weight = projection.weight.flatten(2)
    matrix, shift = change
    weights = torch.einsum("odp,bdc->bcpo", weight, matrix).flatten(1, 2)
    state = torch.baddbmm((shift @ weight.sum(2).T + projection.bias)[:, None], tokens.flatten(2).float(), weights)
    for layer in encoder.layer:
        state = layer(state, index)[0]
    return encoder.layernorm(state)


def predict(
    predictor: torch.nn.Module, seen: torch.Tensor, context: torch.Tensor, hidden: torch.Tensor
) -> torch.Tensor:
    """Return the predicted features (B, n_hidden, d), as the published predictor gives them."""
    asked = predictor.embeddings.mask_tokens[1].expand(len(seen), hidden.shape[1], -1)
    state = torch.cat([predictor.embeddings.predictor_embeddings(seen), asked], dim=1)
    index = torch.cat([context, hidden], dim=1)
    for layer in predictor.layer:
        state = layer(state, index)[0]
    return predictor.proj(predictor.layernorm(state)[:, context.shape[1] :])
