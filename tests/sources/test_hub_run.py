"""The hub through the command line: footage comes in, the manifest goes out, and the token is in nothing written."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from hub_server import TOKEN, Hub
from processes import run_egoclean

REPOSITORY = "builddotai/Egocentric-10K"
FOLDER = "factory_001/workers/worker_001"


@pytest.fixture
def hub(make_video, tmp_path):
    server = Hub()
    padding = (1_000_008).to_bytes(4, "big") + b"free" + bytes(1_000_000)
    video = make_video(tmp_path / "made.mp4", frames=70).read_bytes() + padding
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for index in range(3):
            info = tarfile.TarInfo(f"factory001_worker001_{index:05d}.mp4")
            info.size = len(video)
            archive.addfile(info, io.BytesIO(video))
    server.datasets[REPOSITORY] = {f"{FOLDER}/factory001_worker001_part00.tar": buffer.getvalue()}
    server.video = video
    yield server
    server.close()


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_clip_of_the_hub_goes_the_whole_way_and_a_second_run_moves_nothing(hub, tmp_path):
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_KEY": TOKEN, "EGOCLEAN_CACHE": str(tmp_path / "cache")}
    arguments = ("run", f"hub:{REPOSITORY}", "--clips", "1", "--budget", "1", "--project", tmp_path / "project")
    hub.faults = [("none",), ("drop", 1000), ("status", 429)]
    first = run_egoclean(*arguments, cwd=tmp_path, check=0, **environment)
    (manifest,) = (tmp_path / "project").rglob("manifest.jsonl")
    (row,) = (json.loads(line) for line in manifest.read_text().splitlines())
    member = f"{FOLDER}/factory001_worker001_part00.tar#factory001_worker001_00000.mp4"
    assert row["clip_id"] == f"hub:{REPOSITORY}/{member}"
    assert (row["digest"], row["factory"], row["worker"]) == ("local only", "factory_001", "worker_001")
    assert not list((tmp_path / "cache").rglob("*.part"))
    moved = hub.body_bytes
    before = manifest.read_bytes()
    second = run_egoclean(*arguments, cwd=tmp_path, check=0, **environment)
    assert manifest.read_bytes() == before
    assert hub.body_bytes - moved < len(hub.video) // 4
    for text in (first.stdout, first.stderr, second.stdout, second.stderr):
        assert TOKEN not in text
    assert [path for path, data in written(tmp_path).items() if TOKEN.encode() in data] == []


def test_a_gated_data_set_is_a_sentence_and_not_a_traceback(hub, tmp_path):
    hub.gated.add(REPOSITORY)
    done = run_egoclean(
        *("ingest", f"hub:{REPOSITORY}", "--project", tmp_path / "project"), cwd=tmp_path, HF_ENDPOINT=hub.endpoint
    )
    assert done.returncode == 1
    assert "is gated, and no token was given" in done.stderr
    assert f"https://huggingface.co/datasets/{REPOSITORY}" in done.stderr
