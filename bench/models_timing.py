"""What the model benchmarks share: clocks, the matrix rate, cards of random weights."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedConfig, PreTrainedModel

from egoclean.models.cards import ModelCard
from egoclean.models.device import DeviceChoice

_CUDNN = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
ATTENTIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "fused, torch's own attention": nullcontext,
    "fused, flash": lambda: sdpa_kernel(_CUDNN[1:], set_priority=True),
    "fused, cudnn": lambda: sdpa_kernel(_CUDNN, set_priority=True),
}
"""Attentions to try, the first as the product has it; within each, torch computes with them."""


def machine(choice: DeviceChoice) -> dict[str, Any]:
    """Return what the figures depend on; ``load`` is the machine's load average while they were taken."""
    return {
        "device": choice.reason,
        "dtype": choice.dtype,
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "bf16_units": bf16_units(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if choice.device == "cuda" else None,
    }


def bf16_units() -> str:
    """Return which bfloat16 units the CPU has: amx_bf16, avx512_bf16 or none."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return "unknown"
    return next((name for name in ("amx_bf16", "avx512_bf16") if name in flags), "none")


def matrix_rate(choice: DeviceChoice) -> float:
    """Return the operations a second of a large square matrix product in the chosen number format, median of nine."""
    side = 8192 if choice.device == "cuda" else 1536
    first, second = (torch.randn(side, side, device=choice.device, dtype=choice.torch_dtype) for _ in range(2))
    products = 10 if choice.device == "cuda" else 1

    def run() -> None:
        for _ in range(products):
            torch.mm(first, second)

    return 2 * side**3 * products / statistics.median(times_s(run, choice, 9))


def times_s(run: Callable[[], Any], choice: DeviceChoice, repeats: int) -> list[float]:
    """Return the seconds of ``repeats`` runs after one that is not timed."""
    run()
    times = []
    for _ in range(repeats):
        wait(choice)
        began = time.perf_counter()
        run()
        wait(choice)
        times.append(time.perf_counter() - began)
    return times


def interleaved_s(runs: dict[str, Callable[[], Any]], choice: DeviceChoice, repeats: int) -> dict[str, float]:
    """Return the median seconds of each run; they take turns, so that what else the machine does hits all alike."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            wait(choice)
            began = time.perf_counter()
            run()
            wait(choice)
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in taken.items()}


def wait(choice: DeviceChoice) -> None:
    """Wait until the device has done what it was given."""
    if choice.device == "cuda":
        torch.cuda.synchronize()


def random_model(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedModel:
    """Return a model of random weights, always the same ones, in evaluation mode."""
    torch.manual_seed(0)
    return model_class(config).eval()


def card_of(family: str, choice: DeviceChoice, size_px: int, patch_px: int = 16) -> ModelCard:
    """Return a card for random weights of a true size."""
    mask_groups = {"videomae": 14 if size_px == 224 else 4, "vjepa2": 0}[family]
    return ModelCard(
        family, f"{family}-random", "random", "0" * 64, "none", 0, 0, 16, size_px, patch_px, 2,
        mask_groups, choice.dtype, choice.device,
    )  # fmt: skip


def pictures(windows: int, frames: int, size_px: int) -> Any:
    """Return uint8 windows of drifting texture, each of its own contrast, scale and speed."""
    generator = np.random.default_rng(0)
    grown = []
    for _ in range(windows):
        coarse = int(2 ** generator.uniform(1, 5.5))
        texture = generator.integers(0, 256, (2 * size_px // coarse + 3, 2 * size_px // coarse + 3, 3))
        texture = np.kron(texture, np.ones((coarse, coarse, 1)))[: 2 * size_px, : 2 * size_px]
        contrast, step = generator.uniform(0.1, 1.0), int(generator.integers(0, size_px // frames + 1))
        texture = 128 + (texture - 128) * contrast
        grown.append([texture[:size_px, i * step : i * step + size_px] for i in range(frames)])
    return np.clip(np.array(grown), 0, 255).astype(np.uint8)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
