"""Masked latent prediction with a slowly following target encoder: training of the small V-JEPA 2.

Some steps hide places through all time, some hide the future: the question surprise asks. On so little footage the
features would collapse onto what tells one workplace from another. What the generator knows of its own footage holds
them apart: a time slot names the work, cosines between windows and between slots are those of the truth (same work,
hands at the same place, same light, same workplace), and a token tells the coarse colours of its patch, so that
features stay local. The same terms hold patterns and drives apart from one another.

What moves within a clip is what hands do. Tokens point at both hands, a slot tells where in the picture and at the
bench they are, and the slots of one work in one clip differ as the hands' places do: centred kernel alignment
(Kornblith et al. 2019), less the mean of each slot over windows, or the time in the window would pass for movement.
Rotary positions are relative, so that a mean over places forgets where: each token also tells its own place.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import torch
from torch.nn.functional import (
    adaptive_avg_pool2d,
    cross_entropy,
    layer_norm,
    mse_loss,
    normalize,
    scaled_dot_product_attention,
    smooth_l1_loss,
)
from training_batches import (
    Footage,
    Gliders,
    Windows,
    add_gliders,
    change_light,
    half_precision,
    normalised,
    recolour,
    start_evenly,
)
from training_footage import CLASSES
from transformers import VJEPA2Config, VJEPA2Model

from egoclean.models.rotary import rotary_tables

BATCH = 64
STAGES = (
    (0.3, (("whole", 1),)),
    (
        0.8,
        (
            *(("clip", 16), ("whole", 1), ("clip", 32), ("whole", 8), ("future", 32)),
            *(("clip", 8), ("part", 8), ("clip", 16), ("places", 8), ("future", 16)),
        ),
    ),
    (1.0, (("future", 32), ("future", 16), ("future", 32), ("future", 8))),
)
"""Up to which share of the training: what a step hides and how many time slots it sees, taken in turn. Single slots of
many windows teach most at first, what is to be seen; then come longer spans; last the predictor learns alone, on the
features of the finished encoder. Batches hold ``BATCH`` windows of one slot."""
FINISHED = STAGES[-2][0]
BATCH_SLOTS = 1
ALONE_TIMES = 4
"""How many times a batch the predictor sees alone: what it learns is rare, and no encoder learns then."""
PART = 0.5
"""Share of the places seen where a step hides none but leaves some out."""
PREDICTED = ("places", "future")
CLIP_WINDOWS = 6
"""Windows of a step that sees one clip."""
SPANS = ((16, 1), (32, 1), (32, 1), (16, 2))
"""Of how many slots they are drawn, and the distance of frames."""
HIDDEN_SHARE = 0.6
SOON_SLOTS = 4
"""How far ahead, in slots, a prediction weighs half: later ones are mostly chance."""
GLIDER_SHARE, GLIDERS = 0.6, 3
"""The chance of each, and how many things may glide across a window at most."""
WEIGHTS = {
    "predict": 1.0,
    "windows": 12.0,
    "slots": 12.0,
    "work": 0.5,
    "colours": 0.3,
    "point": 0.3,
    "reach": 1.0,
    "across": 1.0,
    "here": 1.0,
    "moves": 3.0,
    "glides": 2.0,
    "foretold": 2.0,
}
SLOTS_COMPARED = 4
HANDS_WEIGHT, LIGHT_WEIGHT, PLACE_WEIGHT, RARE_WEIGHT = 0.8, 1.3, 0.45, 0.6
CHANGED_LIGHT = {False: 0.08, True: 0.3}
"""Share of the windows whose light is changed besides, in a batch of all footage and of one clip: few files show it."""
HAND_CELLS = 2
"""In how many rows and columns of cells a patch tells where a hand is."""
POINT_SPREAD = 0.5
"""Spread of the place pointed at, in patches."""
REACH_M = (0.0, 0.35, 0.45)
REACH_SPREAD_M = 0.2
"""Where hands usually are, from the resting head, and how far from there, in metres."""
SAME_PLACE_M = 0.12
"""Hands this far apart are about 0.6 alike."""
LEAST_MOTION_M = 0.03
"""Spread of the hands' places in a clip below which how its slots differ is left open."""
COLOUR_CELLS = 4
USUAL_WAY = 0.05
"""How far a gliding thing usually goes in a slot, in halves of the picture's side."""
LONGEST_SLOTS = 32
WARM_UP_STEPS = 60
PATCH_FLOOR = 0.15
"""Deviation below which a principal component of patches is noise rather than picture."""


def small_vjepa2_config() -> VJEPA2Config:
    """Return the small model's configuration: 64 frames of 96 pixels in 1,152 tokens, width 128, 2.0 M parameters."""
    return VJEPA2Config(
        crop_size=96,
        patch_size=16,
        frames_per_clip=64,
        tubelet_size=2,
        hidden_size=128,
        num_attention_heads=4,
        num_hidden_layers=6,
        mlp_ratio=3,
        pred_hidden_size=128,
        pred_num_attention_heads=4,
        pred_num_hidden_layers=4,
        pred_num_mask_tokens=2,
        pred_zero_init_mask_tokens=False,
    )


class Task:
    """The model with its target encoder, and the loss of one step."""

    peak_rate = 2.0e-3
    weight_decay = 0.04

    def __init__(self, device: torch.device, batch: int = BATCH) -> None:
        self.batch = batch
        self.model = VJEPA2Model(small_vjepa2_config())
        start_evenly(self.model)
        width = self.model.config.hidden_size
        self.heads = torch.nn.ModuleDict(
            {
                "glides": torch.nn.Linear(width, COLOUR_CELLS**2 + 2),
                "work": torch.nn.Linear(width, len(CLASSES)),
                "colours": torch.nn.Linear(width, 2 * 3 * COLOUR_CELLS**2),
                "point": torch.nn.Linear(width, 2 * HAND_CELLS**2),
                "reach": torch.nn.Linear(width, 2 * len(REACH_M)),
                "across": torch.nn.Linear(width, 2 * 2),
                "here": torch.nn.Linear(width, 2),
            }
        )
        self.target = copy.deepcopy(self.model.encoder).requires_grad_(False)
        for module in (self.model, self.heads, self.target):
            module.to(device)
        self.side = self.model.config.crop_size // self.model.config.patch_size
        self.parts: dict[str, torch.Tensor] = {}

    def modules(self) -> dict[str, torch.nn.Module]:
        """Return what a checkpoint keeps."""
        return {"model": self.model, "heads": self.heads, "target": self.target}

    def trained(self) -> torch.nn.ModuleList:
        """Return what the optimiser changes."""
        return torch.nn.ModuleList([self.model, self.heads])

    def saved(self) -> VJEPA2Model:
        """Return the model to keep: the target encoder, whose features are steadier, with the predictor."""
        kept = VJEPA2Model(small_vjepa2_config())
        kept.load_state_dict(self.model.state_dict())
        kept.encoder.load_state_dict(self.target.state_dict())
        return kept

    def start(self, path: Path) -> None:
        """Go on from a finished model's folder with new heads, or from a training's checkpoint with those it has."""
        if path.is_dir():
            self.model.load_state_dict(VJEPA2Model.from_pretrained(path).float().state_dict())
            self.target.load_state_dict(self.model.encoder.state_dict())
            return
        for name, state in torch.load(path, weights_only=True)["modules"].items():
            self.modules()[name].load_state_dict(state, strict=name != "heads")

    def prepare(self, footage: Footage, draw: torch.Generator) -> None:
        """Let the patch embedding start as the principal components of patches, each of about unit spread."""
        windows, _ = self._windows(footage, draw, BATCH_SLOTS)
        patches = tokens_of(normalised(windows.pixels), self.model.config.patch_size).flatten(0, 1).float()
        projection = self.model.encoder.embeddings.patch_embeddings.proj
        mean = patches.mean(0)
        _, spread, components = torch.pca_lowrank(patches - mean, q=projection.out_channels, niter=4)
        weight = (components / (spread / len(patches) ** 0.5 + PATCH_FLOOR)).T
        with torch.no_grad():
            projection.weight.copy_(weight.view_as(projection.weight))
            projection.bias.copy_(-weight @ mean)
            self.target.load_state_dict(self.model.encoder.state_dict())

    def loss(self, footage: Footage, draw: torch.Generator, step: int, done: float) -> torch.Tensor:
        """Return the loss of a fresh batch; ``done`` is the share of the training that has passed."""
        kinds = next((kinds for until, kinds in STAGES if done < until), STAGES[-1][1])
        hides, slots = kinds[step % len(kinds)]
        alone = done >= FINISHED
        windows, times = self._windows(footage, draw, slots, hides, ALONE_TIMES if alone else 1)
        places = self.side**2
        position = (times[:, None] * places + torch.arange(places, device=times.device)).flatten()
        context, hidden, shown = self._split(draw, hides, slots)
        tokens = tokens_of(normalised(windows.pixels), self.model.config.patch_size)
        terms = {}
        with half_precision(tokens.device):
            with torch.set_grad_enabled(not alone):
                encoder = self.target if alone else self.model.encoder
                seen = encode(encoder, tokens[:, context], position[context], self.side)
            if len(hidden):
                with torch.no_grad():
                    wanted = encode(self.target, tokens, position, self.side)[:, hidden]
                guess = predict(self.model.predictor, seen, position[context], position[hidden], self.side)
                missed = (guess.float() - layer_norm(wanted.float(), (wanted.shape[-1],))).abs().mean(-1)
                terms["predict"] = soonest_first(missed, places) if hides == "future" else missed.mean()
        if not alone:
            terms |= self._knowledge(draw, windows, seen.float(), context, shown, hides)
        if windows.gliders:
            glides = glides_of(windows.gliders, times, self.side)
            terms["glides"] = mse_loss(self._told_glides(seen), glides[:, context])
            terms["foretold"] = mse_loss(self._told_glides(guess), glides[:, hidden])
        self.parts = {name: term.detach() for name, term in terms.items()}
        return torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()

    def rate(self, step: int, done: float) -> float:
        """Return the learning rate: a rise, a plateau, a fall until the encoder is finished; anew for the predictor."""
        if done >= FINISHED:
            return self.peak_rate * max(0.005, min(0.6, (1 - done) / (1 - FINISHED)))
        return self.peak_rate * min(1.0, (step + 1) / WARM_UP_STEPS, max(0.005, 1.7 * (1 - done / FINISHED)))

    def reported(self) -> dict[str, torch.Tensor]:
        """Return the numbers to print."""
        return self.parts

    def after_step(self, step: int, done: float) -> None:
        """Let the target encoder follow, ever more slowly, until it is finished."""
        if done >= FINISHED:
            return
        keep = min(0.9985, 1 - 0.1 / (1 + step / 20))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.target.parameters()), [item.detach() for item in self.model.encoder.parameters()], 1 - keep
            )

    def _windows(
        self, footage: Footage, draw: torch.Generator, slots: int, hides: str = "whole", times_more: int = 1
    ) -> tuple[Windows, torch.Tensor]:
        """Return a batch and the time slots it shows, of the 32 a window may have."""
        host = torch.Generator().manual_seed(draw.initial_seed())
        among, distance = SPANS[int(torch.randint(len(SPANS), (1,), generator=host))] if slots < 32 else (32, 1)
        times = torch.randperm(among, generator=host)[:slots].sort().values
        offsets = ((2 * times[:, None] + torch.arange(2)) * distance).flatten()
        of_one = hides == "clip"
        found = footage.windows(
            draw, times_more * self._count(hides, slots), offsets, self.model.config.crop_size, of_one
        )
        truth = found.truth[:, ::2]
        pixels, gliders = found.pixels, None
        if hides in PREDICTED:
            pixels, gliders = add_gliders(draw, pixels, offsets, GLIDER_SHARE, GLIDERS)
        changed = torch.rand(len(truth), generator=draw, device=truth.device) < CHANGED_LIGHT[of_one]
        changed &= ((truth[..., 0] >= 0) & (truth[..., 2] == 0)).all(1)
        pixels = change_light(draw, pixels, offsets, changed)
        truth[..., 2] += changed[:, None]
        pixels = recolour(draw, pixels.flatten(0, 1)[None] if of_one else pixels, 0.12, 0.2).view(pixels.shape)
        return Windows(pixels, truth, found.hands[:, ::2], found.source, gliders), times.to(footage.device)

    def _count(self, hides: str, slots: int) -> int:
        """Return how many windows of such a step cost as much as a batch."""
        if hides == "clip":
            return CLIP_WINDOWS
        return max(4, round(self.batch * BATCH_SLOTS / slots / (PART if hides == "part" else 1.0)))

    def _split(self, draw: torch.Generator, hides: str, slots: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Return the rows of context and of hidden tokens, and how many time slots the context shows."""
        places = self.side**2
        grid = torch.arange(slots * places, device=draw.device).view(slots, places)
        if hides in ("whole", "clip"):
            return grid.flatten(), grid[:0].flatten(), slots
        if hides == "future":
            return grid[: slots // 2].flatten(), grid[slots // 2 :].flatten(), slots // 2
        order = torch.randperm(places, generator=draw, device=draw.device)
        if hides == "part":
            return grid[:, order[: round(PART * places)].sort().values].flatten(), grid[:0].flatten(), slots
        count = round(HIDDEN_SHARE * places)
        return grid[:, order[count:].sort().values].flatten(), grid[:, order[:count].sort().values].flatten(), slots

    def _knowledge(
        self,
        draw: torch.Generator,
        windows: Windows,
        seen: torch.Tensor,
        context: torch.Tensor,
        shown: int,
        hides: str,
    ) -> dict[str, torch.Tensor]:
        """Return the terms that use what is true of the first ``shown`` time slots."""
        truth, hands = windows.truth[:, :shown], windows.hands[:, :shown]
        tokens = seen.unflatten(1, (shown, -1))
        moments = tokens.mean(2)
        facts, reach = facts_of(truth), reach_of(hands)
        kind = truth[..., 0].long().flatten()
        named = cross_entropy(
            self.heads["work"](moments).flatten(0, 1), torch.where(kind < 0, -100, kind), reduction="sum"
        )
        some = torch.randperm(shown, generator=draw, device=draw.device)[:SLOTS_COMPARED]
        source = windows.source[:, None].expand(-1, len(some)).flatten()
        shows = hands[..., -1]
        places = context.view(shown, -1)[0]
        terms = {
            "work": named / (kind >= 0).sum().clamp_min(1),
            "windows": kernel_loss(moments.mean(1), facts.mean(1), windows.source),
            "slots": kernel_loss(
                moments[:, some].flatten(0, 1), facts[:, some].flatten(0, 1), source, reach[:, some].flatten(0, 1)
            ),
            "colours": self._colours(windows.pixels, seen, context),
            "point": point_loss(self.heads["point"](tokens), hands, places, self.side),
            "reach": self._told("reach", moments, reach, shows),
            "across": self._told("across", moments, 2 * hands[..., 3:5], shows),
            "here": mse_loss(self.heads["here"](tokens), places_of(self.side, places).expand(*tokens.shape[:3], 2)),
        }
        if hides == "clip":
            terms["moves"] = moves_loss(moments, reach, shows, truth[..., 0].long())
        return terms

    def _told_glides(self, features: torch.Tensor) -> torch.Tensor:
        return self.heads["glides"](layer_norm(features.float(), features.shape[-1:]))

    def _told(self, name: str, moments: torch.Tensor, truth: torch.Tensor, shows: torch.Tensor) -> torch.Tensor:
        """Return how far slots (B, S, d) are from telling ``truth`` (B, S, 2, k) of the hands that are seen."""
        missed = smooth_l1_loss(self.heads[name](moments).unflatten(-1, (2, -1)), truth, reduction="none").mean(-1)
        return (missed * shows).sum() / shows.sum().clamp_min(1)

    def _colours(self, pixels: torch.Tensor, seen: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        batch, times = pixels.shape[:2]
        cells = self.side * COLOUR_CELLS
        coarse = adaptive_avg_pool2d(pixels.flatten(0, 1), cells).view(batch, times // 2, 2, 3, cells, cells)
        split = coarse.unflatten(5, (self.side, COLOUR_CELLS)).unflatten(4, (self.side, COLOUR_CELLS))
        wanted = split.permute(0, 1, 4, 6, 2, 3, 5, 7).flatten(4).flatten(1, 3)[:, context].float()
        return mse_loss(self.heads["colours"](seen), (wanted - 0.45) / 0.22)


def glides_of(gliders: Gliders, times: torch.Tensor, side: int) -> torch.Tensor:
    """Return what each token (B, n, cells + 2) holds of a gliding thing: the cells it covers, and its way a slot.

    ``times`` (S,) are the slots shown. The way counts as much as the thing covers of the patch, over a usual one.
    """
    covers = gliders.cover.flatten(1, 2)
    coarse = adaptive_avg_pool2d(covers, side * COLOUR_CELLS).unflatten(1, gliders.cover.shape[1:3])
    cells = coarse.unflatten(1, (-1, 2)).mean(2).unflatten(4, (side, COLOUR_CELLS)).unflatten(3, (side, COLOUR_CELLS))
    cells = cells.transpose(4, 5).flatten(5)
    way = gliders.centre.unflatten(1, (-1, 2)).mean(2).diff(dim=1) / (times.diff()[:, None, None] * USUAL_WAY)
    way = torch.cat([way, way[:, -1:]], dim=1)[:, :, :, None, None] * cells.mean(-1, keepdim=True)
    return torch.cat([cells, way], dim=-1).sum(2).flatten(1, 3)


def facts_of(truth: torch.Tensor) -> torch.Tensor:
    """Return what a frame is of as a vector (..., facts): alike frames have a large product.

    Blocks: the work or interruption; changed light; drive, and its rare traits.
    """
    kind = truth[..., 0].long()
    one_hot = torch.nn.functional.one_hot(kind.clamp_min(0), len(CLASSES)).float() * (kind >= 0)[..., None]
    drive = 0.7 * (kind == -1).float()[..., None]
    return torch.cat([one_hot, LIGHT_WEIGHT * truth[..., 2:3], drive, RARE_WEIGHT * truth[..., 3:]], dim=-1)


def reach_of(hands: torch.Tensor) -> torch.Tensor:
    """Return where at the bench hands (..., columns) are, about one unit wide, (..., 3)."""
    middle = torch.tensor(REACH_M, device=hands.device)
    return (hands[..., :3] - middle) / REACH_SPREAD_M


def kernel_loss(
    features: torch.Tensor, facts: torch.Tensor, source: torch.Tensor, reach: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the mean squared difference of the features' cosines (n, d) from those of the facts.

    Two rows of one workplace, drive or pattern have in common that place besides; two of one work, how near each
    other their hands are (``reach``, (n, 2, 3)).
    """
    own = torch.where(facts.abs().sum(-1) > 0, PLACE_WEIGHT, 1.0)
    product = facts @ facts.T + (source[:, None] == source[None, :]) * own[:, None] * own[None, :]
    if reach is not None:
        apart = torch.cdist(reach.flatten(1), reach.flatten(1)) * (REACH_SPREAD_M / SAME_PLACE_M)
        worked = facts[:, : len(CLASSES)]
        product = product + HANDS_WEIGHT * (worked @ worked.T) * (-0.5 * apart.square()).exp()
    length = product.diagonal().clamp_min(1e-6).sqrt()
    wanted = product / length[:, None] / length[None, :]
    rows = normalize(features, dim=1)
    return (rows @ rows.T - wanted).square().mean()


def point_loss(answers: torch.Tensor, hands: torch.Tensor, places: torch.Tensor, side: int) -> torch.Tensor:
    """Return the cross-entropy of where in the picture each hand is, over the cells of the patches shown.

    ``answers`` (B, S, places, 2 * cells), ``hands`` (B, S, 2, columns), ``places`` (n,) the patches shown.
    """
    step = torch.arange(side * HAND_CELLS, device=answers.device)
    middle = (step + 0.5) / len(step) * 2 - 1
    grid = torch.stack(torch.meshgrid(middle, middle, indexing="xy"), dim=-1)
    cells = grid.unflatten(1, (side, HAND_CELLS)).unflatten(0, (side, HAND_CELLS)).transpose(1, 2)
    cells = cells.reshape(side * side, HAND_CELLS**2, 2)[places].flatten(0, 1)
    apart = (hands[..., None, 3:5] - cells).square().sum(-1) * (side / 2 / POINT_SPREAD) ** 2
    near = (-0.5 * apart).exp() * hands[..., 5:]
    weight = near.sum(-1)
    wanted = near / weight.clamp_min(1e-6)[..., None]
    told = answers.unflatten(-1, (2, -1)).permute(0, 1, 3, 2, 4).flatten(3).log_softmax(-1)
    shown = (weight > 1.0).float()
    return -((wanted * told).sum(-1) * shown).sum() / shown.sum().clamp_min(1)


def soonest_first(missed: torch.Tensor, places: int) -> torch.Tensor:
    """Return the mean of what was missed (B, slots * places), the next slots weighing more than those far ahead."""
    slots = missed.unflatten(1, (-1, places)).mean((0, 2))
    weight = 1 / (1 + torch.arange(len(slots), device=missed.device) / SOON_SLOTS)
    return (slots * weight).sum() / weight.sum()


def places_of(side: int, places: torch.Tensor) -> torch.Tensor:
    """Return where in the picture the patches ``places`` (n,) are, across and down, -1 to 1, (n, 2)."""
    return torch.stack([places % side, places // side], dim=-1) * (2.0 / (side - 1)) - 1


def moves_loss(moments: torch.Tensor, reach: torch.Tensor, shows: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    """Return how little the slots of one clip (B, S, d) differ as its hands' places (B, S, 2, 3) do: 0 alike, 1 not.

    Slots are compared within a work (``kind``, (B, S)) and where both hands are seen (``shows``, (B, S, 2)); works
    count alike, however far their hands go. One whose hands rest says nothing.
    """
    known = ((kind >= 0) & (shows.amin(-1) > 0)).flatten().float()[:, None]
    works = torch.nn.functional.one_hot(kind.flatten().clamp_min(0), len(CLASSES)).float() * known

    def centred(rows: torch.Tensor) -> torch.Tensor:
        flat = (rows - rows.mean(0)).flatten(0, 1)
        means = works.T @ flat / works.sum(0).clamp_min(1)[:, None]
        return (flat - works @ means) * known

    features, places = centred(moments), centred(reach.flatten(2))
    least = (LEAST_MOTION_M / REACH_SPREAD_M) ** 2
    moving = (works.T @ places.square()).sum(1) > works.sum(0).clamp_min(2) * least
    if not bool(moving.any()):
        return features.sum() * 0.0
    missed = []
    for work in works.T[moving]:
        rows = work.bool()
        told, wanted = features[rows] @ features[rows].T, places[rows] @ places[rows].T
        alike = (told * wanted).sum() / (told.square().sum() * wanted.square().sum()).sqrt().clamp_min(1e-6)
        missed.append(1 - alike)
    return torch.stack(missed).mean()


def tokens_of(pixels: torch.Tensor, patch_px: int) -> torch.Tensor:
    """Return the patches of (B, T, 3, H, W) as rows (B, n, 3 * 2 * P * P), in order time, row, column."""
    batch, times, _, side_px, _ = pixels.shape
    side = side_px // patch_px
    split = pixels.view(batch, times // 2, 2, 3, side, patch_px, side, patch_px)
    return split.permute(0, 1, 4, 6, 3, 2, 5, 7).reshape(batch, times // 2 * side * side, -1)


def encode(encoder: torch.nn.Module, tokens: torch.Tensor, position: torch.Tensor, side: int) -> torch.Tensor:
    """Return the encoder's features (B, n, d) of patches (B, n, P) at ``position`` (n,), and of no others."""
    projection = encoder.embeddings.patch_embeddings.proj
    state = torch.nn.functional.linear(tokens, projection.weight.flatten(1), projection.bias)
    turns = turns_of(encoder, position, side)
    for layer in encoder.layer:
        state = through(layer, state, turns)
    return _norm(encoder.layernorm, state)


def predict(
    predictor: torch.nn.Module, seen: torch.Tensor, context: torch.Tensor, hidden: torch.Tensor, side: int
) -> torch.Tensor:
    """Return the predicted features (B, n_hidden, d), as the published predictor gives them."""
    asked = predictor.embeddings.mask_tokens[1].expand(len(seen), len(hidden), -1)
    state = torch.cat([predictor.embeddings.predictor_embeddings(seen), asked], dim=1)
    turns = turns_of(predictor, torch.cat([context, hidden]), side)
    for layer in predictor.layer:
        state = through(layer, state, turns)
    return predictor.proj(_norm(predictor.layernorm, state[:, len(context) :]))


Turns = tuple[torch.Tensor, torch.Tensor]


def turns_of(part: torch.nn.Module, position: torch.Tensor, side: int) -> Turns:
    """Return cosines and signed sines (n, head width) of the tokens' places."""
    width = int(part.layer[0].attention.attention_head_size)
    cosine, sine = _tables_on(position.device, width, side)
    return cosine[position], sine[position]


@cache
def _tables_on(device: torch.device, width: int, side: int) -> Turns:
    cosine, sine = rotary_tables(LONGEST_SLOTS * side**2, width, side)
    return cosine.to(device), sine.to(device)


def through(layer: torch.nn.Module, state: torch.Tensor, turns: Turns) -> torch.Tensor:
    """Return one layer's output for tokens whose places turn queries and keys by ``turns``."""
    attention = layer.attention
    inner = _norm(layer.norm1, state)
    shape = (*inner.shape[:-1], -1, int(attention.attention_head_size))
    query, key, value = (
        part(inner).view(shape).transpose(1, 2) for part in (attention.query, attention.key, attention.value)
    )
    query, key = (_turned(part, turns) for part in (query, key))
    mixed = scaled_dot_product_attention(query, key, value, scale=attention.scaling)
    state = state + attention.proj(mixed.transpose(1, 2).flatten(2))
    return state + layer.mlp(_norm(layer.norm2, state))


def _turned(features: torch.Tensor, turns: Turns) -> torch.Tensor:
    cosine, sine = (part.to(features.dtype) for part in turns)
    return features * cosine + features.unflatten(-1, (-1, 2)).flip(-1).flatten(-2) * sine


def _norm(norm: torch.nn.Module, state: torch.Tensor) -> torch.Tensor:
    """Return the layer norm in the number format of ``state``: autocast would double what is moved."""
    with torch.autocast(state.device.type, enabled=False):
        return layer_norm(
            state, norm.normalized_shape, norm.weight.to(state.dtype), norm.bias.to(state.dtype), norm.eps
        )
