"""``--salvage prefix`` through the whole pipeline and on the command line."""

import json

import numpy as np
import pytest
from pipeline_tools import call, manifest_of, run, work_here

from egoclean.library import Library
from egoclean.store.project import Project, Settings

SIZE = (160, 120)
FRAMES = 240
PLAIN = Settings().changed("select", {"budget": "100%"})
SALVAGE = PLAIN.changed("ingest", {"salvage": "prefix"})
CODECS = {"h264": ("libx264", {"g": "30"}), "h265": ("libx265", {"x265-params": "log-level=none:keyint=30"})}
WINDOW = ["start_s", "stop_s", "start_pts", "stop_pts", "time_base", "score"]


@pytest.fixture(autouse=True)
def here(monkeypatch):
    work_here(monkeypatch)


def damaged(data, kind):
    if kind == "cut":
        return data[: int(len(data) * 0.7)]
    changed = bytearray(data)
    for place in np.random.default_rng(5).integers(int(len(data) * 0.7), int(len(data) * 0.8), 300):
        changed[place] ^= 0x5A
    return bytes(changed)


@pytest.fixture(params=[(codec, kind) for codec in CODECS for kind in ("cut", "flipped")], ids="-".join)
def footage(request, tmp_path, make_video):
    """A damaged file among good ones; its whole original stands in a folder of its own."""
    codec, kind = request.param
    name, options = CODECS[codec]
    whole = make_video(tmp_path / "original" / "bad.mp4", FRAMES, SIZE, codec=name, options=options)
    folder = tmp_path / "footage"
    make_video(folder / "good.mp4", 100, SIZE)
    (folder / "bad.mp4").write_bytes(damaged(whole.read_bytes(), kind))
    return folder


def windows_of(root, clip_id):
    windows = Library(Project(root)).windows()
    return windows[windows["clip_id"] == clip_id].reset_index(drop=True)


def step_of(root, verb):
    return Library(Project(root)).catalog.step("footage/bad.mp4", verb)


def test_windows_before_the_damage_are_those_of_the_whole_file(footage, tmp_path):
    whole, plain, root = tmp_path / "whole", tmp_path / "plain", tmp_path / "project"
    run(whole, tmp_path / "original", settings=PLAIN)
    summary, _ = run(plain, footage, settings=PLAIN)
    assert (summary.rejected, summary.exit_status) == (1, 3)
    assert {row["clip_id"] for row in manifest_of(plain)} == {"footage/good.mp4"}

    summary, heard = run(root, footage, settings=SALVAGE)
    assert (summary.rejected, summary.failed, summary.exit_status) == (0, 0, 0)
    found, expected = windows_of(root, "footage/bad.mp4"), windows_of(whole, "original/bad.mp4")
    assert 2 <= len(found) < len(expected)
    (row,) = [row for row in Library(Project(root)).clips() if row.clip_id == "footage/bad.mp4"]
    until_s = row.facts["salvaged_until_s"]
    assert (expected["stop_s"] <= until_s + 0.001).sum() == len(found), "all windows of the good part, and no other"
    for name in WINDOW[:-1]:
        assert found[name].tolist() == expected[name].tolist()[: len(found)]
    np.testing.assert_allclose(found["score"], expected["score"][: len(found)], rtol=1e-6)

    assert row.facts["status"] == "ok"
    assert "Only the first" in row.facts["reason"]
    assert [item["time_s"] for item in row.facts["problems"] if item["code"] == "salvaged"] == [until_s]
    assert any("Only the first" in reason for _, clip, status, reason in heard.done if clip == "footage/bad.mp4")
    rows = {row["clip_id"]: row for row in manifest_of(root)}
    assert rows["footage/bad.mp4"]["rectification"]["salvaged_until_s"] == pytest.approx(until_s)
    assert rows["footage/good.mp4"]["rectification"]["salvaged_until_s"] is None


def test_the_option_is_in_the_key_and_status_says_what_was_used(footage, tmp_path, monkeypatch, capsys):
    root = tmp_path / "project"
    arguments = ("run", footage, "--project", root, "--until", "rectify")
    refused = call(monkeypatch, capsys, arguments, 3)
    assert "--salvage prefix" in refused.err
    keys = [Library(Project(root)).catalog.step("footage/good.mp4", verb).key for verb in ("ingest", "rectify")]
    done = call(monkeypatch, capsys, (*arguments, "--salvage", "prefix"), 0)
    assert "done: footage/bad.mp4: Only the first" in done.err
    again = [Library(Project(root)).catalog.step("footage/good.mp4", verb).key for verb in ("ingest", "rectify")]
    assert keys[0] != again[0]
    assert keys[1] != again[1]
    assert "Only the first" in call(monkeypatch, capsys, ("status", "--project", root), 0).out
    status = json.loads(call(monkeypatch, capsys, ("status", "--json", "--project", root), 0).out)
    until = {clip["clip_id"]: clip["salvaged_until_s"] for clip in status["clips"]}
    assert until["footage/good.mp4"] is None
    assert 3 < until["footage/bad.mp4"] < 7
    assert call(monkeypatch, capsys, (*arguments, "--salvage", "none"), 3)
    assert step_of(root, "score") is None


def test_rectify_on_plain_files_takes_the_option_too(footage, tmp_path, monkeypatch, capsys):
    files = (footage / "bad.mp4", footage / "good.mp4")
    call(monkeypatch, capsys, ("rectify", *files, "--out", tmp_path / "none"), 3)
    assert not (tmp_path / "none" / "bad.view.mp4").exists()
    done = call(monkeypatch, capsys, ("rectify", *files, "--out", tmp_path / "prefix", "--salvage", "prefix"), 0)
    assert f"salvaged: {files[0]}: Only the first" in done.err
    reports = {
        name: json.loads((tmp_path / "prefix" / f"{name}.rectification.json").read_text()) for name in ("bad", "good")
    }
    assert reports["good"]["salvaged_until_s"] is None
    bad = reports["bad"]
    assert bad["salvaged_until_s"] == pytest.approx(bad["frame_count"] / 30, abs=0.002)
