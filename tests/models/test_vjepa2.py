import numpy as np
import pytest
import torch

from egoclean.errors import ModelError
from egoclean.models.pixels import IMAGENET_MEAN, IMAGENET_STD
from egoclean.models.vjepa2 import Vjepa2Embedder, load_embedder


def pixel_values(frames):
    unit = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).double() / 255
    return ((unit - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)).float()


def cosine(a, b):
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


@pytest.mark.parametrize("frame_count", [64, 16])
def test_embeddings_equal_the_published_features(embedder, published, make_frames, frame_count):
    frames = make_frames(2, frame_count, embedder.size_px)
    with torch.inference_mode():
        features = published.get_vision_features(pixel_values(frames)).numpy()
    result = embedder.embed(frames)
    assert result.means.shape == (2, embedder.width)
    assert result.tokens.shape == (2, frame_count // 2, embedder.width)
    assert result.means.dtype == result.tokens.dtype == np.float32
    assert result.means == pytest.approx(features.mean(axis=1), abs=1e-4)
    assert result.tokens == pytest.approx(
        features.reshape(2, frame_count // 2, -1, embedder.width).mean(axis=2), abs=1e-4
    )
    assert result.finite.all()


def test_the_predictor_is_never_run(embedder, make_frames, monkeypatch):
    monkeypatch.setattr(embedder._model.predictor, "forward", lambda *_, **__: pytest.fail("the predictor ran"))
    embedder.embed(make_frames(1, 8, embedder.size_px))


def test_batches_of_one_and_eight_agree(embedder, make_frames):
    frames = make_frames(8, 16, embedder.size_px)
    whole = embedder.embed(frames)
    for index in range(8):
        single = embedder.embed(frames[index : index + 1])
        assert cosine(single.means[0], whole.means[index]) >= 0.9999
        assert cosine(single.tokens[0], whole.tokens[index]).min() >= 0.9999


def test_frames_of_another_size_are_refused(embedder, make_frames):
    size_px = embedder.size_px
    odd = make_frames(1, 15, size_px)
    for bad in (make_frames(1, 16, size_px + 16), odd, make_frames(1, 16, size_px).astype(np.float32)):
        with pytest.raises(ModelError, match="takes frames"):
            embedder.embed(bad)


def test_output_that_is_not_finite_marks_its_window_only(embedder, make_frames, monkeypatch):
    original = Vjepa2Embedder._encode

    def poisoned(self, pixels):
        out = original(self, pixels).clone()
        out[0, 7, 3] = torch.inf
        return out

    monkeypatch.setattr(Vjepa2Embedder, "_encode", poisoned)
    assert embedder.embed(make_frames(2, 8, embedder.size_px)).finite.tolist() == [False, True]


def test_small_models_are_the_same_every_time(embedder, cpu):
    again = load_embedder("small", cpu)
    assert again.card == embedder.card
