import io
import json
import shutil
import tarfile

import av
import pytest

from egoclean.demo.describe import describe_world
from egoclean.demo.write import build_demo
from egoclean.errors import UsageError
from egoclean.records import CameraModel, Intrinsics


@pytest.fixture
def demo(demo_folder):
    return demo_folder


def test_every_clip_of_the_truth_decodes_to_its_length(demo):
    truth = json.loads((demo / "truth.json").read_text())
    assert len(truth["clips"]) == 3
    for clip_id, facts in truth["clips"].items():
        path, member = clip_id.split("#")
        with tarfile.open(demo / path) as archive:
            names = archive.getnames()
            assert names.index(member.replace(".mp4", ".json")) == names.index(member) + 1
            video = archive.extractfile(member).read()
            described = json.loads(archive.extractfile(member.replace(".mp4", ".json")).read())
        assert described["codec"] == "h265"
        assert described["size_bytes"] == len(video)
        with av.open(io.BytesIO(video)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("hevc", "hvc1")
            assert not container.streams.audio
            frames = [frame.pts for frame in container.decode(video=0)]
        assert len(frames) == pytest.approx(facts["duration_s"] * 30, abs=0.5)
        assert frames == sorted(set(frames))


def test_tars_end_as_tars_should_and_hold_no_clock(demo):
    for path in demo.rglob("*.tar"):
        data = path.read_bytes()
        assert data[-1024:] == bytes(1024)
        with tarfile.open(path) as archive:
            assert {(m.mtime, m.uid, m.gid, m.uname) for m in archive} == {(1_700_000_000, 0, 0, "")}


def test_intrinsics_are_flat_and_fit_the_video(demo):
    files = sorted(demo.rglob("intrinsics.json"))
    assert len(files) == 2
    cameras = {}
    for path in files:
        values = json.loads(path.read_text())
        cameras[path] = Intrinsics(**{**values, "model": CameraModel(values["model"])})
        assert (cameras[path].image_width, cameras[path].image_height) == (320, 180)
    assert len(set(cameras.values())) == 2


def test_nuscenes_tables_link_up(demo):
    folder = demo / "nuscenes" / "v1.0-mini"
    names = ("scene", "sample", "sample_data", "calibrated_sensor", "sensor", "log", "ego_pose")
    tables = {name: {row["token"]: row for row in json.loads((folder / f"{name}.json").read_text())} for name in names}
    assert len(tables["scene"]) == 3
    for row in tables["sample_data"].values():
        assert (demo / "nuscenes" / row["filename"]).is_file()
        sample = tables["sample"][row["sample_token"]]
        log = tables["log"][tables["scene"][sample["scene_token"]]["log_token"]]
        sensor = tables["sensor"][tables["calibrated_sensor"][row["calibrated_sensor_token"]]["sensor_token"]]
        stem = row["filename"].rsplit("/", 1)[1]
        assert stem == f"{log['logfile']}__{sensor['channel']}__{row['timestamp']}.jpg"
        assert row["filename"].startswith("samples/" if row["is_key_frame"] else "sweeps/")
        assert not row["is_key_frame"] or sample["timestamp"] == row["timestamp"]
        if row["next"]:
            following = tables["sample_data"][row["next"]]
            assert following["prev"] == row["token"]
            assert following["timestamp"] > row["timestamp"]
    for scene in tables["scene"].values():
        first = [
            r
            for r in tables["sample_data"].values()
            if r["is_key_frame"] and r["sample_token"] == scene["first_sample_token"]
        ]
        assert len(first) == 2
        assert scene["nbr_samples"] >= 32


def test_the_same_world_is_reused(demo):
    before = (demo / "truth.json").stat().st_mtime_ns
    assert build_demo(demo, "tiny", 0).reused
    assert (demo / "truth.json").stat().st_mtime_ns == before


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path):
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"not empty and holds no demo"):
        build_demo(tmp_path, "tiny", 0)
    assert mine.read_text() == "mine"
    with pytest.raises(UsageError, match="size must be"):
        build_demo(tmp_path / "x", "huge", 0)
    with pytest.raises(UsageError, match="is a file"):
        build_demo(mine, "tiny", 0)


def test_a_demo_with_strangers_in_it_is_left_alone(demo, tmp_path):
    copy = shutil.copytree(demo, tmp_path / "demo")
    (copy / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.txt"):
        build_demo(copy, "tiny", 1)
    assert (copy / "mine.txt").read_text() == "mine"


def test_cancelling_leaves_nothing_behind_and_sweeps_what_a_killed_build_left(tmp_path):
    left = tmp_path / ".demo.building-999999999-abc"
    left.mkdir()

    def stop(done, total):
        assert 0 <= done <= total
        assert total > 500
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo(tmp_path / "demo", "tiny", 0, stop)
    assert list(tmp_path.iterdir()) == []


def test_truth_names_the_clips_of_the_world(demo):
    truth = json.loads((demo / "truth.json").read_text())
    world = describe_world(0, "tiny")
    assert {key.split("#")[1] for key in truth["clips"]} == {f"{clip.name}.mp4" for clip in world.clips}
    assert set(truth["scenes"]) == {scene.name for scene in world.scenes}
