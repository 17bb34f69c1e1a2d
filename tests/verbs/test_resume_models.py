"""The bundled models: the same scores and embeddings by any batch and after a kill, which costs one chunk."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from egoclean.config import EmbedConfig, ScoreConfig
from egoclean.records import Clip, ClipKind, FrameRecord, SourceClip
from egoclean.store.cache import Cache
from egoclean.verbs import chunks, embed, score
from egoclean.verbs.job import Job, do_job

WINDOWS, CHUNK = 9, 4
INPUTS = {"ingest": "a" * 64, "rectify": "b" * 64}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    wide = Image.fromarray(generator.integers(0, 256, (12, 40, 3), dtype=np.uint8)).resize((400, 120))
    for index in range(WINDOWS * 4 + 12):
        wide.crop((5 * index, 0, 5 * index + 120, 120)).save(folder / f"{index:03d}.png")
    paths = sorted(str(path) for path in folder.iterdir())
    records = tuple(
        FrameRecord(tuple(paths[first : first + 16]), tuple(paths[first : first + 16]), None, first + 1)
        for first in range(0, WINDOWS * 4, 4)
    )
    return Clip(SourceClip("clip", ClipKind.FRAMES, str(folder), frame_records=records), "ab" * 32, None)


class Watched:
    """Jobs of one verb; remembers windows and masks given to the model, and dies before a batch."""

    def __init__(self, clip, verb, config, monkeypatch):
        self.clip, self.module, self.config, self.masks, self.given = clip, verb, config, {}, []
        self.dies_before = None
        name = f"begin_{verb.__name__.rpartition('.')[2]}_batch"
        real, masks_of = getattr(verb, name), score.masks_of

        def begin(*arguments):
            if len(self.given) == self.dies_before:
                raise KeyboardInterrupt
            self.given.append(len(arguments[3] if verb is score else arguments[1]))
            return real(*arguments)

        def remembered(grid, fingerprint, window, config):
            mask = masks_of(grid, fingerprint, window, config)
            assert np.array_equal(self.masks.setdefault(window.index, mask), mask)
            return mask

        monkeypatch.setattr(verb, name, begin)
        monkeypatch.setattr(score, "masks_of", remembered)

    def run(self, root, batch):
        self.given = []
        config = type(self.config)(**{**vars(self.config), "batch": batch})
        key = self.module.key(self.clip, INPUTS, config)
        outcome = do_job(Job(root, key, self.clip, config, INPUTS))
        return outcome, Cache(root).get(key)


@pytest.mark.parametrize(
    ("verb", "config"),
    [(score, ScoreConfig(masks=1)), (embed, EmbedConfig()), (embed, EmbedConfig(surprise=True))],
    ids=["score", "embed", "surprise"],
)
def test_batches_and_kills_change_nothing(clip, verb, config, tmp_path, monkeypatch):
    watched = Watched(clip, verb, config, monkeypatch)
    outcome, single = watched.run(tmp_path / "one", 1)
    assert watched.given == [1] * WINDOWS
    assert outcome.recorded["batch"] == 1
    assert outcome.recorded["dtype"] == single.material["extra"]["dtype"]
    _, whole = watched.run(tmp_path / "eight", 8)
    assert watched.given == [8, 1]
    monkeypatch.setattr(chunks, "CHUNK_WINDOWS", CHUNK)
    watched.dies_before = 3
    with pytest.raises(KeyboardInterrupt):
        watched.run(tmp_path / "killed", 2)
    assert watched.given == [2, 2, 2]
    watched.dies_before = None
    _, resumed = watched.run(tmp_path / "killed", 2)
    assert watched.given == [2, 2, 1], "the chunk that was finished is not computed again"
    for other in (whole, resumed):
        assert other.key == single.key
        agree(single, other, verb)
    assert len(watched.masks) == (WINDOWS if verb is score else 0)


def agree(one, other, verb):
    name = "scores.parquet" if verb is score else "windows.parquet"
    first, second = (pd.read_parquet(entry.path(name)) for entry in (one, other))
    pd.testing.assert_frame_equal(first, second, rtol=1e-4, atol=1e-6)
    if verb is embed:
        for array in ("emb.npy", "temb.npy"):
            a, b = one.array(array), other.array(array)
            cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
            assert cosine.min() >= 0.9999
