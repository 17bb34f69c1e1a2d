"""Where models run and in which number format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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


def choose_device(name: str = "auto", dtype: str = "auto", family: str = "") -> DeviceChoice:
    """Return the device called ``name``, or for ``"auto"`` the fastest there is: CUDA, then MPS, then CPU.

    The number format is ``dtype``, or for ``"auto"`` float16 on CUDA; bfloat16 on a CPU that has units for it, for
    ``family`` ``videomae`` alone, because V-JEPA 2 rounds its rotary angles badly in bfloat16; float32 elsewhere.

    Raises
    ------
    UsageError : when the named device is not there, and for other names and formats.
    """
    if dtype != "auto" and dtype not in _DTYPES:
        raise UsageError(f"The number format must be auto, {', '.join(_DTYPES)}, found {dtype!r}.")
    device, place = _device(name)
    if dtype != "auto":
        return DeviceChoice(device, dtype, f"{place} in {dtype}, as asked")
    if device == "cuda":
        return DeviceChoice(device, "float16", f"{place} in float16")
    if device == "cpu" and family == "videomae" and has_bfloat16_units():
        return DeviceChoice(device, "bfloat16", f"{place} in bfloat16, for which it has units")
    return DeviceChoice(device, "float32", f"{place} in float32")


def has_bfloat16_units() -> bool:
    """Return whether this CPU multiplies matrices of bfloat16 in hardware; without units it is slower than float32."""
    known = torch.cpu.get_capabilities()
    return any(bool(known.get(unit)) for unit in ("avx512_bf16", "amx_bf16"))


def _device(name: str) -> tuple[str, str]:
    """Return the device that ``name`` means here, and what to call it."""
    if name not in ("auto", "cuda", "mps", "cpu"):
        raise UsageError(f"The device must be auto, cuda, mps or cpu, found {name!r}.")
    has_cuda = torch.cuda.is_available()
    has_mps = torch.backends.mps.is_available()
    if (name == "cuda" and not has_cuda) or (name == "mps" and not has_mps):
        raise UsageError(f"The device {name} was asked for and is not there.", "Use --device auto or --device cpu.")
    if name == "cuda" or (name == "auto" and has_cuda):
        return "cuda", f"CUDA device {torch.cuda.get_device_name()}"
    if name == "mps" or (name == "auto" and has_mps):
        return "mps", "Apple GPU (MPS)"
    return "cpu", "CPU" if name == "cpu" else "CPU (no CUDA or MPS device was found)"


def upload(values: NDArray[np.generic], device: str) -> torch.Tensor:
    """Return an array on the device; a GPU takes it while it computes on what was given to it before."""
    held = torch.from_numpy(np.require(values, requirements=("C", "W")))
    return held.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else held.to(device)


def fetch(values: Sequence[torch.Tensor]) -> Callable[[], list[NDArray[Any]]]:
    """Return a function that waits for ``values`` and gives them as arrays.

    On a GPU the copy is ordered behind the work given to it so far, and waits for none that is given later.
    """
    if not values or values[0].device.type != "cuda":
        return lambda: [value.cpu().numpy() for value in values]
    copies = [torch.empty(value.shape, dtype=value.dtype, pin_memory=True) for value in values]
    for copy, value in zip(copies, values, strict=True):
        copy.copy_(value, non_blocking=True)
    event_class: Any = torch.cuda.Event
    done = event_class()
    done.record()

    def wait() -> list[NDArray[Any]]:
        done.synchronize()
        return [copy.numpy() for copy in copies]

    return wait


def use_cpu_threads(count: int | None) -> None:
    """Let networks compute with ``count`` threads in this process; None leaves it as it is."""
    if count is not None:
        torch.set_num_threads(count)
