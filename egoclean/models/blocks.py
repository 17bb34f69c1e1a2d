"""Transformer blocks as both families have them, with less memory traffic than the published classes.

A block is ``x + out(attention(norm1(x)))``, then ``x + down(gelu(up(norm2(x))))``. Queries, keys and values come from
one matrix product. Rotation by position needs the neighbour of every feature; here the features of a head are stored
even ones first, then odd ones, in queries and keys alike, which leaves their products as they are and makes neighbours
two halves: the rotation is one multiplication and two multiply-adds in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

Rotation = tuple[torch.Tensor, torch.Tensor]
"""Cosines and signed sines ``(n, head_width)`` of ``n`` tokens, features of a head in even-odd order."""

Weights = tuple[torch.Tensor, torch.Tensor]
"""A layer's weight and bias; a linear weight is ``(out, in)``."""


@dataclass(frozen=True, slots=True)
class Block:
    """The weights of one block; ``qkv`` holds queries, keys and values stacked in that order."""

    heads: int
    epsilon: float
    norm1: Weights
    qkv: Weights
    out: Weights
    norm2: Weights
    up: Weights
    down: Weights

    def __call__(self, tokens: torch.Tensor, rotation: Rotation | None = None) -> torch.Tensor:
        """Return ``tokens (B, n, d)`` after this block, in the same dtype; ``rotation`` turns queries and keys."""
        query, key, value = self._projected(tokens, rotation)
        context = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + linear(context, *self.out)
        hidden = gelu(linear(self._normalised(tokens, self.norm2), *self.up))
        return tokens + linear(hidden, *self.down)

    def _projected(
        self, tokens: torch.Tensor, rotation: Rotation | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values ``(B, heads, n, head_width)``."""
        packed = linear(self._normalised(tokens, self.norm1), *self.qkv)
        packed = packed.view(*tokens.shape[:2], 3, self.heads, -1)
        turned = packed[:, :, :2] if rotation is None else _turned(packed[:, :, :2], *rotation)
        query, key = turned[:, :, 0], turned[:, :, 1]
        return query.transpose(1, 2), key.transpose(1, 2), packed[:, :, 2].transpose(1, 2)

    def _normalised(self, tokens: torch.Tensor, norm: Weights) -> torch.Tensor:
        return layer_norm(tokens, tokens.shape[-1:], *norm, self.epsilon)


def even_odd(table: torch.Tensor) -> torch.Tensor:
    """Return the last axis with its even positions first, then its odd ones."""
    return torch.cat([table[..., 0::2], table[..., 1::2]], dim=-1)


def stacked_projection(layers: Sequence[Any], heads: int, *, rotated: bool) -> Weights:
    """Return weight and bias of the query, key and value layers as one; a bias that is absent counts as zero.

    ``rotated`` puts the features of each head of queries and keys in even-odd order.
    """
    weights, biases = [], []
    for place, layer in enumerate(layers):
        weight = layer.weight
        bias = layer.bias if layer.bias is not None else weight.new_zeros(len(weight))
        if rotated and place < 2:
            weight = even_odd(weight.view(heads, -1, weight.shape[1]).transpose(1, 2)).transpose(1, 2).flatten(0, 1)
            bias = even_odd(bias.view(heads, -1)).flatten()
        weights.append(weight)
        biases.append(bias)
    return torch.cat(weights).contiguous(), torch.cat(biases).contiguous()


def _turned(features: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Return ``(B, n, 2, heads, head_width)`` in even-odd order, turned by the position of each token."""
    half = features.shape[-1] // 2
    cosine, sine = cosine[:, None, None], sine[:, None, None]
    turned = features * cosine
    turned[..., :half].addcmul_(features[..., half:], sine[..., :half])
    turned[..., half:].addcmul_(features[..., :half], sine[..., half:])
    return turned
