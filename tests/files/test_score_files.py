"""``egoclean score`` and ``distribution`` on plain files, against their contract."""

import json

import numpy as np
import pytest
from PIL import Image
from pipeline_tools import break_first_window, write_frames, write_lines

SIZE = (96, 64)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def picture_of(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def manifest(tmp_path):
    return write_lines(tmp_path / "clips.jsonl", write_frames(tmp_path, records=3, scene="n\u2028ight"))


def test_a_manifest_gives_one_line_a_record_with_the_fields_of_the_contract(egoclean, manifest, tmp_path):
    out = tmp_path / "new" / "scores.jsonl"
    done = egoclean("score", manifest, "--out", out)
    assert done.out == ""
    lines = lines_of(out)
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [list(line)[:5] for line in lines] == [["step", "scene", "camera", "first_frame", "score"]] * 3
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert [line["first_frame"] for line in lines] == [record["frame_paths"][0] for record in records]
    assert {line["scene"] for line in lines} == {"n\u2028ight"}
    assert all(np.isfinite(line["score"]) for line in lines)


def test_a_video_gives_one_line_a_window(egoclean, tmp_path, make_video):
    video = make_video(tmp_path / "clip.mp4", 140, SIZE)
    egoclean("score", video, "--out", tmp_path / "scores.jsonl")
    lines = lines_of(tmp_path / "scores.jsonl")
    assert [(line["first_frame"], line["start_s"]) for line in lines] == [(0, 0.0), (30, 1.0), (60, 2.0)]


def test_scores_are_rewritten_never_appended_and_the_same_again(egoclean, manifest, tmp_path):
    out = tmp_path / "scores.jsonl"
    out.write_text("what was there before\n")
    egoclean("score", manifest, "--out", out)
    first = out.read_bytes()
    egoclean("score", manifest, "--out", out, "--batch", "1")
    assert out.read_bytes() == first
    egoclean("score", manifest, "--out", out, "--seed", "5", "--masks", "1")
    assert len(lines_of(out)) == 3


def test_a_window_whose_output_is_not_finite_is_marked_with_its_reason(egoclean, manifest, tmp_path, monkeypatch):
    break_first_window(monkeypatch)
    done = egoclean("score", manifest, "--out", tmp_path / "s.jsonl")
    assert "1 of the windows failed: the model's output is not finite" in done.err
    lines = lines_of(tmp_path / "s.jsonl")
    assert [line["score"] is None for line in lines] == [True, False, False]
    assert [line["failed"] for line in lines] == ["the model's output is not finite", None, None]


def test_where_scores_go_a_flag_beats_the_environment_and_that_the_default(egoclean, manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    egoclean("score", manifest)
    assert (tmp_path / "scores.jsonl").is_file()
    (tmp_path / "scores.jsonl").unlink()
    monkeypatch.setenv("SCORES_OUT", "there.jsonl")
    egoclean("score", manifest)
    assert (tmp_path / "there.jsonl").is_file()
    (tmp_path / "there.jsonl").unlink()
    egoclean("score", manifest, "--out", "here.jsonl")
    assert not (tmp_path / "there.jsonl").exists()
    assert not (tmp_path / "scores.jsonl").exists()
    assert len(lines_of(tmp_path / "here.jsonl")) == 3


def test_renders_are_numbered_as_the_lines(egoclean, manifest, tmp_path):
    egoclean("score", manifest, "--out", tmp_path / "s.jsonl", "--renders", tmp_path / "r" / "enders")
    names = {path.name for path in (tmp_path / "r" / "enders").iterdir()}
    assert names == {f"{step:06d}_{kind}.png" for step in range(3) for kind in ("gt", "pred", "panel")}
    plain = picture_of(tmp_path / "r" / "enders" / "000002_gt.png")
    egoclean("score", manifest, "--out", tmp_path / "s.jsonl", "--renders", tmp_path / "o", "--overlay")
    assert not np.array_equal(plain, picture_of(tmp_path / "o" / "000002_gt.png"))


def test_frames_are_looked_up_under_the_data_root(egoclean, tmp_path):
    lines = write_frames(tmp_path / "data", records=1)
    (tmp_path / "lists").mkdir()
    manifest = write_lines(tmp_path / "lists" / "clips.jsonl", lines)
    egoclean("score", manifest, "--out", tmp_path / "s.jsonl", status=1)
    egoclean("score", manifest, "--out", tmp_path / "s.jsonl", "--data-root", tmp_path / "data")
    assert len(lines_of(tmp_path / "s.jsonl")) == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_scored(egoclean, manifest, tmp_path, make_video):
    good = make_video(tmp_path / "good.mp4", 70, SIZE)
    (tmp_path / "empty.mp4").touch()
    with manifest.open("a") as stream:
        stream.write("{torn\n")
    out = tmp_path / "s.jsonl"
    done = egoclean("score", manifest, good, tmp_path / "empty.mp4", "--out", out, status=3)
    assert "clips.jsonl:4: " in done.err
    assert "rejected: " in done.err
    assert "empty.mp4" in done.err
    assert len(lines_of(out)) == 4
    assert (
        "None of the sources could be read"
        in egoclean("score", tmp_path / "empty.mp4", "--out", tmp_path / "no.jsonl", status=1).err
    )
    assert not (tmp_path / "no.jsonl").exists()


def test_a_short_clip_gives_no_line_and_says_so(egoclean, tmp_path, make_video):
    done = egoclean("score", make_video(tmp_path / "a.mp4", 10, SIZE), "--out", tmp_path / "s.jsonl")
    assert "shorter than one window" in done.err
    assert lines_of(tmp_path / "s.jsonl") == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("score", "nowhere.jsonl"), 1, "nowhere.jsonl"),
        (("score",), 2, "SOURCES"),
        (("score", "nowhere.jsonl", "--seed", "-1"), 2, "seed must be from 0"),
        (("score", "nowhere.jsonl", "--mask", "cube"), 2, "cube"),
        (("distribution", "nowhere.jsonl", "--out", "h.png"), 1, "nowhere.jsonl cannot be read"),
        (("distribution", "empty.jsonl", "--out", "h.png"), 1, "no finite score"),
        (("distribution", "bad.jsonl", "--out", "h.png"), 1, "bad.jsonl:2 has no number under 'score'"),
    ],
)
def test_mistakes(egoclean, tmp_path, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "bad.jsonl").write_text('{"score": 1}\n{"score": "high"}\n')
    assert words in egoclean(*arguments, status=status).err
    assert not list(tmp_path.glob("*.png"))


def test_the_distribution_is_a_picture_and_its_statistics(egoclean, tmp_path):
    values = np.random.default_rng(1).normal(size=200)
    records = [{"score": float(value), "scene": "a\u2028b"} for value in values] + [{"score": None}]
    scores = tmp_path / "scores.jsonl"
    scores.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    out = tmp_path / "new" / "histogram.png"
    done = egoclean("distribution", scores, "--out", out, "--bins", "12")
    stats = tmp_path / "new" / "histogram_stats.json"
    assert done.out == f"{stats}\n"
    assert out.read_bytes().startswith(b"\x89PNG")
    found = json.loads(stats.read_text())
    assert (found["count"], found["not_finite"], found["bins"]) == (201, 1, 12)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["std"] == pytest.approx(values.std())
    assert found["p50"] == pytest.approx(np.median(values))
    assert (found["min"], found["max"]) == (values.min(), values.max())
