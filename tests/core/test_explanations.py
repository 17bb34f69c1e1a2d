import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from egoclean.core.explanations import TRIVIAL_SIGNALS, _box_blur, explain, explained_share, rank_correlation
from egoclean.errors import UsageError


def noise_window(seed=0, size=48, frames=4):
    return np.random.default_rng(seed).integers(0, 256, (frames, size, size, 3)).astype(np.uint8)


def blurred(window, span):
    kernel = np.ones(span) / span
    out = window.astype(float)
    for axis in (1, 2):
        out = np.apply_along_axis(lambda row: np.convolve(row, kernel, mode="same"), axis, out)
    return out.astype(np.uint8)


def test_each_explanation_follows_its_cause():
    still = np.repeat(noise_window()[:1], 4, axis=0)
    moving = noise_window()
    dark = (moving // 2).astype(np.uint8)
    smooth = blurred(moving, 7)
    result = explain(np.stack([still, moving, dark, smooth]))
    assert result.motion_energy[0] == 0
    assert result.motion_energy[1] > result.motion_energy[2] > result.motion_energy[3]
    assert result.brightness[2] == pytest.approx(result.brightness[1] / 2, abs=0.01)
    assert result.blur[3] > result.blur[1] + 0.2
    assert result.blur[1] == pytest.approx(result.blur[2], abs=0.01)
    assert result.texture[1] > result.texture[3]
    assert tuple(result.columns()) == TRIVIAL_SIGNALS


def test_motion_and_texture_against_the_slow_way():
    window = noise_window(3)
    luma = (0.299 * window[..., 0] + 0.587 * window[..., 1] + 0.114 * window[..., 2]) / 255
    motion = np.mean([np.abs(luma[i + 1] - luma[i]).mean() for i in range(3)])
    texture = np.mean([luma[2][y : y + 16, x : x + 16].std() for y in range(0, 48, 16) for x in range(0, 48, 16)])
    result = explain(window[None])
    assert result.motion_energy[0] == pytest.approx(motion, rel=1e-4)
    assert result.texture[0] == pytest.approx(texture, rel=1e-4)


@pytest.mark.parametrize("axis", [0, 1])
def test_box_blur_against_convolution(axis):
    picture = np.random.default_rng(0).random((20, 24)).astype(np.float32)
    padded = np.pad(picture, [(4, 4) if side == axis else (0, 0) for side in (0, 1)], mode="edge")
    expected = np.apply_along_axis(lambda row: np.convolve(row, np.ones(9) / 9, mode="valid"), axis, padded)
    assert _box_blur(picture, axis) == pytest.approx(expected, abs=1e-6)


def test_flat_and_single_frames_are_finite():
    flat = explain(np.full((1, 1, 16, 16, 3), 128, np.uint8))
    assert (flat.motion_energy[0], flat.blur[0], flat.texture[0]) == (0.0, 1.0, pytest.approx(0.0, abs=1e-6))
    assert explain(np.zeros((0, 4, 16, 16, 3), np.uint8)).blur.shape == (0,)


def test_other_arrays_are_refused():
    for bad in (np.zeros((1, 4, 16, 16, 3)), np.zeros((4, 16, 16, 3), np.uint8), np.zeros((1, 4, 8, 16, 3), np.uint8)):
        with pytest.raises(UsageError, match="uint8"):
            explain(bad)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_rank_correlation_equals_spearman(pairs):
    first, second = np.array(pairs, dtype=float).T
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_rank_correlation_skips_rows_that_are_not_finite():
    first = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    assert rank_correlation(first, np.array([1.0, 4.0, 0.0, 9.0, np.inf])) == 1.0
    assert np.isnan(rank_correlation(first[:3], first[:3]))


def test_explained_share():
    generator = np.random.default_rng(0)
    motion, blur, other = generator.normal(size=(3, 300))
    explanations = {"motion_energy": motion, "blur": blur}
    assert explained_share(np.exp(motion), explanations) == pytest.approx(1.0, abs=1e-6)
    assert explained_share(motion + blur, explanations) > 0.9
    assert explained_share(other, explanations) < 0.05
    assert np.isnan(explained_share(np.ones(300), explanations))
    assert np.isnan(explained_share(motion[:4], {name: column[:4] for name, column in explanations.items()}))
