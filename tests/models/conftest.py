import numpy as np
import pytest
from transformers import VJEPA2Model

from egoclean.models.device import choose_device
from egoclean.models.videomae import load_scorer
from egoclean.models.vjepa2 import load_embedder


@pytest.fixture(scope="session")
def cpu():
    return choose_device("cpu")


@pytest.fixture(scope="session")
def scorer(cpu):
    return load_scorer("small", cpu)


@pytest.fixture(scope="session")
def embedder(cpu):
    return load_embedder("small", cpu)


@pytest.fixture(scope="session")
def published(embedder):
    """The published class with the embedder's weights and nothing of ours in it."""
    model = VJEPA2Model(embedder._model.config).eval()
    model.load_state_dict(embedder._model.state_dict())
    return model


@pytest.fixture
def make_frames():
    """Smooth moving pictures: (B, T, S, S, 3) uint8, each window of its own seed."""

    def make(windows, frames, size_px, seed=0):
        generator = np.random.default_rng(seed)
        axis = np.linspace(0, 6.0, size_px)
        out = np.empty((windows, frames, size_px, size_px, 3), np.uint8)
        for window in range(windows):
            phase, speed = generator.uniform(0, 6, (3, 2)), generator.uniform(0.05, 0.3, 3)
            for frame in range(frames):
                for channel in range(3):
                    shift = phase[channel] + speed[channel] * frame
                    wave = np.sin(axis[:, None] + shift[0]) * np.cos(axis[None, :] * 2 + shift[1])
                    noise = generator.normal(0, 0.05, (size_px, size_px))
                    out[window, frame, ..., channel] = np.clip(127 + 100 * (wave + noise), 0, 255)
        return out

    return make
