"""The published classes' weights as :mod:`egoclean.models.blocks` takes them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear

from egoclean.models.blocks import Block, Rotation, Weights, even_odd, stacked_projection
from egoclean.models.rotary import rotary_tables


class Vjepa2Encoder:
    """V-JEPA 2's encoder from patches to features; equal to the published one but for rounding.

    Parameters
    ----------
    encoder : the ``encoder`` of a ``VJEPA2Model``, on its device and in its number format.
    """

    def __init__(self, encoder: Any) -> None:
        first = encoder.layer[0].attention
        self._head_width, self._grid_side = int(first.attention_head_size), int(first.grid_size)
        self._projection = patch_projection(encoder.embeddings.patch_embeddings.proj)
        self._blocks = [_vjepa2_block(layer) for layer in encoder.layer]
        self._norm = encoder.layernorm
        self._rotation: Rotation | None = None

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Return features ``(B, n, d)`` of normalised ``patches (B, n, P * 3)``, tokens in order time, row, column.

        The tokens are the first ``n`` of a window: those of its first frames see nothing of the later ones.
        """
        weight, bias = self._projection
        rotation = self._rotation_of(patches.shape[1])
        tokens = linear(patches.to(weight.dtype), weight, bias)
        for block in self._blocks:
            tokens = block(tokens, rotation)
        normalised: torch.Tensor = self._norm(tokens)
        return normalised

    def _rotation_of(self, count: int) -> Rotation:
        if self._rotation is None or len(self._rotation[0]) < count:
            weight = self._projection[0]
            tables = rotary_tables(count, self._head_width, self._grid_side)
            cosine, sine = (even_odd(table).to(weight) for table in tables)
            self._rotation = cosine, sine
        cosine, sine = self._rotation
        return cosine[:count], sine[:count]


class VideoMaeParts:
    """VideoMAE's encoder and decoder; equal to the published ones but for rounding.

    Parameters
    ----------
    model : a ``VideoMAEForPreTraining``, on its device and in its number format.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._projection = patch_projection(model.videomae.embeddings.patch_embeddings.projection)
        self._positions: torch.Tensor = model.videomae.embeddings.position_embeddings.to(self._projection[0])
        self._decoder_positions: torch.Tensor = model.position_embeddings[0].to(self._projection[0])
        self._encoder = [_videomae_block(layer) for layer in model.videomae.encoder.layer]
        self._decoder = [_videomae_block(layer) for layer in model.decoder.decoder_layers]

    def tokens(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the tokens ``(B, n, d)`` of normalised ``patches (B, n, P * 3)`` with their positions."""
        weight, bias = self._projection
        return linear(patches.to(weight.dtype), weight, bias) + self._positions

    def predict(self, visible_tokens: torch.Tensor, visible: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Return predictions ``(R, n_hidden, P * 3)`` of the hidden patches, in the order of ``hidden``.

        ``visible_tokens`` is ``(R, n_visible, d)``; ``visible`` and ``hidden`` are the indices of the tokens, int64.
        """
        model = self._model
        state = visible_tokens
        for block in self._encoder:
            state = block(state)
        if model.videomae.layernorm is not None:
            state = model.videomae.layernorm(state)
        known = model.encoder_to_decoder(state) + self._decoder_positions[visible]
        asked = model.mask_token + self._decoder_positions[hidden]
        decoded = torch.cat([known, asked], dim=1)
        for block in self._decoder:
            decoded = block(decoded)
        predicted: torch.Tensor = model.decoder.head(model.decoder.norm(decoded[:, visible.shape[1] :]))
        return predicted


def patch_projection(convolution: Any) -> Weights:
    """Return a patch embedding's ``Conv3d`` as weight and bias of a matrix product over pixels in patch order."""
    weight = convolution.weight
    flat = weight.permute(0, 2, 3, 4, 1).flatten(1).contiguous()
    bias = convolution.bias if convolution.bias is not None else flat.new_zeros(len(flat))
    return flat, bias


def _vjepa2_block(layer: Any) -> Block:
    attention = layer.attention
    heads = int(attention.num_attention_heads)
    return Block(
        heads=heads,
        epsilon=float(layer.norm1.eps),
        norm1=_pair(layer.norm1),
        qkv=stacked_projection((attention.query, attention.key, attention.value), heads, rotated=True),
        out=_pair(attention.proj),
        norm2=_pair(layer.norm2),
        up=_pair(layer.mlp.fc1),
        down=_pair(layer.mlp.fc2),
    )


def _videomae_block(layer: Any) -> Block:
    attention = layer.attention.attention
    heads = int(attention.num_attention_heads)
    return Block(
        heads=heads,
        epsilon=float(layer.layernorm_before.eps),
        norm1=_pair(layer.layernorm_before),
        qkv=stacked_projection((attention.query, attention.key, attention.value), heads, rotated=False),
        out=_pair(layer.attention.output.dense),
        norm2=_pair(layer.layernorm_after),
        up=_pair(layer.intermediate.dense),
        down=_pair(layer.output.dense),
    )


def _pair(layer: Any) -> Weights:
    return layer.weight, layer.bias
