import numpy as np
import pytest
import torch
from torch.nn.functional import layer_norm

from egoclean.errors import ModelError
from egoclean.models.cards import model_spec
from egoclean.models.pixels import imagenet_normalise, normalised_patches, patch_pixels, unit_pixels
from egoclean.models.surprise import predict_features, summarise_surprise
from egoclean.models.vjepa2 import Vjepa2Embedder

PATCH = model_spec("vjepa2", "small").patch_px
SIDE = model_spec("vjepa2", "small").size_px // PATCH
PLACES = SIDE**2


def normalised(frames):
    return imagenet_normalise(unit_pixels(frames, "cpu"))


def prediction(embedder, frames, context_frames):
    """Predicted features and those of the context, from patches of 2 frames: PLACES tokens a slot."""
    patches = normalised_patches(patch_pixels(frames, "cpu", 2, PATCH))
    return predict_features(embedder._encode, embedder._model.predictor, patches, context_frames // 2 * PLACES)


def other_future(frames, context_frames):
    changed = frames.copy()
    changed[:, context_frames:] = 255 - changed[:, context_frames:]
    return changed


def test_the_future_leaks_nothing_into_its_prediction(embedder, make_frames):
    frames = make_frames(2, 16, embedder.size_px)
    changed = other_future(frames, 8)
    with torch.inference_mode():
        first, second = (prediction(embedder, item, 8)[0] for item in (frames, changed))
    assert float((first - second).abs().max()) == 0.0


def test_the_single_pass_call_does_leak(embedder, published, make_frames):
    frames = make_frames(1, 16, embedder.size_px)
    index = torch.arange(8 * PLACES)[None]
    with torch.inference_mode():
        first, second = (
            published(
                normalised(item), context_mask=[index[:, : 4 * PLACES]], target_mask=[index[:, 4 * PLACES :]]
            ).predictor_output.last_hidden_state
            for item in (frames, other_future(frames, 8))
        )
    assert float((first - second).abs().max()) > 0


def test_prediction_equals_the_published_predictor_on_the_context(embedder, published, make_frames):
    """With all frames after the context cut off, the published call sees the same context and cannot leak."""
    frames = make_frames(1, 16, embedder.size_px)
    pixels = normalised(frames)
    index = torch.arange(8 * PLACES)[None]
    with torch.inference_mode():
        found, context = prediction(embedder, frames, 8)
        expected_context = published.get_vision_features(pixels[:, :8])
        expected = published.predictor(
            encoder_hidden_states=expected_context,
            context_mask=[index[:, : 4 * PLACES]],
            target_mask=[index[:, 4 * PLACES :]],
        ).last_hidden_state
    assert torch.allclose(context, expected_context, atol=1e-4)
    assert torch.allclose(found, expected, atol=1e-4)


def test_surprise_against_the_slow_way(embedder, published, make_frames):
    """16 frames, 8 seen: four slots are the context, the next two are foreseen."""
    frames = make_frames(2, 16, embedder.size_px)
    embedded, surprise = embedder.embed_with_surprise(frames, context_frames=8)
    assert surprise.error_map.shape == (2, 2, SIDE, SIDE)
    assert embedded.means == pytest.approx(embedder.embed(frames).means, abs=1e-5)
    pixels = normalised(frames)
    with torch.inference_mode():
        wanted = layer_norm(published.get_vision_features(pixels), (embedder.width,))
        predicted, context = prediction(embedder, frames[:, :12], 8)
    last = layer_norm(context[:, -PLACES:], (embedder.width,))
    for window in range(2):
        errors, stays = [], []
        for slot in range(2):
            for place in range(PLACES):
                truth = wanted[window, (4 + slot) * PLACES + place]
                errors.append(float((predicted[window, slot * PLACES + place] - truth).square().mean()))
                stays.append(float((last[window, place] - truth).square().mean()))
        assert surprise.error_map[window].ravel() == pytest.approx(errors, rel=1e-3)
        assert surprise.error[window] == pytest.approx(np.mean(errors), rel=1e-4)
        assert surprise.persistence[window] == pytest.approx(np.mean(stays), rel=1e-4)
        slots = zip(np.split(np.array(errors), 2), np.split(np.array(stays), 2), strict=True)
        expected = [np.mean(error**4) ** 0.25 / (np.mean(stay) + 0.05) for error, stay in slots]
        assert surprise.relative[window] == pytest.approx(np.mean(expected), rel=1e-3)


def test_half_of_the_window_is_the_context_and_a_quarter_is_foreseen_by_default(embedder, make_frames):
    frames = make_frames(1, 16, embedder.size_px)
    assert embedder.surprise(frames).error_map.shape == (1, 2, SIDE, SIDE)
    assert embedder.surprise(frames).error == pytest.approx(embedder.surprise(frames, 8).error)


@pytest.mark.parametrize(("context_frames", "slots"), [(2, 1), (6, 1), (10, 2), (14, 1)])
def test_half_as_much_as_the_context_is_foreseen_as_far_as_the_window_goes(
    embedder, make_frames, context_frames, slots
):
    frames = make_frames(1, 16, embedder.size_px)
    assert embedder.surprise(frames, context_frames).error_map.shape[1] == slots


@pytest.mark.parametrize("context", [0, 3, 12, -2])
def test_a_context_that_does_not_fit_is_refused(embedder, make_frames, context):
    with pytest.raises(ModelError, match="context must be"):
        embedder.surprise(make_frames(1, 12, embedder.size_px), context)


def test_output_that_is_not_finite_marks_its_window_only(embedder, make_frames, monkeypatch):
    original = Vjepa2Embedder._encode

    def poisoned(self, pixels):
        out = original(self, pixels).clone()
        out[1, -1, 0] = torch.nan
        return out

    monkeypatch.setattr(Vjepa2Embedder, "_encode", poisoned)
    embedded, surprise = embedder.embed_with_surprise(make_frames(2, 8, embedder.size_px))
    assert embedded.finite.tolist() == surprise.finite.tolist() == [True, False]


def test_one_place_far_off_is_more_surprising_than_many_a_little_off():
    spread = np.full((2, 2, 4, 4), 0.1, np.float32)
    spread[1] = 0.0
    spread[1, :, 0, 0] = 1.6
    found = summarise_surprise(spread, np.ones_like(spread))
    assert found.error == pytest.approx([0.1, 0.1])
    assert found.relative == pytest.approx([0.1 / 1.05, 0.8 / 1.05])


def test_where_nothing_changes_the_little_that_is_not_foreseen_is_no_surprise():
    changed = np.ones((1, 2, 4, 4), np.float32)
    still = summarise_surprise(0.01 * changed, 0 * changed)
    moving = summarise_surprise(0.5 * changed, changed)
    assert still.finite[0]
    assert still.relative[0] < moving.relative[0]
