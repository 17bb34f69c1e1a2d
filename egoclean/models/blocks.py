"""Transformer blocks as both families have them, with less memory traffic than the published classes.

A block is ``x + out(attention(norm1(x)))``, then ``x + down(gelu(up(norm2(x))))``. Queries, keys and values come from
one matrix product. Rotation by position needs the neighbour of every feature; here the features of a head are stored
even ones first, then odd ones, in queries and keys alike, which leaves their products as they are and makes neighbours
two halves: the rotation is one multiplication and two multiply-adds in place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

Rotation = tuple[torch.Tensor, torch.Tensor]
"""Cosines and signed sines ``(n, head_width)`` of ``n`` tokens, features of a head in even-odd order."""

_PREFERRED = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION)
_ANY = (SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)


@dataclass(frozen=True, slots=True)
class Block:
    """The weights of one block; linear weights are ``(out, in)``, queries, keys and values stacked in that order."""

    heads: int
    epsilon: float
    norm1: tuple[torch.Tensor, torch.Tensor]
    qkv: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    norm2: tuple[torch.Tensor, torch.Tensor]
    up: tuple[torch.Tensor, torch.Tensor]
    down: tuple[torch.Tensor, torch.Tensor]


class BlockStack:
    """A row of blocks run one after another.

    Parameters
    ----------
    blocks : in order; their tensors decide device and number format.
    backends : attention implementations to try, best first; torch's own choice when empty.
    compiled : let ``torch.compile`` fuse what stands between the matrix products.
    """

    def __init__(self, blocks: Sequence[Block], *, backends: Sequence[SDPBackend] = (), compiled: bool = False) -> None:
        self._blocks = tuple(blocks)
        self._backends = list(backends)
        self._project, self._finish = (
            (_compiled(_projected), _compiled(_finished)) if compiled else (_projected, _finished)
        )

    def __call__(self, tokens: torch.Tensor, rotation: Rotation | None = None) -> torch.Tensor:
        """Return ``tokens (B, n, d)`` after all blocks, in the same dtype."""
        with _preferring(self._backends):
            for block in self._blocks:
                query, key, value = self._project(
                    tokens, *block.norm1, *block.qkv, rotation, block.heads, block.epsilon
                )
                context = scaled_dot_product_attention(query, key, value)
                context = context.transpose(1, 2).flatten(2)
                tokens = self._finish(tokens, context, block.out, block.norm2, block.up, block.down, block.epsilon)
        return tokens


def even_odd(table: torch.Tensor) -> torch.Tensor:
    """Return the last axis with its even positions first, then its odd ones."""
    return torch.cat([table[..., 0::2], table[..., 1::2]], dim=-1)


def stacked_projection(layers: Sequence[Any], heads: int, *, rotated: bool) -> tuple[torch.Tensor, torch.Tensor]:
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


@functools.cache
def attention_backends(device: str, dtype: torch.dtype, head_width: int) -> tuple[SDPBackend, ...]:
    """Return which attention implementations to try on ``device``, best first; empty leaves the choice to torch.

    On CUDA cuDNN's comes first where it takes such heads (tried once here), as it is the fastest on recent GPUs.
    """
    if not device.startswith("cuda"):
        return ()
    trial = torch.zeros(1, 2, 256, head_width, device=device, dtype=dtype)
    usable = []
    for backend in _PREFERRED:
        try:
            with sdpa_kernel([backend]):
                scaled_dot_product_attention(trial, trial, trial)
        except RuntimeError:
            continue
        usable.append(backend)
    return (*usable, *_ANY)


@contextmanager
def _preferring(backends: list[SDPBackend]) -> Iterator[None]:
    if not backends:
        yield
        return
    with sdpa_kernel(backends, set_priority=True):
        yield


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = torch.compile(function, dynamic=False)
    return compiled


def _projected(
    tokens: torch.Tensor,
    norm_weight: torch.Tensor,
    norm_bias: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    rotation: Rotation | None,
    heads: int,
    epsilon: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return queries, keys and values ``(B, heads, n, head_width)`` of tokens that are normalised first."""
    batch, count, width = tokens.shape
    packed = linear(layer_norm(tokens, (width,), norm_weight, norm_bias, epsilon), weight, bias)
    packed = packed.view(batch, count, 3, heads, -1)
    turned = packed[:, :, :2] if rotation is None else _turned(packed[:, :, :2], *rotation)
    query, key = turned[:, :, 0], turned[:, :, 1]
    return query.transpose(1, 2), key.transpose(1, 2), packed[:, :, 2].transpose(1, 2)


def _turned(features: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Return ``(B, n, 2, heads, head_width)`` in even-odd order, turned by the position of each token."""
    half = features.shape[-1] // 2
    cosine, sine = cosine[:, None, None], sine[:, None, None]
    turned = (features * cosine).to(features.dtype)
    turned[..., :half].addcmul_(features[..., half:], sine[..., :half].to(features.dtype))
    turned[..., half:].addcmul_(features[..., :half], sine[..., half:].to(features.dtype))
    return turned


def _finished(
    tokens: torch.Tensor,
    context: torch.Tensor,
    out: tuple[torch.Tensor, torch.Tensor],
    norm: tuple[torch.Tensor, torch.Tensor],
    up: tuple[torch.Tensor, torch.Tensor],
    down: tuple[torch.Tensor, torch.Tensor],
    epsilon: float,
) -> torch.Tensor:
    """Return the block's output from its input and its attention's ``context (B, n, d)``."""
    tokens = tokens + linear(context, *out)
    hidden = gelu(linear(layer_norm(tokens, (tokens.shape[-1],), *norm, epsilon), *up))
    return tokens + linear(hidden, *down)
