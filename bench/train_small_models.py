"""Train the small models that come with egoclean: footage first, then V-JEPA 2, then VideoMAE.

    python bench/train_small_models.py --work FOLDER [--model videomae|vjepa2] [--steps N] [--files N] [--batch N]

Everything is kept in FOLDER and taken up again where it stopped. A finished model is written, in half precision, to
``egoclean/models/weights``; describe it with ``python bench/model_quality.py``. The bundled weights are those of the
defaults on a GPU; on a CPU the defaults are what an hour on two cores allows.
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

from egoclean.models.cards import WEIGHTS_DIR

TASKS: dict[str, Any] = {"vjepa2": train_vjepa2.Task, "videomae": train_videomae.Task}
STEPS = {"cuda": {"vjepa2": 5000, "videomae": 5000}, "cpu": {"vjepa2": 600, "videomae": 1000}}
BATCHES = {"cuda": {"vjepa2": 256, "videomae": 192}, "cpu": {"vjepa2": 24, "videomae": 24}}
FILES = {"cuda": sum(COUNTS.values()), "cpu": 400}
PATTERNS = 100
CHECKPOINT_EVERY, REPORT_EVERY = 500, 50
WARM_UP_STEPS = 150
SEED = 7


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder of footage, checkpoints and logs.")
    parser.add_argument("--model", choices=sorted(TASKS), help="Train this one only.")
    parser.add_argument("--steps", type=int, help="Steps of optimisation.")
    parser.add_argument("--batch", type=int, help="Windows of a step.")
    parser.add_argument("--files", type=int, help="Files of footage to learn from; less memory.")
    parser.add_argument("--seconds", type=float, help="Stop after so long, to be taken up again.")
    parser.add_argument("--drawn", action="store_true", help="Take the footage that is there and draw none.")
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR, help="Where the finished weights go.")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = True
    folder = options.work / "footage"
    paths = sorted(folder.glob("[!.]*.mp4")) if options.drawn else make_footage(folder, COUNTS, FIRST_SEED)
    chosen = paths[:: max(1, len(paths) // (options.files or FILES[device.type]))]
    footage = Footage(chosen, PATTERNS, FIRST_SEED, device, os.cpu_count() or 1)
    print(f"{len(chosen)} files, {len(footage.frames)} spans on {device}", flush=True)
    for name in [options.model] if options.model else list(TASKS):
        steps = options.steps or STEPS[device.type][name]
        task = TASKS[name](device, options.batch or BATCHES[device.type][name])
        train(name, task, footage, options.work, steps, (options.seconds or float("inf")) * (0.5 if name == "videomae" else 1.0))
        if name == "vjepa2":
            task.model.half().save_pretrained(options.out / "online")
        task.saved().cpu().half().save_pretrained(options.out / f"{name}-small")


def train(name: str, task: Any, footage: Footage, work: Path, steps: int, seconds: float) -> None:
    """Train the task for ``steps``, from its last checkpoint when there is one, or until ``seconds`` have passed."""
    torch.manual_seed(SEED)
    rates = torch.optim.AdamW(_groups(task), lr=task.peak_rate, betas=(0.9, 0.98), fused=footage.device.type == "cuda")
    checkpoint = work / f"{name}.checkpoint"
    first = _restore(checkpoint, task, rates)
    draw = torch.Generator(footage.device)
    if first == 0:
        task.prepare(footage, draw.manual_seed(SEED))
    began = time.perf_counter()
    parts: dict[str, torch.Tensor] = {}
    for step in range(first, steps):
        loss = task.loss(footage, draw.manual_seed(SEED + 1 + step), step)
        for group in rates.param_groups:
            group["lr"] = task.peak_rate * schedule(step, max(step / steps, (time.perf_counter() - began) / seconds))
        rates.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.trained().parameters(), 1.0)
        rates.step()
        task.after_step(step)
        for part, value in task.reported().items():
            parts[part] = value if part not in parts else parts[part].lerp(value, 0.05)
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            means = " ".join(f"{part} {float(value):.4f}" for part, value in parts.items())
            each_s = (time.perf_counter() - began) / (step + 1 - first)
            print(f"{name} {step + 1}/{steps} {means} {1000 * each_s:.0f} ms/step", flush=True)
        is_over = time.perf_counter() - began > seconds
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps or is_over:
            _keep(checkpoint, task, rates, step + 1)
        if is_over:
            return


def schedule(step: int, done: float) -> float:
    """Return the share of the peak rate: a rise, a plateau, and a fall over the last half to almost nothing."""
    return min(1.0, (step + 1) / WARM_UP_STEPS, max(0.005, 2 * (1 - done)))


def _groups(task: Any) -> list[dict[str, Any]]:
    matrices = [item for item in task.trained().parameters() if item.ndim > 1]
    vectors = [item for item in task.trained().parameters() if item.ndim <= 1]
    return [{"params": matrices, "weight_decay": task.weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _keep(path: Path, task: Any, rates: torch.optim.Optimizer, step: int) -> None:
    state = {name: module.state_dict() for name, module in task.modules().items()}
    temporary = path.with_suffix(".new")
    torch.save({"modules": state, "optimiser": rates.state_dict(), "step": step}, temporary)
    temporary.replace(path)


def _restore(path: Path, task: Any, rates: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in task.modules().items():
        module.load_state_dict(state["modules"][name])
    rates.load_state_dict(state["optimiser"])
    return int(state["step"])


if __name__ == "__main__":
    main()
