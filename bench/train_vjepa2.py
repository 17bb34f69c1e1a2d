"""Masked latent prediction with a slowly following target encoder: training of the small V-JEPA 2.

Half of the steps hide places through all time, half hide the future: the question surprise asks. On so little footage
the features would collapse onto few directions. Three terms beside the prediction hold them apart: windows spread over
every direction; windows of the same work by different people come nearer than those of different work (supervised
contrastive learning, arXiv 2004.11362); and a time slot tells how much of the cycle has passed. The last two use what
the generator knows of its own footage.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import l1_loss, layer_norm, normalize
from training_batches import Footage, colour_change, cropped, start_evenly
from transformers import VJEPA2Model

from egoclean.demo.world import ACTIVITIES
from egoclean.models.rotary import install_rotary_tables
from egoclean.models.vjepa2 import small_vjepa2_config

Indices = NDArray[np.int64]

BATCH = 24
SIDE = 4
PLACES = SIDE * SIDE
HIDDEN_PLACES = 10
KINDS = (*((16, 16, 1),) * 2, *((32, 16, 1),) * 5, (16, 16, 2), (32, 32, 1))
"""Time slots of a window, how many of them are kept and the distance of frames; drawn alike. Windows of 32 slots with
half of them left out cost half and still hold every distance in time."""
SPREAD_WEIGHT, WORK_WEIGHT, PHASE_WEIGHT = 1.0, 0.5, 1.0
LEAST_SPREAD = 0.35
"""Standard deviation over a batch that each direction of window means should have."""
TEMPERATURE = 0.15
HARMONICS = 2


class Task:
    """The model with its target encoder, and the loss of one step."""

    peak_rate = 1.0e-3
    weight_decay = 0.04

    def __init__(self) -> None:
        self.model = VJEPA2Model(small_vjepa2_config())
        start_evenly(self.model)
        self.phase = torch.nn.Linear(self.model.config.hidden_size, len(ACTIVITIES) * HARMONICS * 2)
        self.target = copy.deepcopy(self.model.encoder).requires_grad_(False)
        self.parts: dict[str, float] = {}
        install_rotary_tables(self.model)
        for ours, theirs in zip(self.target.layer, self.model.encoder.layer, strict=True):
            ours.attention.get_position_ids = theirs.attention.get_position_ids
            ours.attention.apply_rotary_embeddings = theirs.attention.apply_rotary_embeddings

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return what a checkpoint keeps."""
        return {"model": self.model, "phase": self.phase, "target": self.target}

    def trained(self) -> torch.nn.ModuleList:
        """Return what the optimiser changes."""
        return torch.nn.ModuleList([self.model, self.phase])

    def saved(self) -> VJEPA2Model:
        """Return the model to keep: the target encoder, whose features are steadier, with the predictor."""
        kept = VJEPA2Model(small_vjepa2_config())
        kept.load_state_dict(self.model.state_dict())
        kept.encoder.load_state_dict(self.target.state_dict())
        return kept

    def loss(self, footage: Footage, rng: np.random.Generator) -> torch.Tensor:
        """Return the loss of a fresh batch."""
        tokens, position, work = batch_of(footage, rng)
        slots = tokens.shape[1] // PLACES
        context, hidden = split(rng, slots)
        at = [torch.from_numpy(position[rows]).expand(BATCH, -1) for rows in (slice(None), context, hidden)]
        change = colours(rng, BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                wanted = encode(self.target, tokens, at[0], change)[:, hidden]
            seen = encode(self.model.encoder, tokens[:, context], at[1], change)
            guess = predict(self.model.predictor, seen, at[1], at[2])
        seen, wanted = seen.float(), layer_norm(wanted.float(), (wanted.shape[-1],))
        predicted = l1_loss(guess.float(), wanted)
        seen_slots = np.unique(context // PLACES)
        moments = seen.unflatten(1, (len(seen_slots), -1)).mean(2)
        terms = {
            "predict": predicted,
            "spread": SPREAD_WEIGHT * spread_loss(moments.mean(1)),
            "work": WORK_WEIGHT * work_loss(moments.mean(1), work),
            "phase": PHASE_WEIGHT * phase_loss(self.phase(moments), work[:, seen_slots]),
        }
        self.parts = {name: float(term.detach()) for name, term in terms.items()}
        return torch.stack(list(terms.values())).sum()

    def prepare(self, footage: Footage, rng: np.random.Generator) -> None:
        """Nothing is to be set before the first step."""

    def reported(self) -> dict[str, float]:
        """Return the numbers to print."""
        return self.parts

    def after_step(self, step: int) -> None:
        """Let the target encoder follow."""
        keep = min(0.9965, 1 - 0.05 / (1 + step / 30))
        with torch.no_grad():
            for ours, theirs in zip(self.target.parameters(), self.model.encoder.parameters(), strict=True):
                ours.lerp_(theirs, 1 - keep)


def batch_of(footage: Footage, rng: np.random.Generator) -> tuple[torch.Tensor, Indices, torch.Tensor]:
    """Return tokens (B, n, 3, 2 * 32 * 32), uint8, in order time, row, column, their positions in the window, and for
    each time slot the work and the share of its cycle that has passed (B, slots, 2).
    """
    slots, kept, step = KINDS[int(rng.integers(0, len(KINDS)))]
    times = np.sort(rng.permutation(slots)[:kept])
    offsets = ((2 * times[:, None] + np.arange(2)) * step).ravel()
    windows, works = [], []
    for _ in range(BATCH):
        frames, work = footage.window_and_work(rng, offsets)
        windows.append(cropped(rng, frames, 32 * SIDE))
        works.append(work[::2])
    split_up = torch.stack(windows).view(BATCH, kept, 2, 3, SIDE, 32, SIDE, 32).permute(0, 1, 4, 6, 3, 2, 5, 7)
    positions = times[:, None] * PLACES + np.arange(PLACES)
    tokens = split_up.reshape(BATCH, kept * PLACES, 3, 2 * 32 * 32)
    return tokens, positions.ravel(), torch.from_numpy(np.stack(works))


def spread_loss(means: torch.Tensor) -> torch.Tensor:
    """Return how far the directions of window means (B, d) are below the spread they should have (arXiv 2105.04906)."""
    deviation = (means.var(0) + 1e-4).sqrt()
    return (LEAST_SPREAD - deviation).clamp_min(0).mean() / LEAST_SPREAD


def work_loss(means: torch.Tensor, work: torch.Tensor) -> torch.Tensor:
    """Return the supervised contrastive loss of window means (B, d), by the work that fills the window.

    Windows without work, or between two works, are what the others are held apart from.
    """
    names = work[:, :, 0]
    label = torch.where((names == names[:, :1]).all(1), names[:, 0], torch.full_like(names[:, 0], -1.0))
    likeness = normalize(means, dim=1) @ normalize(means, dim=1).T / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(means), dtype=torch.bool), -1e4)
    alike = (label[:, None] == label[None, :]) & (label[:, None] >= 0) & ~torch.eye(len(means), dtype=torch.bool)
    per_pair = (likeness.logsumexp(1, keepdim=True) - likeness) * alike
    chosen = alike.any(1)
    return (per_pair.sum(1) / alike.sum(1).clamp_min(1))[chosen].sum() / chosen.sum().clamp_min(1)


def phase_loss(found: torch.Tensor, work: torch.Tensor) -> torch.Tensor:
    """Return the squared error of the cycle's angle, as cosine and sine of its multiples, where there is a cycle.

    ``found`` (B, slots, works * harmonics * 2) holds an answer for each work; that of the true one counts.
    """
    number, share = work[..., 0].long(), work[..., 1]
    angle = 2 * torch.pi * share[..., None] * torch.arange(1, HARMONICS + 1)
    wanted = torch.cat([angle.cos(), angle.sin()], dim=-1)
    answers = found.unflatten(-1, (len(ACTIVITIES), HARMONICS * 2))
    answer = answers.gather(2, number.clamp_min(0)[..., None, None].expand(-1, -1, 1, HARMONICS * 2))[:, :, 0]
    error = (answer - wanted).square().mean(-1)[number >= 0]
    return error.sum() / max(1, len(error))


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
    state = torch.baddbmm(
        (shift @ weight.sum(2).T + projection.bias)[:, None], tokens.flatten(2).to(torch.bfloat16), weights
    )
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
