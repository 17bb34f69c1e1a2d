"""Train the small V-JEPA 2's predictor alone to foresee what moves: features of its finished encoder are the lesson.

    python bench/train_predictor.py --work FOLDER [--minutes 60] [--start FOLDER] [--out FOLDER]

FOLDER has the footage of ``training_footage.py``. The encoder is not touched, so embeddings stay as they are. Windows
that things glide across are encoded as a whole and over the half before some moment, kept, and taken again later. What
is asked is what ``embed --surprise`` asks: the next quarter of a window, from the half before it; at first from half of
that half, which is twice as fast. What matters is rare, so tokens that a thing covers or has left count more, and
predicted features must tell which cells are covered as well as true ones do (a linear reading fitted to those).
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from torch.nn.functional import layer_norm, mse_loss
from train_vjepa2 import encode, glides_of, predict, tokens_of
from training_batches import Footage, add_gliders, half_precision, normalised, recolour
from training_footage import FIRST_SEED
from training_muon import Muon
from transformers import VJEPA2Model

from egoclean.models.cards import WEIGHTS_DIR

NAME = "vjepa2-small"
PATTERNS = 60
SLOTS, AHEAD, MOMENTS = 32, 8, 2
"""Slots of a window, how many are foreseen from the half before them, and from how many moments of a window."""
GLIDER_SHARE, GLIDERS = 0.75, 2
STAGES = ((0.4, 8), (1.0, 16))
"""Up to which share of the training: how many slots of the past are shown."""
BATCH_TOKENS = 6144
KEPT, FIRST_KEPT, FIRST_WINDOWS = 10000, 200, 20
"""Lessons kept, how many before old ones are taken again, and windows encoded a step until then; later one a step."""
COVERED, CHANGED, TOLD = 3.0, 3.0, 2.0
EVEN_FROM, LEAST_MORE = 0.7, 0.3
"""When what is covered begins to count less, and what is left of that in the end."""
RATE, WARM_UP_STEPS, FALL_FROM = 1.2e-3, 50, 0.3
FIT_WINDOWS, RIDGE = 96, 10.0
REPORT_EVERY, SAVE_EVERY_S = 100, 300.0


@dataclass
class Lesson:
    """What to foresee: features of the past (n, d), of the future, layer-normalised, and what glides (all, k).

    In a batch, all with B before.
    """

    past: torch.Tensor
    future: torch.Tensor
    glides: torch.Tensor


@dataclass
class Teacher:
    """Makes lessons with the finished encoder, and keeps them."""

    footage: Footage
    encoder: torch.nn.Module
    side: int
    size_px: int
    patch_px: int
    draw: torch.Generator = field(default_factory=torch.Generator)
    kept: list[Lesson] = field(default_factory=list)

    @property
    def places(self) -> int:
        """Tokens of a slot."""
        return self.side**2

    def lessons(self) -> list[Lesson]:
        """Return lessons of a fresh window, encoded: what comes after a few moments of it."""
        offsets = torch.arange(2 * SLOTS)
        found = self.footage.windows(self.draw, 1, offsets, self.size_px)
        pixels, gliders = add_gliders(self.draw, found.pixels, offsets, GLIDER_SHARE, GLIDERS)
        tokens = tokens_of(normalised(recolour(self.draw, pixels, 0.12, 0.2)), self.patch_px)
        glides = glides_of(gliders, torch.arange(SLOTS), self.side)[0].to(torch.bfloat16)
        made = []
        with torch.no_grad(), half_precision(tokens.device):
            position = torch.arange(SLOTS * self.places)
            whole = encode(self.encoder, tokens, position, self.side)
            for moment in torch.randperm(SLOTS // 2 - AHEAD + 1)[:MOMENTS]:
                first, now = int(moment) * self.places, (int(moment) + SLOTS // 2) * self.places
                then = now + AHEAD * self.places
                past = encode(self.encoder, tokens[:, first:now], position[: now - first], self.side)
                future = layer_norm(whole[0, now:then].float(), whole.shape[-1:])
                made.append(Lesson(past[0].to(torch.bfloat16), future.to(torch.bfloat16), glides[first:then]))
        return made

    def batch(self, count: int) -> Lesson:
        """Return ``count`` of the lessons kept, few of which are fresh; old ones make room."""
        for _ in range(1 if len(self.kept) >= FIRST_KEPT else FIRST_WINDOWS):
            for fresh in self.lessons():
                if len(self.kept) < KEPT:
                    self.kept.append(fresh)
                else:
                    self.kept[int(torch.randint(len(self.kept), (1,)))] = fresh
        chosen = [self.kept[int(at)] for at in torch.randint(len(self.kept), (count,))]
        return Lesson(*(torch.stack([getattr(lesson, part.name) for lesson in chosen]) for part in fields(Lesson)))

    def reading(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the linear map from true features to what glides there, (d, k) and (k,), by ridge regression."""
        lessons = [lesson for _ in range(FIT_WINDOWS) for lesson in self.lessons()]
        features = torch.cat([lesson.future.float() for lesson in lessons])
        wanted = [lesson.glides[SLOTS // 2 * self.places :].float() for lesson in lessons]
        rows = torch.cat([features, torch.ones(len(features), 1)], dim=1)
        solved = torch.linalg.solve(rows.T @ rows + RIDGE * torch.eye(rows.shape[1]), rows.T @ torch.cat(wanted))
        return solved[:-1], solved[-1]

    def loss(
        self, predictor: torch.nn.Module, reading: tuple[torch.Tensor, torch.Tensor], done: float
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a step, and its parts to print; ``done`` is the share of the training that has passed."""
        half, places = SLOTS // 2, self.places
        show = next((show for until, show in STAGES if done < until), STAGES[-1][1])
        lesson = self.batch(BATCH_TOKENS // ((show + AHEAD) * places))
        shown = torch.cat([torch.randperm(half - 2)[: show - 2].sort().values, torch.tensor([half - 2, half - 1])])
        context = (shown[:, None] * places + torch.arange(places)).flatten()
        hidden = half * places + torch.arange(AHEAD * places)
        with half_precision(lesson.past.device):
            guess = predict(predictor, lesson.past[:, context].float(), context, hidden, self.side)
        guess = guess.float()
        glides = lesson.glides[:, hidden].float()
        covered = glides[..., :-2].mean(-1).clamp(0, 1)
        last = lesson.glides[:, (half - 1) * places : half * places, :-2].float().mean(-1).clamp(0, 1)
        more = 1 - (1 - LEAST_MORE) * max(0.0, (done - EVEN_FROM) / (1 - EVEN_FROM))
        weight = 1 + more * (COVERED * covered + CHANGED * (covered - last.repeat(1, AHEAD)).abs())
        missed = (guess - lesson.future.float()).abs().mean(-1)
        seen = missed.detach()
        told = mse_loss(guess @ reading[0] + reading[1], glides)
        parts = {
            "missed": float(seen.mean()),
            "covered": float((seen * covered).sum() / covered.sum().clamp_min(1e-3)),
        }
        return (missed * weight).sum() / weight.sum() + TOLD * told, {**parts, "told": float(told.detach())}


def train(model: VJEPA2Model, teacher: Teacher, minutes: float, out: Path) -> None:
    """Train the model's predictor for ``minutes`` and write the whole model, now and then also on the way."""
    predictor = model.predictor
    reading = teacher.reading()
    inside = [item for name, item in predictor.named_parameters() if item.ndim == 2 and "layer." in name]
    chosen = {id(item) for item in inside}
    others = [item for item in predictor.parameters() if id(item) not in chosen]
    optimisers: list[torch.optim.Optimizer] = [
        Muon(inside, RATE, 0.95, 0.02),
        torch.optim.AdamW(others, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    began, step, means = time.perf_counter(), 0, dict[str, float]()
    saved = began
    while (done := (time.perf_counter() - began) / (60 * minutes)) < 1:
        loss, parts = teacher.loss(predictor, reading, done)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(predictor.parameters(), 1.0)
        fall = 1.0 if done < FALL_FROM else max(0.01, (1 - done) / (1 - FALL_FROM))
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * fall
            optimiser.step()
        step += 1
        means = {name: 0.98 * means.get(name, value) + 0.02 * value for name, value in parts.items()}
        if step % REPORT_EVERY == 0:
            told = " ".join(f"{name} {value:.4f}" for name, value in means.items())
            print(f"{step} steps, {100 * done:.0f} %: {told}", flush=True)
        if time.perf_counter() - saved > SAVE_EVERY_S:
            saved = time.perf_counter()
            copy.deepcopy(model).half().save_pretrained(out)
    copy.deepcopy(model).half().save_pretrained(out)


def main() -> None:
    """Read the command line, train and write the whole model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="Folder whose footage is learned from.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--start", type=Path, default=WEIGHTS_DIR / NAME, help="The model whose predictor learns.")
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR / NAME, help="Where the model is written.")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(3)
    paths = sorted((options.work / "footage").glob("[!.]*.mp4"))
    footage = Footage(paths, PATTERNS, FIRST_SEED, torch.device("cpu"), os.cpu_count() or 1)
    model = VJEPA2Model.from_pretrained(options.start).float()
    model.encoder.requires_grad_(False)
    side = model.config.crop_size // model.config.patch_size
    teacher = Teacher(footage, model.encoder, side, model.config.crop_size, model.config.patch_size)
    train(model, teacher, options.minutes, options.out)


if __name__ == "__main__":
    main()
