"""Where models run and in which number format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from egoclean.errors import UsageError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device, the number format models compute in there, and why these."""

    device: str
    dtype: str
    reason: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """The number format as torch names it."""
        return _DTYPES[self.dtype]


def choose_device(name: str = "auto") -> DeviceChoice:
    """Return the device called ``name``, or for ``"auto"`` the fastest there is: CUDA, then MPS, then CPU.

    Half precision is chosen on CUDA only: float16, because V-JEPA 2 rounds its rotary angles badly in bfloat16.

    Raises
    ------
    UsageError : when the named device is not there.
    """
    if name not in ("auto", "cuda", "mps", "cpu"):
        raise UsageError(f"The device must be auto, cuda, mps or cpu, found {name!r}.")
    has_cuda = torch.cuda.is_available()
    has_mps = torch.backends.mps.is_available()
    if (name == "cuda" and not has_cuda) or (name == "mps" and not has_mps):
        raise UsageError(f"The device {name} was asked for and is not there.", "Use --device auto or --device cpu.")
    if name == "cuda" or (name == "auto" and has_cuda):
        return DeviceChoice("cuda", "float16", f"CUDA device {torch.cuda.get_device_name()} in float16")
    if name == "mps" or (name == "auto" and has_mps):
        return DeviceChoice("mps", "float32", "Apple GPU (MPS) in float32")
    reason = "CPU in float32, as asked" if name == "cpu" else "CPU in float32: no CUDA or MPS device was found"
    return DeviceChoice("cpu", "float32", reason)


def upload(values: NDArray[np.generic], device: str) -> torch.Tensor:
    """Return an array on the device; a GPU takes it while it computes on what was given to it before."""
    held = torch.from_numpy(np.ascontiguousarray(values))
    return held.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else held.to(device)


def fetch(values: Sequence[torch.Tensor]) -> Callable[[], list[NDArray[np.generic]]]:
    """Return a function that waits for ``values`` and gives them as arrays.

    On a GPU the copy is ordered behind the work given to it so far, and waits for none that is given later.
    """
    if not values or values[0].device.type != "cuda":
        return lambda: [value.cpu().numpy() for value in values]
    copies = [torch.empty(value.shape, dtype=value.dtype, pin_memory=True) for value in values]
    for copy, value in zip(copies, values, strict=True):
        copy.copy_(value, non_blocking=True)
    done = torch.cuda.Event()
    done.record()

    def wait() -> list[NDArray[np.generic]]:
        done.synchronize()
        return [copy.numpy() for copy in copies]

    return wait


def use_cpu_threads(count: int | None) -> None:
    """Let networks compute with ``count`` threads in this process; None leaves it as it is."""
    if count is not None:
        torch.set_num_threads(count)
