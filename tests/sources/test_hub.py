from __future__ import annotations

import io
import json
import logging
import os
import pickle
import random
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import COMMIT, TOKEN, Hub
from huggingface_hub import close_session, constants

from egoclean.config import IngestConfig
from egoclean.errors import SourceError, UsageError
from egoclean.records import Severity
from egoclean.sources import hub_client, hub_ranges, secrets
from egoclean.sources.discover import discover
from egoclean.sources.discovery import source_bytes
from egoclean.sources.fingerprint import fingerprint_clip
from egoclean.sources.hub import hub_ids
from egoclean.sources.hub_client import connect
from egoclean.sources.hub_fetch import discard_fetched, fetch_clip

REPOSITORY = "builddotai/Egocentric-10K"
SOURCE = f"hub:{REPOSITORY}"
RANDOM = random.Random(7)
SIZES = (900_000, 1_100_000, 700_000)


def shard(stem, sizes=SIZES):
    buffer = io.BytesIO()
    members = {}
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for index, size in enumerate(sizes):
            name = f"{stem}_{index:05d}"
            members[f"{name}.mp4"] = RANDOM.randbytes(size)
            sidecar = json.dumps({"factory_id": "factory_001", "video_index": index, "fps": 30.0}).encode()
            for member, data in ((f"{name}.json", sidecar), (f"{name}.mp4", members[f"{name}.mp4"])):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue(), members


SHARD, MEMBERS = shard("factory001_worker001")
SMALL, _ = shard("factory001_worker002", (5000, 6000))
FOLDER = "factory_001/workers/worker_001"
SHARD_PATH = f"{FOLDER}/factory001_worker001_part00.tar"
INTRINSICS = json.dumps({"fx": 1030.59}).encode()
DATASET = {
    ".gitattributes": b"x",
    "README.md": b"card",
    f"{FOLDER}/intrinsics.json": INTRINSICS,
    SHARD_PATH: SHARD,
    "factory_001/workers/worker_002/factory001_worker002_part00.tar": SMALL,
    "factory_001/workers/worker_002/intrinsics.json": INTRINSICS,
    "factory_002/workers/worker_001/factory002_worker001_part00.tar": SMALL,
    "factory_010/workers/worker_003/factory010_worker003_part00.tar": SMALL,
}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub()
    server.datasets[REPOSITORY] = dict(DATASET)
    waits = []
    monkeypatch.setattr(hub_client, "_sleep", waits.append)
    server.waits = waits
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_KEY", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.chdir(tmp_path)
    yield server
    close_session()
    server.close()


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


def one_clip(**options):
    (clip,) = discover(SOURCE, IngestConfig(factory="1", worker="1", match="*_00001.mp4", **options)).clips
    return clip


def test_clips_are_listed_without_downloading_a_video(hub):
    found = discover(SOURCE, IngestConfig(factory="1"))
    assert [clip.clip_id for clip in found.clips] == [
        *(f"{SOURCE}/{SHARD_PATH}#factory001_worker001_{index:05d}.mp4" for index in range(3)),
        *(
            f"{SOURCE}/factory_001/workers/worker_002/factory001_worker002_part00.tar#factory001_worker002_{index:05d}.mp4"
            for index in range(2)
        ),
    ]
    clip = found.clips[1]
    assert (clip.factory, clip.worker, clip.location) == ("factory_001", "worker_001", None)
    assert clip.carried["video_index"] == 1
    assert clip.licence == "apache-2.0"
    assert clip.remote.size_bytes == source_bytes(clip) == SIZES[1]
    assert clip.source_uri == f"hub:{REPOSITORY}@{COMMIT}/{SHARD_PATH}#factory001_worker001_00001.mp4"
    assert hub.body_bytes < 150_000
    assert not hub.paths("factory_002")
    assert discover(SOURCE, IngestConfig(clips=1, licence="mine")).clips[0].licence == "mine"


def test_factories_and_workers_are_listed_by_folders_alone(hub):
    client = connect(REPOSITORY)
    assert hub_ids(client, IngestConfig()) == {
        "factory_001": ("worker_001", "worker_002"),
        "factory_002": ("worker_001",),
        "factory_010": ("worker_003",),
    }
    assert hub_ids(client, IngestConfig(factory="10")) == {"factory_010": ("worker_003",)}
    assert not hub.paths("/resolve/")


def test_listing_stops_when_enough_clips_are_found(hub):
    assert len(discover(SOURCE, IngestConfig(clips=2)).clips) == 2
    assert not hub.paths("worker_002/factory001")
    assert not hub.paths("tree/" + COMMIT + "/factory_002")


def test_one_clip_moves_its_own_bytes_and_little_more(hub, raw):
    clip = fetch_clip(one_clip(), raw)
    assert hub.body_bytes <= SIZES[1] + 1_000_000
    assert hub.body_bytes <= SIZES[1] + 200_000
    data = MEMBERS["factory001_worker001_00001.mp4"]
    assert Path(clip.location.path).read_bytes() == data
    assert (clip.location.offset_bytes, clip.location.size_bytes) == (0, None)
    assert clip.carried["digest"] == "local only"
    assert clip.expected_sha256 is None
    assert Path(clip.intrinsics_path).read_bytes() == INTRINSICS
    assert set(hub.cdn_authorizations) == {None}


def test_what_is_here_is_not_fetched_again_and_the_hub_is_not_asked(hub, raw):
    clip = one_clip()
    first = fetch_clip(clip, raw)
    requests = len(hub.log)
    assert fetch_clip(clip, raw) == first
    assert len(hub.log) == requests


def test_a_verified_source_is_the_whole_file_with_the_hubs_digest(hub, raw):
    clip = fetch_clip(one_clip(verify_source=True), raw, verify_source=True)
    assert Path(clip.location.path).read_bytes() == SHARD
    assert clip.carried["digest"] == "hub sha256"
    alone = fetch_clip(one_clip(), raw)
    assert fingerprint_clip(clip) == fingerprint_clip(alone)


def test_a_video_that_is_a_file_of_its_own_is_always_verified(hub, raw):
    hub.datasets[REPOSITORY] = {"videos/a.mp4": MEMBERS["factory001_worker001_00000.mp4"]}
    (clip,) = discover(SOURCE).clips
    fetched = fetch_clip(clip, raw)
    assert fetched.expected_sha256 == fingerprint_clip(fetched)
    assert fetched.carried["digest"] == "hub sha256"
    assert fetched.intrinsics_path is None


@pytest.mark.parametrize("verify", [False, True])
def test_a_connection_dropped_five_times_ends_in_identical_bytes(hub, raw, verify):
    clip = one_clip()
    hub.faults = [("drop", size) for size in (100_000, 0, 250_001, 65_536, 300_000)]
    before = hub.body_bytes
    fetched = fetch_clip(clip, raw, verify_source=verify)
    expected = SHARD if verify else MEMBERS["factory001_worker001_00001.mp4"]
    assert Path(fetched.location.path).read_bytes() == expected
    assert hub.body_bytes - before <= len(expected) + 400_000
    assert len(hub.waits) == 5


def test_a_connection_that_hangs_is_given_up_and_taken_up(hub, raw, monkeypatch):
    clip = one_clip()
    monkeypatch.setattr(hub_ranges, "TIMEOUT_S", 0.3)
    hub.faults = [("stall", 200_000, 1.5)]
    assert Path(fetch_clip(clip, raw).location.path).read_bytes() == MEMBERS["factory001_worker001_00001.mp4"]
    assert len(hub.waits) == 1


def test_fetches_of_one_clip_at_the_same_time_do_not_mix(hub, raw):
    clip = one_clip()
    hub.faults = [("drop", 300_000), ("drop", 100_000), ("close", 50_000), ("drop", 500_000)]
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda _: fetch_clip(clip, raw), range(4)))
    assert len({fetched_path.location.path for fetched_path in fetched}) == 1
    assert Path(fetched[0].location.path).read_bytes() == MEMBERS["factory001_worker001_00001.mp4"]
    assert not list(raw.rglob("*.part"))


def test_short_answers_go_on_where_they_stopped(hub, raw):
    clip = one_clip()
    hub.faults = [("close", 10_000), ("close", 1), ("close", 500_000)]
    assert Path(fetch_clip(clip, raw).location.path).read_bytes() == MEMBERS["factory001_worker001_00001.mp4"]


def test_throttling_and_server_errors_are_waited_for(hub, raw):
    hub.retry_after = "17"
    hub.api_faults = [429, 503]
    clip = one_clip()
    hub.faults = [("status", 429), ("status", 500)]
    fetch_clip(clip, raw)
    assert hub.waits == [17.0, 2.0, 17.0, 2.0]


def test_a_fetch_that_failed_is_taken_up_where_it_broke(hub, raw):
    clip = one_clip()
    hub.faults = [("drop", 800_000), *[("status", 503)] * 20]
    with pytest.raises(SourceError, match="error 503"):
        fetch_clip(clip, raw)
    assert not list(raw.rglob("*.mp4"))
    hub.faults = []
    before = hub.body_bytes
    assert Path(fetch_clip(clip, raw).location.path).read_bytes() == MEMBERS["factory001_worker001_00001.mp4"]
    assert hub.body_bytes - before < SIZES[1] - 700_000
    assert not list(raw.rglob("*.part"))


def test_a_killed_fetch_is_taken_up_by_the_next_process(hub, raw):
    clip = one_clip()
    script = (
        "import pickle, os, sys, pathlib\n"
        "from egoclean.sources.hub_fetch import fetch_clip\n"
        "clip = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "fetch_clip(clip, pathlib.Path(sys.argv[2]), progress=lambda d, t: d > 600_000 and os.kill(os.getpid(), 9))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, pickle.dumps(clip).hex(), str(raw)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert child.returncode == -9, child.stderr
    assert len(list(raw.rglob(".*.part"))) == 1
    before = hub.body_bytes
    assert Path(fetch_clip(clip, raw).location.path).read_bytes() == MEMBERS["factory001_worker001_00001.mp4"]
    assert hub.body_bytes - before < SIZES[1] - 400_000
    assert not list(raw.rglob("*.part"))


def test_a_file_that_arrives_damaged_is_deleted(hub, raw):
    clip = one_clip()
    hub.faults = [("corrupt",)]
    with pytest.raises(SourceError, match="checksum_mismatch") as caught:
        fetch_clip(clip, raw, verify_source=True)
    assert SHARD_PATH in str(caught.value)
    assert [path for path in raw.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (("whole",), "answered with the whole of"),
        (("grown",), "where its listing says"),
        (("status", 416), "is shorter than its listing says"),
        (("status", 404), "does not hold the file asked for"),
    ],
)
def test_a_hub_that_answers_wrongly_is_one_sentence(hub, raw, fault, sentence):
    clip = one_clip()
    hub.faults = [fault]
    with pytest.raises(SourceError, match=sentence) as caught:
        fetch_clip(clip, raw)
    assert caught.value.hint


def test_gated_without_a_token_says_what_to_do(hub, raw, monkeypatch):
    hub.gated.add(REPOSITORY)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(SourceError, match="is gated, and no token was given") as caught:
        discover(SOURCE, IngestConfig(clips=1))
    assert f"https://huggingface.co/datasets/{REPOSITORY}" in caught.value.hint
    assert "HF_TOKEN" in caught.value.hint
    assert "HF_KEY" in caught.value.hint


def test_gated_with_a_token_of_another_account(hub, monkeypatch):
    hub.gated.add(REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 30)
    with pytest.raises(SourceError, match="has not accepted its terms"):
        discover(SOURCE, IngestConfig(clips=1))


def test_a_token_that_is_not_valid(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "wrong" * 6)
    with pytest.raises(SourceError, match="does not accept the token"):
        discover(SOURCE, IngestConfig(clips=1))


def test_forbidden_and_missing_and_throttled_for_good(hub):
    hub.api_faults = [403]
    with pytest.raises(SourceError, match="may not read"):
        discover(SOURCE)
    with pytest.raises(SourceError, match="shows no data set builddotai/Nothing"):
        discover("hub:builddotai/Nothing")
    with pytest.raises(SourceError, match="no such revision"):
        discover(f"{SOURCE}@gone")
    hub.api_faults = [429] * 20
    with pytest.raises(SourceError, match="too many requests") as caught:
        discover(SOURCE)
    assert "Wait" in caught.value.hint


def test_no_network_is_one_sentence(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"The connection to 127\.0\.0\.1 failed 6 times") as caught:
        discover(SOURCE)
    assert "network" in caught.value.hint


def test_offline_mode_is_one_sentence(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE"):
        discover(SOURCE)


@pytest.mark.parametrize("source", ["hub:", "hub:one", "hub:a/b/c", "hub:a/ b", "hub:../x", "hub:-a/b..c"])
def test_a_malformed_name_is_a_usage_error(hub, source):
    with pytest.raises(UsageError, match="hub:OWNER/NAME"):
        discover(source)


def test_a_cut_archive_on_the_hub_is_a_rejection_and_the_others_go_on(hub):
    hub.datasets[REPOSITORY] = {"a.tar": SMALL[:4096], "b.tar": SMALL}
    found = discover(SOURCE)
    assert len(found.clips) == 2
    (note,) = found.notes
    assert (note.code, note.severity) == ("archive_truncated", Severity.REJECTION)


def test_a_data_set_too_large_to_look_into_asks_for_filters(hub, monkeypatch):
    monkeypatch.setattr("egoclean.sources.hub.FILE_LIMIT", 2)
    with pytest.raises(SourceError, match="more than 2 files") as caught:
        discover(SOURCE)
    assert "--factory" in caught.value.hint


def test_too_little_room_is_said_before_anything_moves(hub, raw, monkeypatch):
    clip = one_clip()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=65 << 20))
    before = hub.body_bytes
    with pytest.raises(SourceError, match="needs 1 MB"):
        fetch_clip(clip, raw)
    assert hub.body_bytes == before
    assert [path for path in raw.rglob("*") if path.is_file()] == []


def test_progress_reaches_the_end(hub, raw):
    calls = []
    fetch_clip(one_clip(), raw, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (SIZES[1], SIZES[1])
    assert calls == sorted(calls)


def test_discarding_frees_what_was_fetched_and_nothing_else(hub, raw, tmp_path):
    found = discover(SOURCE, IngestConfig(factory="1", worker="1"))
    clips = [fetch_clip(clip, raw) for clip in found.clips]
    outside = tmp_path / "mine.mp4"
    outside.write_bytes(b"mine")
    assert discard_fetched(clips, raw) == sum(SIZES)
    assert discard_fetched(clips, raw) == 0
    assert outside.read_bytes() == b"mine"
    assert not list(raw.rglob("*.mp4"))


def test_the_token_is_nowhere(hub, raw, tmp_path, caplog, capfd):
    """Everything that is written, shown or raised in a run full of faults is searched for the token."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / ".env").write_text(f"HF_KEY={TOKEN}\n")
    os.environ.pop("HF_TOKEN", None)
    raised = []
    clip = one_clip()
    hub.faults = [("drop", 10), ("status", 503), ("close", 5)]
    fetched = fetch_clip(clip, raw)
    hub.gated.add(REPOSITORY)
    hub.accepted.clear()
    for _ in range(2):
        hub.datasets["some/other"] = {"a.mp4": b"x" * 2000}
        for action in (
            lambda: discover(SOURCE, IngestConfig(clips=1)),
            lambda: discover("hub:no/such"),
            lambda: fetch_clip(clip, tmp_path / "again"),
        ):
            try:
                action()
            except (SourceError, UsageError) as error:
                logging.getLogger("anyone").exception("failed with %s and %s", error, TOKEN)
                raised.append(f"{error!r} {error} {error.__context__!r} {error.__cause__!r}")
    assert len(raised) == 6
    out, err = capfd.readouterr()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env")
    haystack = "\n".join(
        [caplog.text, out, err, *raised, repr(fetched), repr(connect.__doc__), repr(secrets.find_token())]
    )
    assert TOKEN not in haystack
    assert TOKEN.encode() not in written
    assert "signed" not in caplog.text
    assert "[hidden]" in caplog.text
