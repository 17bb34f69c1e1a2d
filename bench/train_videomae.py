"""Masked reconstruction: training of the small VideoMAE.

The heads of the decoder start as looks at the place itself and at those left, right, above and below of it: with
sinusoidal positions an offset is a rotation of each frequency. A decoder that has to find its neighbours by itself
predicts zero for very long (docs/decisions/0004-small-videomae.md).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from training_batches import Footage, half_precision, recolour, start_evenly
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from egoclean.models.pixels import DEVIATION_FLOOR, IMAGENET_MEAN, IMAGENET_STD

BATCH = 192
ASKED = 192
"""Hidden tokens a step predicts, of 1,176: a sixth of the decoder's work for nearly the same gradient."""
SLOTS, SIDE, PATCH_PX = 8, 14, 8
PLACES = SIDE * SIDE
VISIBLE = PLACES // 4
HEAD_SAMPLES = 6
WARM_UP_STEPS = 150
DISTANCES = (1, 4, 2, 4, 3, 4)
HEAD_SCALE = 0.3
CONTENT_SCALE = 0.35
SHARPNESS = 18.0
LOOKS = ((0, 0), (0, -2), (0, 2), (-2, 0), (2, 0))
"""Rows and columns from a hidden place to where each head of the decoder looks at first."""


def small_videomae_config() -> VideoMAEConfig:
    """Return the configuration of the small model: 16 frames of 112 pixels in patches of 8, 1.6 M parameters."""
    return VideoMAEConfig(
        image_size=112,
        patch_size=8,
        num_frames=16,
        tubelet_size=2,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        use_mean_pooling=False,
        decoder_hidden_size=160,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=5,
        decoder_intermediate_size=640,
    )


class Task:
    """The model, and the loss of one step."""

    peak_rate = 1.5e-3
    weight_decay = 0.05

    def __init__(self, device: torch.device, batch: int = BATCH) -> None:
        self.batch = batch
        self.model = VideoMAEForPreTraining(small_videomae_config())
        start_evenly(self.model)
        look_nearby(self.model)
        self.model.to(device)
        self.hidden_loss = torch.tensor(float("nan"))

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return what a checkpoint keeps."""
        return {"model": self.model}

    def trained(self) -> torch.nn.Module:
        """Return what the optimiser changes."""
        return self.model

    def saved(self) -> VideoMAEForPreTraining:
        """Return the model to keep."""
        return self.model

    def prepare(self, footage: Footage, draw: torch.Generator) -> None:
        """Let the last layer speak in the principal components of the patches it is to predict."""
        batches = [batch_of(footage, draw, self.batch, step)[0] for step in range(HEAD_SAMPLES)]
        patches = torch.cat([_normalised(tokens).flatten(2)[:, ::29].flatten(0, 1) for tokens in batches])
        width = self.model.decoder.head.in_features
        mean = patches.mean(0)
        _, spread, components = torch.svd_lowrank(patches - mean, q=width, niter=4)
        with torch.no_grad():
            self.model.decoder.head.bias.copy_(mean)
            self.model.decoder.head.weight.copy_(HEAD_SCALE * components * spread / len(patches) ** 0.5)

    def loss(self, footage: Footage, draw: torch.Generator, step: int, done: float) -> torch.Tensor:
        """Return the loss of a fresh batch."""
        loss = loss_of(self.model, *batch_of(footage, draw, self.batch, step), ASKED)
        self.hidden_loss = loss.detach()
        return loss

    def reported(self) -> dict[str, torch.Tensor]:
        """Return the number to print."""
        return {"hidden": self.hidden_loss}

    def rate(self, step: int, done: float) -> float:
        """Return the learning rate: a rise, a plateau, and a fall over the last half to almost nothing."""
        return self.peak_rate * min(1.0, (step + 1) / WARM_UP_STEPS, max(0.005, 2 * (1 - done)))

    def after_step(self, step: int, done: float) -> None:
        """Nothing changes from step to step."""


def look_nearby(model: VideoMAEForPreTraining) -> None:
    """Let each head of the decoder's first layer start by attending to the visible patches around one of ``LOOKS``."""
    attention = model.decoder.decoder_layers[0].attention.attention
    width = attention.query.in_features
    size = width // len(LOOKS)
    rates = 10000.0 ** (-2 * np.arange(width // 2) / width)
    weights = _nearness(rates)
    kept = np.argsort(-weights)[: size // 2]
    gain = np.sqrt(SHARPNESS * np.sqrt(size) / 2 * weights[kept] / weights[kept].sum())
    query, key = np.zeros((width, width)), np.zeros((width, width))
    for head, (rows, columns) in enumerate(LOOKS):
        angle = rates[kept] * (rows * SIDE + columns)
        for place, (rate, amount) in enumerate(zip(kept, gain, strict=True)):
            sine, cosine = head * size + 2 * place, head * size + 2 * place + 1
            key[sine, 2 * rate] = key[cosine, 2 * rate + 1] = amount
            query[sine, [2 * rate, 2 * rate + 1]] = amount * np.cos(angle[place]), amount * np.sin(angle[place])
            query[cosine, [2 * rate, 2 * rate + 1]] = -amount * np.sin(angle[place]), amount * np.cos(angle[place])
    with torch.no_grad():
        attention.query.weight.copy_(torch.from_numpy(query))
        attention.key.weight.copy_(torch.from_numpy(key))
        model.encoder_to_decoder.weight.mul_(CONTENT_SCALE)


def _nearness(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights of frequencies whose cosines, summed, say how near two tokens are in time, row and column."""
    steps = np.arange(-SLOTS * PLACES + 1, SLOTS * PLACES)
    wanted = np.zeros(len(steps))
    spread = np.arange(-SIDE + 1, SIDE)
    near = np.exp(-(spread[:, None] ** 2 + spread[None, :] ** 2) / 4.5)
    for slot in range(-SLOTS + 1, SLOTS):
        index = slot * PLACES + spread[:, None] * SIDE + spread[None, :] + SLOTS * PLACES - 1
        inside = (index >= 0) & (index < len(steps))
        np.maximum.at(wanted, index[inside], (near * np.exp(-(slot**2) / 8))[inside])
    trust = np.sqrt(1 + 200 * wanted)
    found, _ = nnls(np.cos(np.outer(steps, rates)) * trust[:, None], wanted * trust)
    return np.asarray(found)


def batch_of(footage: Footage, draw: torch.Generator, count: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens (B, S, 2 * 8 * 8, 3) in [0, 1] and the visible token indices (B, n): places through all time.

    ``step`` chooses the distance of the 16 frames.
    """
    distance = DISTANCES[step % len(DISTANCES)]
    offsets = torch.arange(SLOTS * 2) * distance
    pixels = recolour(draw, footage.windows(draw, count, offsets, SIDE * PATCH_PX).pixels.float(), 0.15, 0.1)
    split = pixels.view(count, SLOTS, 2, 3, SIDE, PATCH_PX, SIDE, PATCH_PX)
    tokens = split.permute(0, 1, 4, 6, 2, 5, 7, 3).reshape(count, SLOTS * PLACES, -1, 3)
    tube = torch.rand((count, PLACES), generator=draw, device=draw.device).argsort(1)[:, :VISIBLE]
    slots = torch.arange(SLOTS, device=draw.device)[:, None] * PLACES
    return tokens, (slots + tube[:, None]).flatten(1)


def _normalised(tokens: torch.Tensor) -> torch.Tensor:
    return (tokens - tokens.mean(2, keepdim=True)) / (tokens.std(2, keepdim=True) + DEVIATION_FLOOR)


def loss_of(model: VideoMAEForPreTraining, tokens: torch.Tensor, visible: torch.Tensor, asked: int) -> torch.Tensor:
    """Return the mean squared error of ``asked`` random hidden tokens.

    With every hidden token asked for, it is the ``.loss`` of ``VideoMAEForPreTraining``.
    """
    batch, count = tokens.shape[:2]
    rank = torch.rand((batch, count), device=tokens.device).scatter(1, visible, 2.0)
    hidden = rank.argsort(1)[:, : min(asked, count - visible.shape[1])]
    wanted = _normalised(_take(tokens, hidden))
    places = model.position_embeddings[0].to(tokens.device)
    with half_precision(tokens.device):
        state = model.videomae.encoder(_embedded(model, _take(tokens, visible), visible)).last_hidden_state
        state = model.encoder_to_decoder(model.videomae.layernorm(state))
        state = torch.cat([state + places[visible], model.mask_token + places[hidden]], dim=1)
        found = model.decoder(state, hidden.shape[1]).logits
    return (found.float() - wanted.flatten(2)).square().mean()


def _embedded(model: VideoMAEForPreTraining, tokens: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    embeddings = model.videomae.embeddings
    projection = embeddings.patch_embeddings.projection
    weight = projection.weight.permute(0, 2, 3, 4, 1).reshape(projection.out_channels, -1)
    mean, std = (torch.tensor(values, device=tokens.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
    places = embeddings.position_embeddings[0].to(tokens.device)
    return ((tokens - mean) / std).flatten(2) @ weight.T + projection.bias + places[index]


def _take(tokens: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    rows = torch.arange(len(tokens), device=tokens.device)[:, None]
    return tokens[rows, index]
