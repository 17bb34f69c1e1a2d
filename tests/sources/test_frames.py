from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.errors import EgocleanError
from egoclean.records import ClipKind
from egoclean.sources import frame_times
from egoclean.sources.frames import read_manifest_clips

EXAMPLE = Path(__file__).parents[2] / "examples" / "clips_manifest.jsonl"


def touch(root, paths):
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"image")


def names(prefix, count=16):
    return [f"{prefix}/{index:03d}.jpg" for index in range(count)]


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_example_loads_with_everything_it_carries(tmp_path):
    lines = [json.loads(line) for line in EXAMPLE.read_text().splitlines()]
    touch(tmp_path, [path for line in lines for path in line.get("frame_paths", line.get("frames"))])
    found = read_manifest_clips(EXAMPLE, data_root=tmp_path)
    assert [clip.clip_id for clip in found.clips] == [
        "clips_manifest/scene-0001/CAM_FRONT",
        "clips_manifest/scene-0002/CAM_FRONT",
        "clips_manifest/scene-0002/CAM_BACK",
    ]
    assert found.notes == ()
    first = found.clips[0]
    assert (first.kind, first.scene, first.camera) == (ClipKind.FRAMES, "scene-0001", "CAM_FRONT")
    assert [record.line for record in first.frame_records] == [1, 2]
    assert first.frame_records[1].timestamps_s == tuple(8.0 + 0.5 * index for index in range(16))
    record = first.frame_records[0]
    assert record.stored_paths == tuple(lines[0]["frame_paths"])
    assert record.frame_paths == tuple(str(tmp_path / path) for path in record.stored_paths)
    assert set(record.carried) == {"timestamps_us", "clip_id", "location", "vehicle", "description"}
    assert record.carried["location"] == "harbour-east"


def test_paths_are_absolute_or_beside_the_manifest_or_under_the_data_root(tmp_path):
    touch(tmp_path / "here", names("a"))
    touch(tmp_path / "there", names("b"))
    absolute = [str(tmp_path / "there" / path) for path in names("b")]
    records = [{"frame_paths": names("a")}, {"frames": names("b")}, {"frame_paths": absolute, "camera": "x"}]
    found = read_manifest_clips(write_lines(tmp_path / "here" / "m.jsonl", records), data_root=tmp_path / "there")
    paths = [record.frame_paths for clip in found.clips for record in clip.frame_records]
    assert paths == [
        tuple(str(tmp_path / "here" / path) for path in names("a")),
        tuple(absolute),
        tuple(absolute),
    ]
    assert [clip.clip_id for clip in found.clips] == ["m/no-scene/no-camera", "m/no-scene/x"]


def test_a_link_to_the_images_may_be_followed(tmp_path):
    touch(tmp_path / "disk", names("a"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").symlink_to(tmp_path / "disk" / "a")
    found = read_manifest_clips(write_lines(tmp_path / "data" / "m.jsonl", [{"frames": names("a")}]))
    assert len(found.clips) == 1


def test_one_clip_a_scene_and_camera_in_order_of_time(tmp_path):
    touch(tmp_path, names("a") + names("b"))
    late = {"frames": names("a"), "scene": "s", "camera": "c", "timestamps_s": [10 + i for i in range(16)]}
    early = {"frames": names("b"), "scene": "s", "camera": "c", "timestamps_s": [2 + i * 0.5 for i in range(16)]}
    (clip,) = read_manifest_clips(write_lines(tmp_path / "m.jsonl", [late, early])).clips
    assert [record.line for record in clip.frame_records] == [2, 1]
    assert clip.frame_records[0].timestamps_s[0] == 0.0
    assert clip.frame_records[1].timestamps_s[0] == 8.0


def test_a_record_without_times_keeps_the_order_of_the_manifest(tmp_path):
    touch(tmp_path, names("a") + names("b"))
    timed = {"frames": names("a"), "timestamps_s": list(range(16))}
    (clip,) = read_manifest_clips(write_lines(tmp_path / "m.jsonl", [timed, {"frames": names("b")}])).clips
    assert [record.line for record in clip.frame_records] == [1, 2]
    assert all(record.timestamps_s is None for record in clip.frame_records)


def test_times_come_from_file_names_and_a_jump_is_flagged(tmp_path):
    start_us = 1531883546512463
    times_us = [start_us + index * 500_000 + (169_500_000 if index >= 9 else 0) for index in range(16)]
    steady_us = [start_us - 20_000_000 + index * 500_000 for index in range(16)]
    paths = {
        key: [f"sweeps/n015-2018-07-18-11-07-57+0800__CAM_FRONT__{time_us}.jpg" for time_us in times]
        for key, times in (("jump", times_us), ("steady", steady_us))
    }
    touch(tmp_path, paths["jump"] + paths["steady"])
    records = [{"frames": paths["jump"], "scene": "log"}, {"frames": paths["steady"], "scene": "log"}]
    (clip,) = read_manifest_clips(write_lines(tmp_path / "m.jsonl", records)).clips
    (problem,) = clip.problems
    assert problem.code == "time_jump"
    assert problem.severity == "warning"
    assert "line 1: 170.000 s lie between images 9 and 10" in problem.message
    assert problem.time_s == pytest.approx(24.0)


def test_a_step_of_two_medians_is_no_jump_and_of_three_is(tmp_path):
    for factor, expected in ((2.4, 0), (2.6, 1)):
        times = [0.5 * index + (0.5 * (factor - 1) if index > 7 else 0.0) for index in range(16)]
        touch(tmp_path, names("a"))
        (clip,) = read_manifest_clips(
            write_lines(tmp_path / "m.jsonl", [{"frames": names("a"), "timestamps_s": times}])
        ).clips
        assert len(clip.problems) == expected


def test_times_that_do_not_rise_are_not_used(tmp_path):
    touch(tmp_path, names("a"))
    record = {"frames": names("a"), "timestamps_s": [0, 2, 1, *range(3, 16)]}
    (clip,) = read_manifest_clips(write_lines(tmp_path / "m.jsonl", [record])).clips
    assert [problem.code for problem in clip.problems] == ["time_order"]
    assert clip.frame_records[0].timestamps_s is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1e6), max_size=20), max_size=5))
def test_median_step_equals_the_obvious_one(sequences):
    steps = sorted(b - a for times in sequences for a, b in itertools.pairwise(times) if b > a)
    found = frame_times.median_step_s(sequences)
    if not steps:
        assert found is None
    else:
        middle = len(steps) // 2
        expected = steps[middle] if len(steps) % 2 else (steps[middle - 1] + steps[middle]) / 2
        assert found == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=17)
        | st.dictionaries(st.sampled_from(["frames", "frame_paths", "scene", "camera", "timestamps_s", "x"]), inner)
    ),
    max_leaves=24,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(JSON_VALUES.map(json.dumps) | st.text(max_size=30), max_size=4))
def test_any_manifest_gives_clips_or_a_sentence(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("m") / "m.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    with pytest.raises(EgocleanError) as caught:
        read_manifest_clips(path)
    assert "m.jsonl" in str(caught.value)
