"""``egoclean rectify`` on plain files, against its contract."""

import dataclasses
import json

import av
import pytest
from media_clips import lens

SIZE = (160, 120)


def write_intrinsics(path, size=SIZE, **changes):
    values = {**dataclasses.asdict(lens(*size)), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))
    return path


@pytest.fixture
def video(tmp_path, make_video):
    return make_video(tmp_path / "in" / "clip.mp4", 20, SIZE)


def frames_of(path):
    with av.open(str(path)) as container:
        return [(frame.pts, frame.width, frame.height) for frame in container.decode(video=0)]


def test_view_camera_and_report_take_the_name_of_the_source(egoclean, video, tmp_path):
    intrinsics = write_intrinsics(tmp_path / "cam.json")
    done = egoclean("rectify", video, "--intrinsics", intrinsics, "--out", tmp_path / "out", "--full")
    assert done.out == ""
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "clip.view.mp4",
        "clip.rectified.mp4",
        "clip.intrinsics.json",
        "clip.rectification.json",
        "intrinsics.json",
    }
    camera = json.loads((tmp_path / "out" / "clip.intrinsics.json").read_text())
    assert camera["model"] == "pinhole"
    assert (camera["image_width"], camera["image_height"]) == SIZE
    assert {"fx", "fy", "cx", "cy"} <= set(camera)
    assert json.loads((tmp_path / "out" / "intrinsics.json").read_text()) == camera
    assert json.loads((tmp_path / "out" / "clip.rectification.json").read_text())["rectified"] is True
    source = frames_of(video)
    for name in ("clip.view.mp4", "clip.rectified.mp4"):
        assert [pts for pts, *_ in frames_of(tmp_path / "out" / name)] == [pts for pts, *_ in source]


def test_a_rectified_file_passes_a_second_time_unrectified(egoclean, video, tmp_path):
    intrinsics = write_intrinsics(tmp_path / "cam.json")
    egoclean("rectify", video, "--intrinsics", intrinsics, "--out", tmp_path / "out", "--full")
    done = egoclean(
        "rectify",
        tmp_path / "out" / "clip.rectified.mp4",
        "--intrinsics",
        tmp_path / "out" / "clip.intrinsics.json",
        "--out",
        tmp_path / "again",
    )
    assert "pinhole" in done.err
    report = json.loads((tmp_path / "again" / "clip.rectified.rectification.json").read_text())
    assert report["rectified"] is False


def test_without_a_calibration_there_is_a_view_and_a_notice(egoclean, video, tmp_path):
    done = egoclean("rectify", video, "--out", tmp_path / "out")
    assert "clip.mp4: " in done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"clip.view.mp4", "clip.rectification.json"}


@pytest.mark.parametrize(
    "changes",
    [
        {"fx": 0},
        {"fy": -100},
        {"fx": float("nan")},
        {"cx": 1e9},
        {"k1": "wide"},
        {"fx": None},
        {"image_width": 0},
        {"model": "magic"},
        {"k1": 1e999},
    ],
    ids=str,
)
def test_an_impossible_calibration_is_refused_by_field(egoclean, video, tmp_path, changes):
    intrinsics = write_intrinsics(tmp_path / "cam.json", **changes)
    done = egoclean("rectify", video, "--intrinsics", intrinsics, "--out", tmp_path / "out", status=2)
    assert "cam.json" in done.err
    assert next(iter(changes)) in done.err
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("text", ["", "no json", "[]", "[" * 100_000, '{"fx": 1, "fx": 2}', "\x00"])
def test_a_calibration_that_is_no_document_is_refused(egoclean, video, tmp_path, text):
    (tmp_path / "cam.json").write_text(text)
    done = egoclean("rectify", video, "--intrinsics", tmp_path / "cam.json", "--out", tmp_path / "out", status=2)
    assert "cam.json" in done.err


def test_a_video_of_another_aspect_is_rejected_and_the_others_go_on(egoclean, video, tmp_path, make_video):
    wide = make_video(video.parent / "wide.mp4", 20, (160, 60))
    intrinsics = write_intrinsics(tmp_path / "cam.json")
    done = egoclean("rectify", wide, video, "--intrinsics", intrinsics, "--out", tmp_path / "out", status=3)
    assert f"rejected: {wide}: The video is 160x60" in done.err
    assert {path.name for path in (tmp_path / "out").glob("*.mp4")} == {"clip.view.mp4"}


def test_no_input_is_ever_replaced(egoclean, video, tmp_path):
    folder = video.parent
    before = video.read_bytes()
    for name, arguments in (
        ("clip.view.mp4", ()),
        ("intrinsics.json", ("--intrinsics", folder / "intrinsics.json")),
        ("clip.intrinsics.json", ("--intrinsics", folder / "clip.intrinsics.json")),
    ):
        if name.endswith("json"):
            write_intrinsics(folder / name)
        given = (video, *((folder / name,) if name.endswith("mp4") else ()))
        if name.endswith("mp4"):
            (folder / name).write_bytes(before)
        stored = (folder / name).read_bytes()
        done = egoclean("rectify", *given, *arguments, "--out", folder, status=2)
        assert "would replace an input" in done.err
        assert (folder / name).read_bytes() == stored
        (folder / name).unlink()
    assert video.read_bytes() == before


def test_two_videos_of_one_name_are_refused_before_anything_is_written(egoclean, video, tmp_path, make_video):
    other = make_video(tmp_path / "other" / "clip.mkv", 20, SIZE)
    done = egoclean("rectify", video, other, "--out", tmp_path / "out", status=2)
    assert "would both write clip.view.mp4" in done.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_video_is_rejected_and_the_others_go_on(egoclean, video, tmp_path):
    whole = video.read_bytes()
    cut, empty = tmp_path / "in" / "cut.mp4", tmp_path / "in" / "empty.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    empty.touch()
    done = egoclean("rectify", cut, empty, tmp_path / "none.mp4", video, "--out", tmp_path / "out", status=3)
    for name in ("cut.mp4", "empty.mp4", "none.mp4"):
        assert f"{name}: " in done.err
    assert {path.name for path in (tmp_path / "out").glob("*.mp4")} == {"clip.view.mp4"}


@pytest.mark.parametrize(
    "arguments",
    [("--hfov", "5"), ("--balance", "2"), ("--hfov", "90", "--balance", "0.5"), ("--projection", "sphere")],
)
def test_geometry_that_cannot_be_is_refused(egoclean, video, tmp_path, arguments):
    intrinsics = write_intrinsics(tmp_path / "cam.json")
    egoclean("rectify", video, "--intrinsics", intrinsics, "--out", tmp_path / "out", *arguments, status=2)
    assert not list(tmp_path.glob("out/*.mp4"))
