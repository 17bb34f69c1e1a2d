"""Momentum made orthogonal, for the matrices inside a transformer (Muon, arXiv 2502.16982).

``torch.optim.Muon`` computes in bfloat16, which takes ten times as long on a CPU without units for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
MATCHED_SIZE = 0.2
"""Makes an update as large as one of AdamW, so that both go at the same rate."""


class Muon(torch.optim.Optimizer):
    """Takes steps along the orthogonal matrix nearest to the momentum; weight decay is decoupled."""

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for shape, matrices in alike.items():
                moved = orthogonal(torch.stack([self._momentum(matrix, group["momentum"]) for matrix in matrices]))
                size = group["lr"] * MATCHED_SIZE * max(shape) ** 0.5
                for matrix, change in zip(matrices, moved, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-size)

    def _momentum(self, matrix: torch.nn.Parameter, keep: float) -> torch.Tensor:
        state: dict[str, Any] = self.state[matrix]
        gradient = matrix.grad
        assert gradient is not None
        known = state.setdefault("momentum", torch.zeros_like(gradient))
        known.lerp_(gradient, 1 - keep)
        return gradient.lerp(known, keep)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Return about the nearest orthogonal matrix to each of ``(n, rows, columns)``, by Newton and Schulz."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    state = matrices.mT if tall else matrices
    state = state / state.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(ROUNDS):
        square = state @ state.mT
        state = a * state + (b * square + c * square @ square) @ state
    return state.mT if tall else state
