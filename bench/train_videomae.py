"""Masked reconstruction: training of the small VideoMAE."""

from __future__ import annotations

import numpy as np
import torch
from training_batches import Footage, cropped, start_evenly
from transformers import VideoMAEForPreTraining

from egoclean.models.pixels import DEVIATION_FLOOR, IMAGENET_MEAN, IMAGENET_STD
from egoclean.models.videomae import small_videomae_config

BATCH = 24
VISIBLE = 7
ASKED = 112
"""Hidden tokens a step predicts, of 336: a third of the decoder's work for nearly the same gradient."""
GRID = (8, 7, 7)
VISIBLE_WEIGHT = 0.5
SCATTERED_STEPS = 500
"""Over this many steps, masks turn from scattered ones, where the same place is often seen at another time, into tubes,
and the loss of visible patches fades: a model that starts with tubes alone predicts zero for very long."""
HEAD_SAMPLES = 40
HEAD_SCALE = 0.3


class Task:
    """The model, and the loss of one step."""

    peak_rate = 1.5e-3
    weight_decay = 0.05

    def __init__(self) -> None:
        self.model = VideoMAEForPreTraining(small_videomae_config())
        start_evenly(self.model)
        self.easy_share = 1.0
        self.hidden_loss = torch.tensor(float("nan"))

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return what a checkpoint keeps."""
        return {"model": self.model}

    def saved(self) -> VideoMAEForPreTraining:
        """Return the model to keep."""
        return self.model

    def prepare(self, footage: Footage, rng: np.random.Generator) -> None:
        """Let the last layer speak in the principal components of the patches it is to predict."""
        batches = [batch_of(footage, rng, 0.0)[0] for _ in range(HEAD_SAMPLES)]
        patches = torch.cat([_normalised(tokens).flatten(2)[:, ::7].flatten(0, 1) for tokens in batches])
        width = self.model.decoder.head.in_features
        mean = patches.mean(0)
        _, spread, components = torch.svd_lowrank(patches - mean, q=width, niter=4)
        with torch.no_grad():
            self.model.decoder.head.bias.copy_(mean)
            self.model.decoder.head.weight.copy_(HEAD_SCALE * components * spread / len(patches) ** 0.5)

    def loss(self, footage: Footage, rng: np.random.Generator) -> torch.Tensor:
        """Return the loss of a fresh batch."""
        tokens, visible = batch_of(footage, rng, self.easy_share)
        hidden_loss, visible_loss = losses_of(self.model, tokens, visible, ASKED)
        self.hidden_loss = hidden_loss.detach()
        return hidden_loss + VISIBLE_WEIGHT * self.easy_share * visible_loss

    def trained(self) -> torch.nn.Module:
        """Return what the optimiser changes."""
        return self.model

    def reported(self) -> dict[str, float]:
        """Return the number to print: the loss of hidden patches alone."""
        return {"hidden": float(self.hidden_loss)}

    def after_step(self, step: int) -> None:
        """Make the task harder."""
        self.easy_share = max(0.0, 1 - step / SCATTERED_STEPS)


def batch_of(footage: Footage, rng: np.random.Generator, scattered: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens (B, S, 2 * 16 * 16, 3) in [0, 1] and the visible token indices (B, n).

    A window's visible tokens are a few places through all time, or with the chance ``scattered`` as many anywhere.
    """
    windows, visible = [], []
    places = GRID[1] * GRID[2]
    for _ in range(BATCH):
        step = int(rng.choice([1, 2, 3, 4, 4, 4]))
        windows.append(cropped(rng, footage.window(rng, np.arange(16) * step), 112))
        if rng.random() < scattered:
            visible.append(torch.from_numpy(rng.permutation(GRID[0] * places)[: GRID[0] * VISIBLE]))
        else:
            tube = torch.from_numpy(rng.permutation(places)[:VISIBLE])
            visible.append((torch.arange(GRID[0])[:, None] * places + tube).flatten())
    pixels = torch.stack(windows).view(BATCH, 8, 2, 3, 7, 16, 7, 16).permute(0, 1, 4, 6, 2, 5, 7, 3)
    tokens = pixels.reshape(BATCH, GRID[0] * places, 512, 3).float().div_(255)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.15, (BATCH, 1, 1, 3)))).float()
    return tokens * gain, torch.stack(visible)


def _normalised(tokens: torch.Tensor) -> torch.Tensor:
    return (tokens - tokens.mean(2, keepdim=True)) / (tokens.std(2, keepdim=True) + DEVIATION_FLOOR)


def losses_of(
    model: VideoMAEForPreTraining, tokens: torch.Tensor, visible: torch.Tensor, asked: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squared errors of ``asked`` random hidden tokens and of the visible ones.

    With every hidden token asked for, the first is the ``.loss`` of ``VideoMAEForPreTraining``, save that the decoder
    also gives its visible tokens back.
    """
    batch, count = tokens.shape[:2]
    hidden = torch.ones(batch, count, dtype=torch.bool).scatter_(1, visible, False).nonzero()[:, 1].view(batch, -1)
    if asked < hidden.shape[1]:
        hidden = hidden.gather(1, torch.rand(hidden.shape).argsort(1)[:, :asked].sort(1).values)
    wanted = _normalised(_take(tokens, torch.cat([visible, hidden], dim=1)))
    state = model.videomae.encoder(_embedded(model, _take(tokens, visible), visible)).last_hidden_state
    state = model.encoder_to_decoder(model.videomae.layernorm(state))
    places = model.position_embeddings[0]
    state = torch.cat([state + places[visible], model.mask_token + places[hidden]], dim=1)
    error = (model.decoder(state, state.shape[1]).logits - wanted.flatten(2)).square().mean(-1)
    return error[:, visible.shape[1] :].mean(), error[:, : visible.shape[1]].mean()


def _embedded(model: VideoMAEForPreTraining, tokens: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    embeddings = model.videomae.embeddings
    projection = embeddings.patch_embeddings.projection
    normalised = (tokens - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    weight = projection.weight.permute(0, 2, 3, 4, 1).reshape(projection.out_channels, -1)
    return normalised.flatten(2) @ weight.T + projection.bias + embeddings.position_embeddings[0][index]


def _take(tokens: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return torch.stack([rows[chosen] for rows, chosen in zip(tokens, index, strict=True)])
