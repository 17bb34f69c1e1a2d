"""``egoclean structure`` beside other arrays: what else moves the signal, and the worker's other clips."""

import json

import numpy as np
import pytest

from egoclean.config import StructureConfig
from egoclean.errors import UsageError
from egoclean.files.structure import structure_files


@pytest.fixture
def arrays(tmp_path):
    rng = np.random.default_rng(0)
    for name, values in {
        "a_emb": rng.normal(size=(30, 6)),
        "b_emb": rng.normal(size=(20, 6)),
        "narrow_emb": rng.normal(size=(20, 5)),
        "ts": np.arange(30.0),
        "turn": rng.random((30, 2)),
        "short": rng.random(29),
    }.items():
        np.save(tmp_path / f"{name}.npy", values)
    return tmp_path


def run(folder, **more):
    return structure_files(
        folder / "a_emb.npy", None, folder / "ts.npy", None, 1.0, folder / "out", StructureConfig(), **more
    )


def test_covariates_and_other_clips_are_reported(arrays):
    written = json.loads(run(arrays, covariates=arrays / "turn.npy", others=[arrays / "b_emb.npy"]).read_text())
    assert 0 <= written["change_explained"] <= 1
    assert len(written["change_left"]) == len(written["typicality_elsewhere"]) == 30
    mine, other = (np.load(arrays / f"{name}_emb.npy") for name in "ab")
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (mine, other)]
    assert np.allclose(written["typicality_elsewhere"], (unit[0] @ unit[1].T).mean(axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"covariates": "short.npy"}, r"\(30,\).*\(29,\)"),
        ({"others": ["narrow_emb.npy"]}, r"\(6,\).*\(5,\)"),
        ({"others": ["b_emb.npy", "narrow_emb.npy"]}, "differ in width"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(arrays, more, words):
    paths = {
        name: [arrays / item for item in value] if isinstance(value, list) else arrays / value
        for name, value in more.items()
    }
    with pytest.raises(UsageError, match=words):
        run(arrays, **paths)
