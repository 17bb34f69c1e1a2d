"""Which weights and which precision a verb will use, known without loading a network."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.config import ModelConfig
from egoclean.errors import ModelError
from egoclean.models.cards import ModelCard, bundled_weights, model_spec
from egoclean.store.cache import file_sha256
from egoclean.verbs.chunks import Columns, Computed

BATCH, BATCH_ON_CUDA = 4, 16
"""Windows a model sees at once where the configuration leaves it open."""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Where models will run and in which precision; the precision is part of a result's key, the device is not."""

    device: str
    dtype: str


def model_key(family: str, config: ModelConfig) -> dict[str, Any]:
    """Return what a result owes to the model: its id, revision, weights digest and precision."""
    models = config.models
    spec = model_spec(family, models)
    weights = spec.weights_sha256 if models == "full" else _digest_once(bundled_weights(spec))
    dtype = device_plan(config.device, config.dtype, family).dtype
    return {"model": spec.model_id, "revision": spec.revision, "weights": weights, "dtype": dtype}


def batch_size(config: ModelConfig, device: str) -> int:
    """Return how many windows a model on ``device`` is given at once."""
    return config.batch or (BATCH_ON_CUDA if device.startswith("cuda") else BATCH)


def ahead_on_gpu(wait: Callable[[], Columns], card: ModelCard) -> Computed:
    """Return ``wait`` where a GPU computes while the next batch is prepared; on other devices what it gives.

    There it is done already, and what was not taken a kill would cost.
    """
    return wait if card.device.startswith("cuda") else wait()


@functools.cache
def device_plan(requested: str, dtype: str = "auto", family: str = "") -> DevicePlan:
    """Return the device and precision that the configuration means here for the models of ``family``.

    Asks torch, in a child, only where there may be a GPU or units for bfloat16: as
    :func:`egoclean.models.device.choose_device`.

    Raises
    ------
    ModelError : a device was asked for that is not there.
    """
    on_cpu = requested == "cpu" or (requested == "auto" and not _accelerator_possible())
    if on_cpu and (dtype != "auto" or family != "videomae" or not _bfloat16_units_possible()):
        return DevicePlan("cpu", "float32" if dtype == "auto" else dtype)
    code = (
        "from egoclean.models.device import choose_device; "
        f"c = choose_device({requested!r}, {dtype!r}, {family!r}); print(c.device, c.dtype)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ModelError(f"The device {requested!r} cannot be used: {last[0]}.", "Use --device cpu.")
    return DevicePlan(*done.stdout.split()[-2:])


@functools.cache
def _digest_once(path: Path) -> str:
    return file_sha256(path)


def _accelerator_possible() -> bool:
    if platform.system() == "Darwin":
        return True
    nvidia = Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists() or Path("/dev/kfd").exists()
    return nvidia and "+cpu" not in importlib.metadata.version("torch")


def _bfloat16_units_possible() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return True
    return "avx512_bf16" in flags or "amx_bf16" in flags
