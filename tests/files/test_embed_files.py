"""``egoclean embed`` and ``structure`` on plain files, against their contract."""

import json

import numpy as np
import pytest
from pipeline_tools import WIDTH, break_first_window, write_frames, write_lines

SIZE = (96, 64)


def test_a_video_gives_arrays_of_one_row_a_window(egoclean, tmp_path, make_video):
    video = make_video(tmp_path / "clip.mp4", 140, SIZE)
    assert egoclean("embed", video, "--out", tmp_path / "out").out == ""
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"clip_emb.npy", "clip_temb.npy", "clip_ts.npy", "clip_embed.json"}
    means, tokens, times = (np.load(tmp_path / "out" / f"clip_{kind}.npy") for kind in ("emb", "temb", "ts"))
    assert (means.shape, tokens.shape, means.dtype) == ((3, WIDTH), (3, 32, WIDTH), np.float32)
    assert times.tolist() == [0.0, 1.0, 2.0]
    assert np.allclose(tokens.mean(axis=1), means, atol=1e-5)
    about = json.loads((tmp_path / "out" / "clip_embed.json").read_text())
    assert {"window_s", "stride_s", "rate", "token_times_s", "model", "crop", "clip_id"} <= set(about)
    assert about["window_s"] == pytest.approx(64 / 30)
    assert about["stride_s"] == 1.0
    assert about["rate"] == pytest.approx(30)
    assert len(about["token_times_s"]) == 32
    assert about["model"]["weights_sha256"]


def test_the_batch_changes_nothing(egoclean, tmp_path, make_video):
    video = make_video(tmp_path / "clip.mp4", 140, SIZE)
    for batch in ("1", "2", "8"):
        egoclean("embed", video, "--out", tmp_path / batch, "--batch", batch)
    for name in ("clip_emb.npy", "clip_temb.npy", "clip_ts.npy"):
        assert len({(tmp_path / batch / name).read_bytes() for batch in ("1", "2", "8")}) == 1


def test_a_window_whose_output_is_not_finite_is_marked_with_its_reason(egoclean, tmp_path, make_video, monkeypatch):
    break_first_window(monkeypatch)
    done = egoclean("embed", make_video(tmp_path / "clip.mp4", 140, SIZE), "--out", tmp_path / "out", "--surprise")
    why = "the model's output is not finite"
    assert f"1 of the windows failed: {why}" in done.err
    means, tokens, surprise = (np.load(tmp_path / "out" / f"clip_{kind}.npy") for kind in ("emb", "temb", "surprise"))
    for array in (means, tokens, surprise):
        assert np.isnan(array[0]).all()
        assert np.isfinite(array[1:]).all()
    about = json.loads((tmp_path / "out" / "clip_embed.json").read_text())
    assert about["failed"] == [{"window": 0, "start_s": 0.0, "reason": why}]


def test_windows_at_a_rate_of_their_own(egoclean, tmp_path, make_video):
    video = make_video(tmp_path / "clip.mp4", 140, SIZE)
    rate = ("--window-frames", "16", "--window-fps", "15")
    egoclean("embed", video, "--out", tmp_path / "out", "--frames", "16", *rate)
    about = json.loads((tmp_path / "out" / "clip_embed.json").read_text())
    assert (about["windows"], about["frames"]) == (4, 16)
    assert about["window_s"] == pytest.approx(32 / 30)
    assert about["rate"] == pytest.approx(15)
    assert "16w@15" in about["space"]


def test_the_full_model_on_a_cpu_says_its_cost_first(egoclean, tmp_path, make_video):
    video = make_video(tmp_path / "clip.mp4", 140, SIZE)
    done = egoclean("embed", video, "--out", tmp_path / "out", "--models", "full", "--device", "cpu", "--frames", "16")
    assert "licence MIT" in done.err
    assert "for 3 windows" in done.err
    assert "--models small" in done.err
    assert "full model" not in egoclean("embed", video, "--out", tmp_path / "out").err


def test_clips_of_one_name_get_names_of_their_own(egoclean, tmp_path, make_video):
    for folder in ("left", "right"):
        make_video(tmp_path / "footage" / folder / "clip.mp4", 70, SIZE)
    egoclean("embed", tmp_path / "footage", "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("*_emb.npy")} == {"left_clip_emb.npy", "right_clip_emb.npy"}


def test_frame_records_are_embedded_from_their_sixteen_frames(egoclean, tmp_path):
    manifest = write_lines(tmp_path / "clips.jsonl", write_frames(tmp_path, records=2))
    egoclean("embed", manifest, "--out", tmp_path / "out")
    (tokens,) = (tmp_path / "out").glob("*_temb.npy")
    assert np.load(tokens).shape == (2, 8, WIDTH)


def test_a_short_clip_gives_empty_arrays(egoclean, tmp_path, make_video):
    done = egoclean("embed", make_video(tmp_path / "a.mp4", 10, SIZE), "--out", tmp_path / "out")
    assert "shorter than one window" in done.err
    assert np.load(tmp_path / "out" / "a_emb.npy").shape == (0, WIDTH)
    assert json.loads((tmp_path / "out" / "a_embed.json").read_text())["window_s"] is None


def test_a_rejected_clip_gives_status_3_beside_a_good_one(egoclean, tmp_path, make_video):
    good = make_video(tmp_path / "good.mp4", 70, SIZE)
    (tmp_path / "bad.mp4").write_bytes(b"no")
    done = egoclean("embed", good, tmp_path / "bad.mp4", "--out", tmp_path / "out", status=3)
    assert "bad.mp4" in done.err
    assert (tmp_path / "out" / "good_emb.npy").is_file()
    assert not (tmp_path / "out" / "bad_emb.npy").exists()


@pytest.fixture
def arrays(tmp_path):
    generator = np.random.default_rng(4)
    phase = np.arange(60) * 2 * np.pi / 12
    rows = np.stack([np.cos(phase), np.sin(phase), 0.2 * np.ones(60)], axis=1) + generator.normal(0, 0.02, (60, 3))
    np.save(tmp_path / "clip_emb.npy", rows.astype(np.float32))
    np.save(tmp_path / "clip_ts.npy", np.arange(60.0))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(tmp_path / "S.npy", unit @ unit.T)
    return tmp_path


def test_structure_finds_the_planted_period_in_embeddings_and_in_similarities(egoclean, arrays):
    times = arrays / "clip_ts.npy"
    done = egoclean("structure", "--embeddings", arrays / "clip_emb.npy", "--times", times, "--out", arrays / "a")
    assert done.out == f"{arrays / 'a' / 'clip_structure.json'}\n"
    assert (arrays / "a" / "clip_diagnostics.png").stat().st_size
    found = json.loads((arrays / "a" / "clip_structure.json").read_text())
    assert found["period_s"] == pytest.approx(12, abs=0.5)
    for name in ("cycles", "segments", "anomalies"):
        assert isinstance(found[name], list)
        assert all(span["start_s"] < span["stop_s"] for span in found[name])
    egoclean("structure", "--similarity", arrays / "S.npy", "--times", times, "--out", arrays / "b")
    other = json.loads((arrays / "b" / "S_structure.json").read_text())
    assert other["period_s"] == pytest.approx(found["period_s"], abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "either --embeddings or --similarity"),
        (("--embeddings", "clip_emb.npy", "--similarity", "S.npy"), 2, "either --embeddings or --similarity"),
        (("--embeddings", "none.npy"), 1, "none.npy is not a readable .npy array"),
        (("--embeddings", "text.npy"), 1, "text.npy is not a readable .npy array"),
        (("--embeddings", "cut.npy"), 1, "cut.npy is not a readable .npy array"),
        (("--embeddings", "pickled.npy"), 1, "pickled.npy"),
        (("--embeddings", "words.npy"), 1, "expected numbers"),
        (("--embeddings", "clip_ts.npy"), 2, "cannot be analysed"),
        (("--embeddings", "nan.npy"), 2, "cannot be analysed"),
        (("--similarity", "clip_emb.npy"), 2, "not a similarity matrix"),
        (("--embeddings", "S.npy", "--times", "short.npy"), 2, "cannot be analysed"),
        (("--embeddings", "clip_emb.npy", "--window-s", "-1"), 2, "window"),
    ],
)
def test_arrays_that_cannot_be_are_named(egoclean, arrays, monkeypatch, arguments, status, words):
    monkeypatch.chdir(arrays)
    (arrays / "text.npy").write_text("no array")
    (arrays / "cut.npy").write_bytes((arrays / "S.npy").read_bytes()[:400])
    np.save(arrays / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(arrays / "words.npy", np.array(["a", "b"]))
    np.save(arrays / "short.npy", np.arange(5.0))
    np.save(arrays / "nan.npy", np.full((60, 3), np.nan))
    times = () if "--times" in arguments else ("--times", "clip_ts.npy")
    done = egoclean("structure", *arguments, *times, "--out", "out", status=status)
    assert words in done.err
    assert not list(arrays.glob("out/*"))
