from __future__ import annotations

import itertools
import json

import pytest

from egoclean.config import IngestConfig
from egoclean.errors import SourceError, UsageError
from egoclean.records import CameraModel
from egoclean.sources.discover import discover

START_US = 1_531_883_546_000_000


def build(root, *, scenes=2, keyframes=34, gap_after=None, missing=(), version="v1.0-mini"):
    """Write a nuScenes root: per scene ``keyframes`` samples at 2 Hz with five sweeps between, two cameras, one log."""
    tables = {name: [] for name in ("scene", "sample", "sample_data", "calibrated_sensor", "sensor", "log")}
    tables["log"].append({"token": "log", "logfile": "n015-2018-07-18-11-07-57+0800", "location": "harbour"})
    for channel in ("CAM_FRONT", "CAM_BACK", "LIDAR_TOP"):
        tables["sensor"].append({"token": f"sensor-{channel}", "channel": channel, "modality": "camera"})
        matrix = [[1266.4, 0, 816.3], [0, 1266.4, 491.5], [0, 0, 1]] if channel.startswith("CAM") else []
        row = {"token": f"cal-{channel}", "sensor_token": f"sensor-{channel}", "camera_intrinsic": matrix}
        tables["calibrated_sensor"].append(row)
    for scene in range(scenes):
        name = f"scene-{scene:04d}"
        tables["scene"].append({"token": name, "name": name, "description": f"Night {scene}", "log_token": "log"})
        time_us = START_US + scene * 20_000_000
        for index in range(keyframes):
            if gap_after is not None and index == gap_after:
                time_us += 5_000_000
            sample = f"{name}-{index}"
            tables["sample"].append({"token": sample, "scene_token": name})
            for channel in ("CAM_FRONT", "CAM_BACK", "LIDAR_TOP"):
                for sweep in range(6):
                    stamp = time_us - (5 - sweep) * 83_333
                    kind = "samples" if sweep == 5 else "sweeps"
                    path = f"{kind}/{channel}/n015-2018-07-18-11-07-57+0800__{channel}__{stamp}.jpg"
                    tables["sample_data"].append(
                        {
                            "token": f"{sample}-{channel}-{sweep}",
                            "sample_token": sample,
                            "calibrated_sensor_token": f"cal-{channel}",
                            "timestamp": stamp,
                            "is_key_frame": sweep == 5,
                            "filename": path,
                            "width": 1600,
                            "height": 900,
                        }
                    )
                    if path not in missing and (scene, index) not in missing:
                        (root / path).parent.mkdir(parents=True, exist_ok=True)
                        (root / path).write_bytes(b"image")
            time_us += 500_000
    tables["sample_data"].reverse()
    (root / version).mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (root / version / f"{name}.json").write_text(json.dumps(rows))
    return root


def test_keyframes_make_clips_of_16_within_their_scene(tmp_path):
    found = discover(str(build(tmp_path / "nu")))
    assert [clip.clip_id for clip in found.clips] == ["nu/scene-0000/CAM_FRONT", "nu/scene-0001/CAM_FRONT"]
    clip = found.clips[1]
    assert len(clip.frame_records) == 2
    assert clip.frame_records[0].timestamps_s == tuple(0.5 * index for index in range(16))
    assert clip.frame_records[1].timestamps_s[0] == 8.0
    assert all("samples/CAM_FRONT" in path for record in clip.frame_records for path in record.stored_paths)
    assert clip.frame_records[0].carried["description"] == "Night 1"
    assert clip.frame_records[0].carried["location"] == "harbour"
    assert clip.frame_records[0].carried["log"].endswith("+0800")
    assert all(clip.frame_records[0].carried["is_key_frame"])
    assert clip.intrinsics.model is CameraModel.PINHOLE
    assert (clip.intrinsics.fx, clip.intrinsics.image_width) == (1266.4, 1600)


def test_all_frames_stand_in_order_of_time(tmp_path):
    (clip, _) = discover(str(build(tmp_path / "nu")), IngestConfig(nuscenes_frames="all")).clips
    times = [time for record in clip.frame_records for time in record.timestamps_s]
    assert len(times) == 34 * 6 // 16 * 16
    assert times == sorted(times)
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert max(steps) == pytest.approx(0.083335, abs=2e-6)


def test_a_rate_takes_the_nearest_images(tmp_path):
    (clip, _) = discover(str(build(tmp_path / "nu")), IngestConfig(nuscenes_rate_hz=4.0)).clips
    times = [time for record in clip.frame_records for time in record.timestamps_s]
    assert len(times) == 64
    for tick, time in enumerate(times):
        assert time == pytest.approx(tick / 4.0, abs=0.0418)


def test_two_cameras(tmp_path):
    found = discover(str(build(tmp_path / "nu")), IngestConfig(camera="CAM_BACK, CAM_FRONT"))
    assert [clip.camera for clip in found.clips] == ["CAM_BACK", "CAM_FRONT"] * 2


def test_no_record_crosses_a_gap(tmp_path):
    found = discover(str(build(tmp_path / "nu", scenes=1, keyframes=40, gap_after=20)))
    records = found.clips[0].frame_records
    assert [len(record.frame_paths) for record in records] == [16, 16]
    assert records[1].timestamps_s[0] == pytest.approx(15.0)
    assert found.clips[0].problems == ()
    assert any("images are missing at 1 places" in note.message for note in found.notes)


def test_missing_images_are_counted_and_not_bridged(tmp_path):
    gone = {(0, index) for index in (18, 19, 20)}
    found = discover(str(build(tmp_path / "nu", scenes=1, missing=gone)))
    assert len(found.clips[0].frame_records) == 1
    assert any("18 of 204 images are not there" in note.message for note in found.notes)


def test_a_nuscenes_root_inside_a_folder_is_found(tmp_path):
    build(tmp_path / "world" / "driving", scenes=1)
    (tmp_path / "world" / "a.mp4").write_bytes(b"1")
    found = discover(str(tmp_path / "world"))
    assert [clip.clip_id for clip in found.clips] == ["world/a.mp4", "world/driving/scene-0000/CAM_FRONT"]


def test_a_short_scene_is_left_out_with_a_reason(tmp_path):
    root = build(tmp_path / "nu", scenes=2, missing={(0, index) for index in range(1, 34)})
    found = discover(str(root))
    assert len(found.clips) == 1
    assert any(note.code == "too_short" and "scene-0000" in note.message for note in found.notes)


def test_a_scene_of_two_table_folders_is_read_once(tmp_path):
    build(tmp_path / "nu", scenes=2, version="v1.0-mini")
    build(tmp_path / "nu", scenes=3, version="v1.0-trainval")
    found = discover(str(tmp_path / "nu"))
    assert [clip.scene for clip in found.clips] == ["scene-0000", "scene-0001", "scene-0002"]
    assert [clip.carried["tables"] for clip in found.clips] == ["v1.0-mini", "v1.0-mini", "v1.0-trainval"]


def test_scenes_without_any_image_are_counted_in_one_note(tmp_path):
    root = build(tmp_path / "nu", scenes=4, missing={(scene, index) for scene in (1, 3) for index in range(34)})
    found = discover(str(root))
    assert [clip.scene for clip in found.clips] == ["scene-0000", "scene-0002"]
    (problem,) = found.notes
    assert "no image of 2 scenes and cameras is here, the first is scene-0001/CAM_FRONT" in problem.message


def test_an_unknown_camera_names_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="CAM_SIDE") as caught:
        discover(str(build(tmp_path / "nu")), IngestConfig(camera="CAM_SIDE"))
    assert caught.value.hint == "It has: CAM_BACK, CAM_FRONT."


def test_no_camera_at_all_names_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="no camera"):
        discover(str(build(tmp_path / "nu")), IngestConfig(camera=" , "))


@pytest.mark.parametrize("damage", ["missing", "torn", "list", "token"])
def test_damaged_tables_are_one_sentence(tmp_path, damage):
    root = build(tmp_path / "nu", scenes=1)
    table = root / "v1.0-mini" / "sample_data.json"
    if damage == "missing":
        table.unlink()
    elif damage == "torn":
        table.write_text(table.read_text()[:500])
    elif damage == "list":
        table.write_text("{}")
    else:
        rows = json.loads(table.read_text())
        for row in rows:
            del row["timestamp"]
        table.write_text(json.dumps(rows))
    with pytest.raises(SourceError, match="nuScenes table"):
        discover(str(root))


def test_an_image_path_that_leads_out_is_refused(tmp_path):
    root = build(tmp_path / "nu", scenes=1)
    table = root / "v1.0-mini" / "sample_data.json"
    table.write_text(table.read_text().replace("samples/CAM_FRONT", "samples/../../outside"))
    with pytest.raises(SourceError, match="an image outside"):
        discover(str(root))
