"""Train the small models that come with egoclean: footage first, then V-JEPA 2, then VideoMAE.

    python bench/train_small_models.py --work FOLDER [--model videomae|vjepa2] [--steps N] [--batch N] [--files N]

Everything is kept in FOLDER and taken up again where it stopped. A finished model is written, in half precision, to
``egoclean/models/weights``; describe it with ``python bench/model_quality.py``. The bundled VideoMAE was trained with
the defaults of a GPU (three minutes on an H200). A CPU's defaults take an hour and a quarter on two cores. The
bundled V-JEPA 2 was trained in several sittings, which ``egoclean/models/weights/README.md`` tells.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch
import train_videomae
import train_vjepa2
from training_batches import Footage
from training_footage import COUNTS, FIRST_SEED, make_footage
from training_muon import Muon

from egoclean.models.cards import WEIGHTS_DIR

TASKS: dict[str, Any] = {"vjepa2": train_vjepa2.Task, "videomae": train_videomae.Task}
STEPS = {"cuda": {"vjepa2": 4400, "videomae": 2850}, "cpu": {"vjepa2": 5700, "videomae": 1500}}
BATCHES = {"cuda": {"vjepa2": 256, "videomae": 192}, "cpu": {"vjepa2": 64, "videomae": 24}}
FILES = {"cuda": sum(COUNTS.values()), "cpu": 520}
PATTERNS = 60
CHECKPOINT_EVERY, REPORT_EVERY = 250, 50
SEED = 7
MOMENTUM = 0.95


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder of footage, checkpoints and logs.")
    parser.add_argument("--model", choices=sorted(TASKS), help="Train this one only.")
    parser.add_argument("--steps", type=int, help="Steps of optimisation.")
    parser.add_argument("--batch", type=int, help="Windows of a step.")
    parser.add_argument("--files", type=int, help="Files of footage to learn from; less memory.")
    parser.add_argument("--seconds", type=float, help="Do as many steps as fit in this time.")
    parser.add_argument("--start", type=Path, help="Finished model's folder, or a checkpoint, to go on from.")
    parser.add_argument(
        "--first-share",
        type=float,
        default=0.0,
        help=f"With --start: this share counts as done; {train_vjepa2.FINISHED} leaves the encoder as it is.",
    )
    parser.add_argument("--threads", type=int, help="Processor threads to compute with.")
    parser.add_argument("--drawn", action="store_true", help="Take the footage that is there and draw none.")
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR, help="Where the finished weights go.")
    options = parser.parse_args()
    if options.start and options.model != "vjepa2":
        parser.error("--start needs --model vjepa2.")
    if options.first_share and not options.start:
        parser.error("--first-share needs --start.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_flush_denormal(True)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    torch.backends.cuda.matmul.allow_tf32 = True
    folder = options.work / "footage"
    paths = sorted(folder.glob("[!.]*.mp4")) if options.drawn else make_footage(folder, COUNTS, FIRST_SEED)
    chosen = paths[:: max(1, len(paths) // (options.files or FILES[device.type]))]
    footage = Footage(chosen, PATTERNS, FIRST_SEED, device, os.cpu_count() or 1)
    print(f"{len(chosen)} files, {len(footage.frames)} spans on {device}", flush=True)
    for name in [options.model] if options.model else list(TASKS):
        steps = options.steps or STEPS[device.type][name]
        task = TASKS[name](device, options.batch or BATCHES[device.type][name])
        seconds = options.seconds or float("inf")
        train(name, task, footage, options.work, steps, seconds, options.start, options.first_share)
        task.saved().cpu().half().save_pretrained(options.out / f"{name}-small")


def train(
    name: str,
    task: Any,
    footage: Footage,
    work: Path,
    steps: int,
    seconds: float,
    start: Path | None = None,
    first_share: float = 0.0,
) -> None:
    """Train the task for ``steps`` or until ``seconds`` have passed.

    It goes on from its last checkpoint, where there is none from ``start``, a model or checkpoint, or begins anew.
    ``first_share`` of a whole training counts as done before.
    """
    torch.manual_seed(SEED)
    optimisers = _optimisers(task)
    checkpoint = work / f"{name}.checkpoint"
    draw = torch.Generator(footage.device)
    if start and not checkpoint.exists():
        task.start(start)
        first = 0
    else:
        first = _restore(checkpoint, task, optimisers, footage, draw)
    began = time.perf_counter()
    parts: dict[str, torch.Tensor] = {}
    for step in range(first, steps):
        passed = min(1.0, max(step / steps, (time.perf_counter() - began) / seconds))
        done = first_share + (1.0 - first_share) * passed
        loss = task.loss(footage, draw.manual_seed(SEED + 1 + step), step, done)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.trained().parameters(), 1.0)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = task.rate(step, done)
            optimiser.step()
        task.after_step(step, done)
        for part, value in task.reported().items():
            parts[part] = value if part not in parts else parts[part].lerp(value, 0.05)
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            means = " ".join(f"{part} {float(value):.4f}" for part, value in parts.items())
            each_s = (time.perf_counter() - began) / (step + 1 - first)
            print(f"{name} {step + 1}/{steps} {means} {1000 * each_s:.0f} ms/step", flush=True)
        is_over = time.perf_counter() - began > seconds
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps or is_over:
            _keep(checkpoint, task, optimisers, step + 1)
        if is_over:
            return


def _optimisers(task: Any) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the task's transformers, AdamW for all else."""
    inside = [item for name, item in task.model.named_parameters() if item.ndim == 2 and ".layer." in f".{name}"]
    chosen = {id(item) for item in inside}
    others = [item for item in task.trained().parameters() if id(item) not in chosen]
    return [
        Muon(inside, task.peak_rate, MOMENTUM, task.weight_decay),
        torch.optim.AdamW(
            [
                {"params": [item for item in others if item.ndim > 1], "weight_decay": task.weight_decay},
                {"params": [item for item in others if item.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=task.peak_rate,
            betas=(0.9, 0.98),
        ),
    ]


def _keep(path: Path, task: Any, optimisers: list[torch.optim.Optimizer], step: int) -> None:
    state = {name: module.state_dict() for name, module in task.modules().items()}
    temporary = path.with_suffix(".new")
    rates = [optimiser.state_dict() for optimiser in optimisers]
    torch.save({"modules": state, "optimisers": rates, "step": step}, temporary)
    temporary.replace(path)


def _restore(
    path: Path, task: Any, optimisers: list[torch.optim.Optimizer], footage: Footage, draw: torch.Generator
) -> int:
    if not path.exists():
        task.prepare(footage, draw.manual_seed(SEED))
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in task.modules().items():
        module.load_state_dict(state["modules"][name])
    for optimiser, known in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(known)
    return int(state["step"])


if __name__ == "__main__":
    main()
