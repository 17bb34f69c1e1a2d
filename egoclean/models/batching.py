"""Run a batch whole, or in halves when the device has no memory for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from egoclean.errors import ModelError

Result = TypeVar("Result")


def halving(run: Callable[[int, int], Result], count: int) -> list[Result]:
    """Return the results of ``run(start, stop)`` over ranges that together cover ``0..count`` in order.

    The whole range is tried first; a range that does not fit in the device's memory is cut in two.

    Raises
    ------
    ModelError : when a single row does not fit.
    """
    results: list[Result] = []
    ranges = [(0, count)]
    while ranges:
        start, stop = ranges.pop()
        try:
            results.append(run(start, stop))
        except torch.OutOfMemoryError as error:
            if stop - start == 1:
                raise ModelError(
                    "The device has no memory for a single window.", "Use --device cpu, or --models small."
                ) from error
            torch.cuda.empty_cache()
            middle = (start + stop) // 2
            ranges += [(middle, stop), (start, middle)]
    return results
