import numpy as np
import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from egoclean.core.masks import MaskIdentity, random_masks, tube_masks
from egoclean.errors import ModelError
from egoclean.models.cards import model_spec
from egoclean.models.pixels import IMAGENET_MEAN, IMAGENET_STD
from egoclean.models.videomae import VideoMaeScorer, load_scorer

PATCH = model_spec("videomae", "small").patch_px
PIXELS = 2 * PATCH * PATCH
GRID = (8, 112 // PATCH, 112 // PATCH)


def pixel_values(frames):
    unit = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).double() / 255
    normalised = (unit - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    return normalised.float()


def masks_for(scorer, windows, count, make=tube_masks):
    return np.stack([make(scorer.mask_shape, count, MaskIdentity("f" * 64, pts, 42)) for pts in range(windows)])


@pytest.fixture(scope="module")
def tiny_scorer(scorer):
    """A differently shaped model: pixel targets, mean pooling, other sizes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = VideoMAEConfig(
            image_size=32, patch_size=8, num_frames=4, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=48, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
            decoder_intermediate_size=32, norm_pix_loss=False, use_mean_pooling=True,
        )  # fmt: skip
        return VideoMaeScorer(VideoMAEForPreTraining(config).eval(), scorer.card)


@pytest.mark.parametrize("make", [tube_masks, random_masks])
@pytest.mark.parametrize("name", ["scorer", "tiny_scorer"])
def test_one_mask_equals_the_published_loss(name, make, make_frames, request):
    scorer = request.getfixturevalue(name)
    frames = make_frames(2, scorer.frame_count, scorer.size_px)
    masks = masks_for(scorer, 2, 3, make)
    batch = scorer.score(frames, masks)
    for window in range(2):
        for index in range(3):
            with torch.inference_mode():
                loss = scorer._model(
                    pixel_values(frames[window : window + 1]),
                    bool_masked_pos=torch.from_numpy(masks[window : window + 1, index]),
                ).loss
            assert batch.mse[window, index] == pytest.approx(float(loss), abs=1e-5)


def test_summary_over_masks(scorer, make_frames):
    frames = make_frames(2, 16, 112)
    batch = scorer.score(frames, masks_for(scorer, 2, 5))
    assert batch.mean == pytest.approx(batch.mse.mean(axis=1))
    assert batch.standard_error == pytest.approx(batch.mse.std(axis=1, ddof=1) / np.sqrt(5))
    assert batch.zero_mse == pytest.approx(1 - 1 / PIXELS, abs=1e-3)
    assert batch.skill == pytest.approx(1 - batch.mean / batch.zero_mse)
    assert batch.finite.all()
    assert np.isnan(scorer.score(frames, masks_for(scorer, 2, 1)).standard_error).all()


def test_pixel_error_against_the_slow_way(scorer, make_frames):
    frames = make_frames(1, 16, 112)
    masks = masks_for(scorer, 1, 1)
    with torch.inference_mode():
        logits = scorer._model(pixel_values(frames), bool_masked_pos=torch.from_numpy(masks[:, 0])).logits[0]
    grid, errors = scorer.mask_shape, []
    unit = frames[0].astype(np.float64) / 255
    for row, token in enumerate(np.flatnonzero(masks[0, 0])):
        time, place = divmod(int(token), grid.positions)
        y, x = (PATCH * value for value in divmod(place, grid.columns))
        patch = unit[2 * time : 2 * time + 2, y : y + PATCH, x : x + PATCH].reshape(PIXELS, 3)
        predicted = logits[row].double().numpy().reshape(PIXELS, 3) * patch.std(axis=0, ddof=1) + patch.mean(axis=0)
        errors.append(((predicted - patch) ** 2).mean())
    assert scorer.score(frames, masks).pixel_mse[0] == pytest.approx(np.mean(errors), rel=1e-4)


def test_batches_of_one_and_eight_agree(scorer, make_frames):
    frames = make_frames(8, 16, 112)
    masks = masks_for(scorer, 8, 2)
    whole = scorer.score(frames, masks)
    single = np.concatenate([scorer.score(frames[i : i + 1], masks[i : i + 1]).mse for i in range(8)])
    assert whole.mse == pytest.approx(single, rel=1e-5)


def test_hidden_pixels_do_not_reach_the_prediction(scorer, make_frames):
    frames = make_frames(1, 16, 112)
    mask = masks_for(scorer, 1, 1)[0, 0]
    changed = frames.copy()
    grid = scorer.mask_shape
    for token in np.flatnonzero(mask):
        time, place = divmod(int(token), grid.positions)
        y, x = (PATCH * value for value in divmod(place, grid.columns))
        changed[0, 2 * time : 2 * time + 2, y : y + PATCH, x : x + PATCH] = 200
    rows = scorer._rows_of(mask[None, None])
    with torch.inference_mode():
        outputs = [scorer._predict(scorer._prepare(item)[1], rows) for item in (frames, changed)]
    assert torch.equal(outputs[0], outputs[1])


def test_output_that_is_not_finite_marks_its_window_only(scorer, make_frames, monkeypatch):
    frames = make_frames(2, 16, 112)
    original = VideoMaeScorer._predict

    def poisoned(self, tokens, hidden):
        out = original(self, tokens, hidden).clone()
        out[1, 3, 5] = torch.nan
        return out

    monkeypatch.setattr(VideoMaeScorer, "_predict", poisoned)
    assert scorer.score(frames, masks_for(scorer, 2, 2)).finite.tolist() == [True, False]
    monkeypatch.setattr(
        VideoMaeScorer, "_predict", lambda self, tokens, hidden: original(self, tokens, hidden) * torch.nan
    )
    with pytest.raises(ModelError, match="not finite"):
        scorer.reconstruct(frames[0], masks_for(scorer, 1, 1)[0, 0])


def test_flat_frames_have_a_finite_score_and_no_skill(scorer):
    frames = np.full((1, 16, 112, 112, 3), 255, np.uint8)
    batch = scorer.score(frames, masks_for(scorer, 1, 2))
    assert batch.finite.all()
    assert batch.zero_mse[0] < 0.01


def test_wrong_arrays_are_refused(scorer, make_frames):
    frames, masks = make_frames(1, 16, 112), masks_for(scorer, 1, 1)
    for bad in (frames[:, :8], frames[:, :, :96], frames.astype(np.float32), frames[0]):
        with pytest.raises(ModelError, match="takes frames"):
            scorer.score(bad, masks)
    with pytest.raises(ModelError, match="Masks must be"):
        scorer.score(frames, masks[..., :-1])
    unequal = np.repeat(masks, 2, axis=1)
    unequal[0, 1, np.flatnonzero(unequal[0, 1])[0]] = False
    for bad in (unequal, np.ones_like(masks)):
        with pytest.raises(ModelError, match="hide the same number"):
            scorer.score(frames, bad)
    with pytest.raises(ModelError, match="frame to draw"):
        scorer.reconstruct(frames[0], masks[0, 0], frame=16)


def test_a_batch_without_memory_is_halved(scorer, make_frames, monkeypatch):
    frames, masks = make_frames(5, 16, 112), masks_for(scorer, 5, 1)
    expected = scorer.score(frames, masks).mse
    original, sizes = VideoMaeScorer._score, []

    def limited(self, frames, masks):
        sizes.append(len(frames))
        if len(frames) > 2:
            raise torch.OutOfMemoryError
        return original(self, frames, masks)

    monkeypatch.setattr(VideoMaeScorer, "_score", limited)
    assert scorer.score(frames, masks).mse == pytest.approx(expected, rel=1e-5)
    assert sizes == [5, 2, 3, 1, 2]
    monkeypatch.setattr(VideoMaeScorer, "_score", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(ModelError, match="no memory for a single window"):
        scorer.score(frames, masks)


def test_reconstruction_pictures(scorer, make_frames):
    frames = make_frames(1, 16, 112)[0]
    mask = masks_for(scorer, 1, 1)[0, 0]
    result = scorer.reconstruct(frames, mask)
    assert result.frame == 8
    assert (result.truth == frames[8]).all()
    hidden = np.kron(mask.reshape(GRID)[4], np.ones((PATCH, PATCH), bool))
    for picture in (result.masked_input, result.prediction, result.prediction_unaided):
        assert (picture[~hidden] == frames[8][~hidden]).all()
    assert (result.masked_input[hidden] == 128).all()
    assert (result.error_map[~hidden] == 0).all()
    assert (np.isnan(result.patch_error) == ~mask.reshape(GRID)[4]).all()
    assert result.mse == pytest.approx(scorer.score(frames[None], mask[None, None]).mse[0, 0], rel=1e-5)


def test_a_coloured_patch_keeps_its_colour_when_aided_and_not_otherwise(scorer):
    frames = np.zeros((16, 112, 112, 3), np.uint8)
    frames[..., :] = (211, 107, 33)
    generator = np.random.default_rng(0)
    frames = np.clip(frames + generator.normal(0, 3, frames.shape), 0, 255).astype(np.uint8)
    mask = masks_for(scorer, 1, 1)[0, 0]
    visible = ~mask.reshape(GRID)[4]
    y, x = (int(value) * PATCH for value in np.argwhere(~visible)[0])
    frames[:, y : y + PATCH, x : x + PATCH] = (20, 200, 230)
    result = scorer.reconstruct(frames, mask)
    inside = (slice(y, y + PATCH), slice(x, x + PATCH))
    assert np.abs(result.prediction[inside].mean(axis=(0, 1)) - (20, 200, 230)).max() < 6
    assert np.abs(result.prediction_unaided[inside].mean(axis=(0, 1)) - (211, 107, 33)).max() < 12


def test_small_models_are_the_same_every_time(scorer, cpu):
    state = torch.random.get_rng_state()
    again = load_scorer("small", cpu)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert again.card == scorer.card
    assert scorer.card.family == "videomae"
