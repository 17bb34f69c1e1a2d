"""V-JEPA 2's rotary positions from tables: computed once in float32, where the published code does so in every layer.

Same numbers, in the model's own token order (time, row, column), including its quirk that sines repeat in halves while
features turn in neighbouring pairs. In half precision the published code also rounds the angles; here they stay exact.
"""

from __future__ import annotations

from typing import Any

import torch


class RotaryTables:
    """Cosines and signed sines of every token, for one attention head; kept per device, grown when needed.

    Parameters
    ----------
    head_width : features of a head.
    grid_side : patches along one side of a frame.
    """

    def __init__(self, head_width: int, grid_side: int) -> None:
        self._head_width = head_width
        self._grid_side = grid_side
        self._tables: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def rotate(self, features: torch.Tensor, tokens: int | torch.Tensor) -> torch.Tensor:
        """Return ``(B, heads, n, head_width)`` turned by position, in the dtype it came in.

        ``tokens`` is ``n`` when the tokens are the first ``n`` in order, or their indices ``(B, n)``.
        """
        if isinstance(tokens, int):
            cosine, sine = (table[:tokens] for table in self._up_to(tokens, features.device))
        else:
            known = self._up_to(int(tokens.max()) + 1, features.device)
            cosine, sine = (table[tokens].unsqueeze(1) for table in known)
        pairs = features.view(*features.shape[:-1], -1, 2)
        swapped = pairs.flip(-1).view_as(features)
        return torch.addcmul(features * cosine, swapped, sine).to(features.dtype)

    def _up_to(self, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        known = self._tables.get(device)
        if known is None or len(known[0]) < count:
            cosine, sine = rotary_tables(count, self._head_width, self._grid_side)
            known = self._tables[device] = cosine.to(device), sine.to(device)
        return known


def install_rotary_tables(model: Any) -> None:
    """Make every attention of a ``VJEPA2Model`` take its positions from tables."""
    shared: dict[int, RotaryTables] = {}
    for layer in [*model.encoder.layer, *model.predictor.layer]:
        attention = layer.attention
        width = int(attention.attention_head_size)
        tables = shared.setdefault(width, RotaryTables(width, int(attention.grid_size)))
        attention.get_position_ids = _tokens_of
        attention.apply_rotary_embeddings = tables.rotate


def _tokens_of(features: torch.Tensor, masks: torch.Tensor | None = None) -> int | torch.Tensor:
    return int(features.shape[1]) if masks is None else masks


def rotary_tables(count: int, head_width: int, grid_side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and sines ``(count, head_width)``; sines are negative for the first of a pair."""
    slots = -(-count // (grid_side * grid_side))
    token = torch.arange(slots * grid_side * grid_side)
    positions = (token // grid_side**2, token % grid_side**2 // grid_side, token % grid_side)
    width = 2 * (head_width // 3 // 2)
    rates = 1.0 / 10000 ** (torch.arange(width // 2, dtype=torch.float32) / (width / 2.0))
    angles = [(axis.float()[:, None] * rates).repeat(1, 2) for axis in positions]
    still = torch.zeros(len(token), head_width - 3 * width)
    angle = torch.cat([*angles, still], dim=1)
    sign = torch.tensor([-1.0, 1.0]).repeat(head_width // 2)
    return angle.cos(), angle.sin() * sign
