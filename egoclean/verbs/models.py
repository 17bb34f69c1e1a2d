"""Which weights and which precision a verb will use, known without loading a network."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.errors import ModelError
from egoclean.models.cards import UNTRAINED_REVISION, WEIGHTS_DIR, model_spec
from egoclean.store.cache import file_sha256

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Where models will run and in which precision; the precision is part of a result's key, the device is not."""

    device: str
    dtype: str


def model_key(family: str, models: str, device: str) -> dict[str, Any]:
    """Return what a result owes to the model: its id, revision, weights digest and precision."""
    spec = model_spec(family, models)
    bundled = WEIGHTS_DIR / spec.model_id.rpartition("/")[2] / WEIGHTS_FILE
    if models == "full":
        revision, weights = spec.revision, spec.weights_sha256
    elif bundled.is_file():
        revision, weights = spec.revision, _digest_once(bundled)
    else:
        revision, weights = UNTRAINED_REVISION, importlib.metadata.version("torch")
    return {"model": spec.model_id, "revision": revision, "weights": weights, "dtype": device_plan(device).dtype}


@functools.cache
def device_plan(requested: str) -> DevicePlan:
    """Return the device and precision that ``requested`` means here; asks torch, in a child, only where a GPU may be.

    Raises
    ------
    ModelError : a device was asked for that is not there.
    """
    if requested == "cpu" or (requested == "auto" and not _accelerator_possible()):
        return DevicePlan("cpu", "float32")
    code = (
        "from egoclean.models.device import choose_device; "
        f"c = choose_device({requested!r}); print(c.device, str(c.torch_dtype).removeprefix('torch.'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ModelError(f"The device {requested!r} cannot be used: {last[0]}.", "Use --device cpu.")
    device, dtype = done.stdout.split()[-2:]
    return DevicePlan(device, dtype)


@functools.cache
def _digest_once(path: Path) -> str:
    return file_sha256(path)


def _accelerator_possible() -> bool:
    if platform.system() == "Darwin":
        return True
    nvidia = Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists() or Path("/dev/kfd").exists()
    return nvidia and "+cpu" not in importlib.metadata.version("torch")
