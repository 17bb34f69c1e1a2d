"""A video that turns out damaged while it is read: it alone is refused, or used up to its damage."""

import json

import numpy as np
import pytest

SIZE = (160, 120)
FRAMES = 240


def flipped(data):
    changed = bytearray(data)
    for place in np.random.default_rng(5).integers(int(len(data) * 0.7), int(len(data) * 0.8), 300):
        changed[place] ^= 0x5A
    return bytes(changed)


@pytest.fixture
def footage(tmp_path, make_video):
    """``bad.mp4``, whole by its packets but not by its pictures, before a good one; the original stands apart."""
    whole = make_video(tmp_path / "original" / "bad.mp4", FRAMES, SIZE, options={"g": "30"})
    make_video(tmp_path / "footage" / "good.mp4", 100, SIZE)
    (tmp_path / "footage" / "bad.mp4").write_bytes(flipped(whole.read_bytes()))
    return tmp_path / "footage"


def scores_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def pictures_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_scores_of_the_good_one_are_written_and_nothing_of_the_bad_one(egoclean, footage, tmp_path):
    alone, both = tmp_path / "alone.jsonl", tmp_path / "both.jsonl"
    egoclean("score", footage / "good.mp4", "--out", alone, "--renders", tmp_path / "renders_alone")
    done = egoclean("score", footage, "--out", both, "--renders", tmp_path / "renders", status=3)
    assert "rejected: footage/bad.mp4" in done.err
    values = ["step", "score", "start_pts", "stop_pts"]
    assert [[line[key] for key in values] for line in scores_of(both)] == [
        [line[key] for key in values] for line in scores_of(alone)
    ]
    assert pictures_of(tmp_path / "renders") == pictures_of(tmp_path / "renders_alone")


def test_a_salvaged_video_is_scored_up_to_its_damage(egoclean, footage, tmp_path):
    whole, salvaged = tmp_path / "whole.jsonl", tmp_path / "salvaged.jsonl"
    egoclean("score", tmp_path / "original" / "bad.mp4", "--out", whole)
    done = egoclean("score", footage, "--out", salvaged, "--salvage", "prefix")
    assert "salvaged: footage/bad.mp4: Only the first" in done.err
    of_bad = [line for line in scores_of(salvaged) if line["clip_id"] == "footage/bad.mp4"]
    assert 0 < len(of_bad) < len(scores_of(whole))
    assert [(line["start_pts"], line["stop_pts"]) for line in of_bad] == [
        (line["start_pts"], line["stop_pts"]) for line in scores_of(whole)[: len(of_bad)]
    ]


def test_embeddings_too(egoclean, footage, tmp_path):
    egoclean("embed", footage, "--out", tmp_path / "plain", status=3)
    assert {path.name for path in (tmp_path / "plain").glob("*_emb.npy")} == {"good_emb.npy"}
    egoclean("embed", footage, "--out", tmp_path / "salvaged", "--salvage", "prefix")
    egoclean("embed", tmp_path / "original" / "bad.mp4", "--out", tmp_path / "whole")
    part, whole = (np.load(tmp_path / name / "bad_emb.npy") for name in ("salvaged", "whole"))
    assert 0 < len(part) < len(whole)
    assert np.array_equal(part, whole[: len(part)])
