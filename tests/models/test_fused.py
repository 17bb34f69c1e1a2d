"""The blocks of our own against transformers' forward, on models of other shapes than the bundled ones."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VJEPA2Config, VJEPA2Model

from egoclean.models.fused import VideoMaeParts, Vjepa2Encoder


def shaken(model):
    """The model with every parameter moved off its starting value, norms and biases too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval().requires_grad_(False)


def patches_of(pixels, patch):
    """(B, T, 3, H, W) as (B, S, 2 * patch * patch * 3), token by token."""
    batch, frames, _, height, width = pixels.shape
    tokens = [
        pixels[:, time : time + 2, :, y : y + patch, x : x + patch].permute(0, 1, 3, 4, 2).reshape(batch, -1)
        for time in range(0, frames, 2)
        for y in range(0, height, patch)
        for x in range(0, width, patch)
    ]
    return torch.stack(tokens, dim=1)


@pytest.fixture(scope="module")
def vjepa2():
    """Heads of 20 features, of which the rotation leaves two alone; biases as published."""
    config = VJEPA2Config(
        crop_size=24, patch_size=8, frames_per_clip=8, hidden_size=40, num_attention_heads=2, num_hidden_layers=3,
        mlp_ratio=2, pred_hidden_size=24, pred_num_attention_heads=2, pred_num_hidden_layers=1,
    )  # fmt: skip
    return shaken(VJEPA2Model(config))


def videomae(**options):
    config = VideoMAEConfig(
        image_size=16, patch_size=8, num_frames=4, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, decoder_hidden_size=20, decoder_num_hidden_layers=2, decoder_num_attention_heads=2,
        decoder_intermediate_size=32, **options,
    )  # fmt: skip
    return shaken(VideoMAEForPreTraining(config))


def test_features_of_vjepa2_equal_the_published_ones_at_any_length(vjepa2):
    encoder = Vjepa2Encoder(vjepa2.encoder)
    for frames in (2, 8, 4, 12):
        pixels = torch.randn(2, frames, 3, 24, 24, generator=torch.Generator().manual_seed(frames))
        expected = vjepa2.get_vision_features(pixels)
        assert torch.allclose(encoder(patches_of(pixels, 8)), expected, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"use_mean_pooling": False}, {"qkv_bias": False}])
def test_predictions_of_videomae_equal_the_published_ones(options):
    model = videomae(**options)
    parts = VideoMaeParts(model)
    pixels = torch.randn(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    masks = torch.tensor([[1, 0, 1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 1, 0, 0, 1]], dtype=torch.bool)
    expected = model(pixels, bool_masked_pos=masks).logits
    hidden, visible = (torch.stack([row.nonzero()[:, 0] for row in rows]) for rows in (masks, ~masks))
    tokens = parts.tokens(patches_of(pixels, 8))
    found = parts.predict(
        torch.stack([row[places] for row, places in zip(tokens, visible, strict=True)]), visible, hidden
    )
    assert torch.allclose(found, expected, atol=1e-5)


def test_an_attention_that_the_device_refuses_falls_back(vjepa2):
    """No CPU has cuDNN: asked for alone it is refused, beside another that other one computes."""
    encoder = Vjepa2Encoder(vjepa2.encoder)
    patches = torch.randn(1, 18, 384, generator=torch.Generator().manual_seed(2))
    expected = encoder(patches)
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION]), pytest.raises(RuntimeError, match="No viable backend"):
        encoder(patches)
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH], set_priority=True):
        assert torch.allclose(encoder(patches), expected, atol=1e-5)
