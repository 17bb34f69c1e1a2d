import struct

import numpy as np
import pytest

from egoclean.charts.plots import write_diagnostics, write_score_histogram
from egoclean.core.structure import analyse


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_diagnostics_is_a_picture_and_leaves_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    rows, tokens = rng.normal(size=(30, 8)), rng.normal(size=(30, 4, 8))
    structure = analyse(rows, np.arange(30.0), tokens, 2.0)
    path = tmp_path / "a_diagnostics.png"
    write_diagnostics(structure, rows, tokens, path, title="a")
    width, height = png_size(path)
    assert width > 800
    assert height > 800
    assert [item.name for item in tmp_path.iterdir()] == ["a_diagnostics.png"]


def test_diagnostics_of_one_window_without_tokens(tmp_path):
    structure = analyse(np.ones((1, 4)), [0.0], None, 2.0)
    write_diagnostics(structure, np.ones((1, 4)), None, tmp_path / "one.png")
    assert png_size(tmp_path / "one.png")[0] > 800


def test_diagnostics_is_the_same_bytes_twice(tmp_path):
    structure = analyse(np.eye(6), np.arange(6.0), None, 2.0)
    for name in ("a.png", "b.png"):
        write_diagnostics(structure, np.eye(6), None, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_histogram_is_a_picture(tmp_path):
    write_score_histogram([0.1, 0.2, 0.2, 0.9], tmp_path / "h.png", bins=5)
    assert png_size(tmp_path / "h.png")[0] > 400


@pytest.mark.parametrize(("scores", "bins"), [([], 10), ([1.0, float("nan")], 10), ([1.0], 0)])
def test_histogram_refuses_what_it_cannot_draw(tmp_path, scores, bins):
    with pytest.raises(ValueError, match=r"scores|bins"):
        write_score_histogram(scores, tmp_path / "h.png", bins=bins)
    assert not list(tmp_path.iterdir())
