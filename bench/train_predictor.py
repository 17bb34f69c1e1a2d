"""Train the small V-JEPA 2's predictor alone to foresee what moves: features of its finished encoder are the lesson.

    python bench/train_predictor.py --work FOLDER [--minutes 100] [--start FOLDER] [--out FOLDER]

FOLDER has the footage of ``training_footage.py``. The encoder is not touched, so embeddings stay as they are. Windows
that things glide across are encoded a few a step, once over the past alone and once as a whole, kept, and taken again
later. Steps ask for half of the future from half of the past at first, which is four times as fast, and in the end for
all from all: a predictor taught with few slots asked for is thrown off by the many that surprise asks for. What matters
is rare, so tokens that a thing covers or has left count more, and predicted features must tell which cells are covered
as well as true ones do (a linear reading fitted to those).
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from dataclasses import dataclass, field
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
SLOTS, FEW_SLOTS, FEW_EVERY = 32, 16, 5
"""Slots of a window, and of every fifth step's, whose frames may be two apart."""
GLIDER_SHARE, GLIDERS = 0.75, 2
STAGES = ((0.5, 8, 8), (0.75, 8, 16), (1.0, 16, 16))
"""Up to which share of the training: how many slots of the past are shown, and how many of the future asked for."""
BATCH_TOKENS = 9216
NEW = 2
"""Windows encoded a step."""
KEPT, FIRST_KEPT = 8000, 300
SOON_SLOTS = 4.0
"""How far ahead, in slots, a slot is asked for half as often as the next one."""
COVERED, CHANGED, TOLD = 3.0, 3.0, 2.0
EVEN_FROM, LEAST_MORE = 0.7, 0.3
"""When what is covered begins to count less, and what is left of that in the end."""
RATE, WARM_UP_STEPS, FALL_FROM = 1.2e-3, 50, 0.4
FIT_BATCHES, FIT_WINDOWS, RIDGE = 12, 8, 10.0
REPORT_EVERY, SAVE_EVERY_S = 100, 300.0


@dataclass
class Lesson:
    """Encoded windows: features of the past (B, n, d), of the future, layer-normalised, and what glides (B, all, k)."""

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
    kept: dict[int, list[Lesson]] = field(default_factory=lambda: {SLOTS: [], FEW_SLOTS: []})

    @property
    def places(self) -> int:
        """Tokens of a slot."""
        return self.side**2

    def lesson(self, count: int, slots: int) -> Lesson:
        """Return ``count`` fresh windows, encoded."""
        distance = 1 if slots == SLOTS else int(torch.randint(1, 3, (1,), generator=self.draw))
        offsets = torch.arange(2 * slots) * distance
        found = self.footage.windows(self.draw, count, offsets, self.size_px)
        pixels, gliders = add_gliders(self.draw, found.pixels, offsets, GLIDER_SHARE, GLIDERS)
        tokens = tokens_of(normalised(recolour(self.draw, pixels, 0.12, 0.2)), self.patch_px)
        position, half = torch.arange(slots * self.places), slots // 2 * self.places
        with torch.no_grad(), half_precision(tokens.device):
            past = encode(self.encoder, tokens[:, :half], position[:half], self.side)
            whole = encode(self.encoder, tokens, position, self.side)
        future = layer_norm(whole[:, half:].float(), whole.shape[-1:])
        glides = glides_of(gliders, torch.arange(slots), self.side)
        return Lesson(*(part.to(torch.bfloat16) for part in (past, future, glides)))

    def batch(self, slots: int, count: int) -> Lesson:
        """Return ``count`` windows of the lessons kept, a few of which are fresh; old ones make room."""
        kept = self.kept[slots]
        for _ in range(1 if len(kept) * NEW >= FIRST_KEPT else 20):
            fresh = self.lesson(NEW * SLOTS // slots, slots)
            if sum(len(lesson.past) for lesson in kept) < KEPT:
                kept.append(fresh)
            else:
                kept[int(torch.randint(len(kept), (1,)))] = fresh
        chosen = [kept[int(at)] for at in torch.randint(len(kept), (count,))]
        rows = [(lesson, int(torch.randint(len(lesson.past), (1,)))) for lesson in chosen]
        return Lesson(
            torch.stack([lesson.past[row] for lesson, row in rows]),
            torch.stack([lesson.future[row] for lesson, row in rows]),
            torch.stack([lesson.glides[row] for lesson, row in rows]),
        )

    def reading(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the linear map from true features to what glides there, (d, k) and (k,), by ridge regression."""
        lessons = [self.lesson(FIT_WINDOWS, SLOTS) for _ in range(FIT_BATCHES)]
        features = torch.cat([lesson.future.float().flatten(0, 1) for lesson in lessons])
        wanted = [lesson.glides[:, SLOTS // 2 * self.places :].float().flatten(0, 1) for lesson in lessons]
        rows = torch.cat([features, torch.ones(len(features), 1)], dim=1)
        solved = torch.linalg.solve(rows.T @ rows + RIDGE * torch.eye(rows.shape[1]), rows.T @ torch.cat(wanted))
        return solved[:-1], solved[-1]

    def loss(
        self, predictor: torch.nn.Module, slots: int, reading: tuple[torch.Tensor, torch.Tensor], done: float
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss of a step, and its parts to print; ``done`` is the share of the training that has passed."""
        half, places = slots // 2, self.places
        show, ask = next(((show, ask) for until, show, ask in STAGES if done < until), STAGES[-1][1:])
        show, ask = min(half, show), min(half, ask)
        lesson = self.batch(slots, BATCH_TOKENS // ((show + ask) * places))
        asked = torch.multinomial(1 / (1 + torch.arange(half) / SOON_SLOTS), ask).sort().values
        hidden = (asked[:, None] * places + torch.arange(places)).flatten()
        shown = torch.cat([torch.randperm(half - 2)[: show - 2].sort().values, torch.tensor([half - 2, half - 1])])
        context = (shown[:, None] * places + torch.arange(places)).flatten()
        with half_precision(lesson.past.device):
            guess = predict(predictor, lesson.past[:, context].float(), context, half * places + hidden, self.side)
        guess = guess.float()
        glides = lesson.glides[:, half * places :][:, hidden].float()
        covered = glides[..., :-2].mean(-1).clamp(0, 1)
        last = lesson.glides[:, (half - 1) * places : half * places, :-2].float().mean(-1).clamp(0, 1)
        more = 1 - (1 - LEAST_MORE) * max(0.0, (done - EVEN_FROM) / (1 - EVEN_FROM))
        weight = 1 + more * (COVERED * covered + CHANGED * (covered - last.repeat(1, ask)).abs())
        missed = (guess - lesson.future[:, hidden].float()).abs().mean(-1)
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
        slots = FEW_SLOTS if step % FEW_EVERY == FEW_EVERY - 1 else SLOTS
        loss, parts = teacher.loss(predictor, slots, reading, done)
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
    parser.add_argument("--minutes", type=float, default=100.0)
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
