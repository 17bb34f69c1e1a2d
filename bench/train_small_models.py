"""Train the small models that come with egoclean: footage first, then VideoMAE, then V-JEPA 2.

    python bench/train_small_models.py --work FOLDER [--model videomae|vjepa2] [--threads 2]

Everything is kept in FOLDER and taken up again where it stopped. A finished model is written, in half precision, to
``egoclean/models/weights``; describe it with ``python bench/model_quality.py``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import train_videomae
import train_vjepa2
from training_batches import Footage
from training_footage import make_footage

from egoclean.models.cards import WEIGHTS_DIR

TASKS: dict[str, Any] = {"videomae": train_videomae.Task, "vjepa2": train_vjepa2.Task}
STEPS = {"videomae": 1500, "vjepa2": 1200}
WARM_UP_STEPS = 60
CHECKPOINT_EVERY = 25
SEED = 7


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder of footage, checkpoints and logs.")
    parser.add_argument("--model", choices=sorted(TASKS), help="Train this one only.")
    parser.add_argument("--steps", type=int, help="Steps of optimisation; the default is that of the bundled weights.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR, help="Where the finished weights go.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    make_footage(options.work / "footage")
    footage = Footage(options.work / "footage")
    for name in [options.model] if options.model else ["videomae", "vjepa2"]:
        task = train(name, footage, options.work, options.steps or STEPS[name])
        task.saved().half().save_pretrained(options.out / f"{name}-small")


def train(name: str, footage: Footage, work: Path, steps: int) -> Any:
    """Return the task trained for ``steps``, from its last checkpoint when there is one."""
    torch.manual_seed(SEED)
    task = TASKS[name]()
    optimiser = torch.optim.AdamW(_groups(task), lr=task.peak_rate, betas=(0.9, 0.95))
    checkpoint = work / f"{name}.checkpoint"
    first = _restore(checkpoint, task, optimiser)
    if first == 0:
        task.prepare(footage, np.random.default_rng((SEED, steps)))
    else:
        task.after_step(first - 1)
    began = time.process_time()
    losses: list[dict[str, float]] = []
    for step in range(first, steps):
        torch.manual_seed(SEED + step)
        loss = task.loss(footage, np.random.default_rng((SEED, step)))
        for group in optimiser.param_groups:
            group["lr"] = task.peak_rate * schedule(step, steps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.trained().parameters(), 1.0)
        optimiser.step()
        task.after_step(step)
        losses.append(task.reported())
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            spent = (time.process_time() - began) / len(losses)
            recent = losses[-CHECKPOINT_EVERY:]
            means = " ".join(f"{part} {np.mean([found[part] for found in recent]):.4f}" for part in recent[0])
            print(f"{name} {step + 1}/{steps} {means} {spent:.2f} CPU s/step", flush=True)
            _keep(checkpoint, task, optimiser, step + 1)
    return task


def schedule(step: int, steps: int) -> float:
    """Return the share of the peak rate: a rise, a plateau, and a fall over the last quarter to almost nothing.

    With a plateau, a run that was stopped before its fall can be taken up with another number of steps.
    """
    return min(1.0, (step + 1) / WARM_UP_STEPS, max(0.01, (steps - step) / (0.25 * steps)))


def _groups(task: Any) -> list[dict[str, Any]]:
    matrices = [item for item in task.trained().parameters() if item.ndim > 1]
    vectors = [item for item in task.trained().parameters() if item.ndim <= 1]
    return [{"params": matrices, "weight_decay": task.weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _keep(path: Path, task: Any, optimiser: torch.optim.Optimizer, step: int) -> None:
    state = {name: module.state_dict() for name, module in task.modules().items()}
    temporary = path.with_suffix(".new")
    torch.save({"modules": state, "optimiser": optimiser.state_dict(), "step": step}, temporary)
    temporary.replace(path)


def _restore(path: Path, task: Any, optimiser: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in task.modules().items():
        module.load_state_dict(state["modules"][name])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


if __name__ == "__main__":
    main()
