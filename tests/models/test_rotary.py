import pytest
import torch
from transformers import VJEPA2Config, VJEPA2Model

from egoclean.models.rotary import install_rotary_tables

CONFIG = VJEPA2Config(
    crop_size=128, patch_size=32, hidden_size=192, num_attention_heads=3, num_hidden_layers=2, mlp_ratio=2,
    pred_hidden_size=96, pred_num_attention_heads=3, pred_num_hidden_layers=2,
)  # fmt: skip
"""Heads of 64 features in the encoder and of 32 in the predictor."""


@pytest.fixture(scope="module")
def models():
    published = VJEPA2Model(CONFIG).eval()
    tabled = VJEPA2Model(CONFIG).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one, two in zip(published.parameters(), tabled.parameters(), strict=True):
            one.add_(torch.randn(one.shape, generator=generator) * 0.05)
            two.copy_(one)
    install_rotary_tables(tabled)
    return published, tabled


@pytest.mark.parametrize("width", [32, 64])
def test_one_attention_turns_its_features_as_published(models, width):
    published, tabled = ((model.predictor if width == 32 else model.encoder).layer[0].attention for model in models)
    features = torch.randn(2, 3, 512, width, generator=torch.Generator().manual_seed(1))
    hidden = torch.zeros(2, 512, 1)
    expected = published.apply_rotary_embeddings(features, published.get_position_ids(hidden))
    assert torch.allclose(
        tabled.apply_rotary_embeddings(features, tabled.get_position_ids(hidden)), expected, atol=1e-6
    )
    chosen = torch.stack([torch.randperm(512, generator=torch.Generator().manual_seed(seed))[:40] for seed in (2, 3)])
    few = features[:, :, :40]
    expected = published.apply_rotary_embeddings(few, published.get_position_ids(hidden[:, :40], masks=chosen))
    found = tabled.apply_rotary_embeddings(few, tabled.get_position_ids(hidden[:, :40], masks=chosen))
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("frames", [8, 64, 80])
def test_features_and_predictions_equal_the_published_ones(models, frames):
    published, tabled = models
    pixels = torch.randn(1, frames, 3, 128, 128, generator=torch.Generator().manual_seed(4))
    index = torch.arange(frames // 2 * 16)[None]
    masks = {"context_mask": [index[:, :48]], "target_mask": [index[:, 48:]]}
    with torch.inference_mode():
        expected, found = (model(pixels, **masks) for model in (published, tabled))
    assert torch.allclose(found.last_hidden_state, expected.last_hidden_state, atol=2e-5)
    assert torch.allclose(
        found.predictor_output.last_hidden_state, expected.predictor_output.last_hidden_state, atol=2e-5
    )


def test_half_precision_stays_closer_than_the_published_rounding(models):
    published, tabled = (model.encoder.layer[0].attention for model in models)
    features = torch.randn(1, 3, 512, 64, generator=torch.Generator().manual_seed(5))
    hidden = torch.zeros(1, 512, 1)
    exact = published.apply_rotary_embeddings(features, published.get_position_ids(hidden))
    half = features.bfloat16()
    theirs = published.apply_rotary_embeddings(half, published.get_position_ids(hidden)).float()
    ours = tabled.apply_rotary_embeddings(half, tabled.get_position_ids(hidden))
    assert ours.dtype == torch.bfloat16
    assert (ours.float() - exact).abs().max() < (theirs - exact).abs().max() / 3
