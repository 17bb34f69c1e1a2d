"""Calibrations that are impossible or belong elsewhere, and pictures of two sizes: rows 10, 17, 18 and 22."""

import dataclasses
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from media_clips import lens, write_clip
from pipeline_tools import manifest_of, run, work_here, write_frames, write_lines

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import project
from egoclean.core.intrinsics import intrinsics_to_dict
from egoclean.library import Library
from egoclean.media.rectify import rectify_video
from egoclean.records import CameraModel, Intrinsics, MediaLocation
from egoclean.store.project import Project, Settings

SIZE = (96, 64)
ALL = Settings().changed("select", {"budget": "100%"})
GOOD = intrinsics_to_dict(lens(*SIZE))


def reasons(root):
    return {
        step.clip_id: (step.verb, step.reason) for step in Library(Project(root)).steps() if step.status == "rejected"
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (json.dumps(GOOD | {"fx": 0}), "fx"),
        (json.dumps(GOOD | {"fy": -30.0}), "fy"),
        (json.dumps(GOOD | {"cx": float("nan")}), "cx"),
        (json.dumps(GOOD | {"k1": "0.1"}), "k1"),
        (json.dumps(GOOD | {"cy": 65}), "cy"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "k4"}), "k4"),
        (json.dumps(GOOD).replace(str(GOOD["fx"]), "1e999", 1), "fx"),
        (json.dumps(GOOD)[:-1] + ', "fx": 5.0}', "fx"),
        ("[" * 100_000, "nests too deep"),
        ("\xff\xfe", "intrinsics.json"),
    ],
    ids=["zero", "negative", "nan", "text", "outside", "missing", "infinite", "twice", "nested", "no_json"],
)
def test_a_clip_of_an_impossible_camera_is_rejected_by_field_and_the_others_go_on(tmp_path, monkeypatch, text, field):
    work_here(monkeypatch)
    for name, document in (("bad", text), ("good", json.dumps(GOOD))):
        (tmp_path / "footage" / name).mkdir(parents=True)
        write_clip(tmp_path / "footage" / name / "a.mp4", 70, SIZE)
        (tmp_path / "footage" / name / "intrinsics.json").write_text(document, encoding="latin-1")
    summary, _ = run(tmp_path / "project", tmp_path / "footage", settings=ALL, until="rectify")
    assert (summary.rejected, summary.exit_status) == (1, 3)
    ((clip_id, (_, reason)),) = reasons(tmp_path / "project").items()
    assert clip_id == "footage/bad/a.mp4"
    assert field in reason
    assert "intrinsics.json" in reason
    (row,) = [row for row in Library(Project(tmp_path / "project")).clips() if row.clip_id == clip_id]
    assert [problem["code"] for problem in row.facts["problems"]] == ["bad_intrinsics"]
    assert Library(Project(tmp_path / "project")).entry("footage/good/a.mp4", "rectify").details["rectified"]


def test_a_calibration_at_another_size_is_scaled_and_of_another_aspect_refused(tmp_path, monkeypatch):
    work_here(monkeypatch)
    for name, size in (("double", (192, 128)), ("wide", (192, 108))):
        (tmp_path / "footage" / name).mkdir(parents=True)
        write_clip(tmp_path / "footage" / name / "a.mp4", 70, SIZE)
        (tmp_path / "footage" / name / "intrinsics.json").write_text(json.dumps(intrinsics_to_dict(lens(*size))))
    summary, _ = run(tmp_path / "project", tmp_path / "footage", settings=ALL, until="rectify")
    assert summary.exit_status == 3
    ((clip_id, (verb, reason)),) = reasons(tmp_path / "project").items()
    assert (clip_id, verb) == ("footage/wide/a.mp4", "rectify")
    assert "another aspect" in reason
    entry = Library(Project(tmp_path / "project")).entry("footage/double/a.mp4", "rectify")
    used = entry.json("intrinsics.json")["source_calibration"]
    assert (used["image_width"], used["image_height"], used["fx"]) == (*SIZE, pytest.approx(lens(*SIZE).fx))
    assert used["k1"] == lens(*SIZE).k1


def test_rotated_footage_of_a_calibrated_camera_is_rejected_in_the_run(tmp_path, monkeypatch):
    work_here(monkeypatch)
    for name in ("calibrated", "plain"):
        (tmp_path / "footage" / name).mkdir(parents=True)
        write_clip(tmp_path / "footage" / name / "a.mp4", 70, SIZE, rotation=90)
    (tmp_path / "footage" / "calibrated" / "intrinsics.json").write_text(json.dumps(GOOD))
    summary, _ = run(tmp_path / "project", tmp_path / "footage", settings=ALL)
    assert summary.exit_status == 3
    ((clip_id, (verb, reason)),) = reasons(tmp_path / "project").items()
    assert (clip_id, verb) == ("footage/calibrated/a.mp4", "rectify")
    assert "rotated by 90 degrees" in reason
    assert {row["clip_id"] for row in manifest_of(tmp_path / "project")} == {"footage/plain/a.mp4"}


def write_lines_through(path, camera):
    """Write a few frames of black parallel lines on a plane in front of the camera."""
    picture = np.full((camera.image_height, camera.image_width), 220, np.uint8)
    along = np.linspace(-1.2, 1.2, 200)
    for offset in np.arange(-1.125, 1.2, 0.125):
        points = np.stack([along, np.full_like(along, offset), np.ones_like(along)], axis=-1)
        pixels = project(points, camera)
        pixels = pixels[np.isfinite(pixels).all(axis=1)]
        cv2.polylines(picture, [np.round(pixels * 8).astype(np.int32)], False, 20, 3, cv2.LINE_AA, 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = camera.image_width, camera.image_height, "yuv420p"
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=-1), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return MediaLocation(str(path))


def test_a_calibration_of_another_camera_is_warned_of(tmp_path):
    fisheye = lens(960, 540)
    straight = Intrinsics(CameraModel.PINHOLE, 960, 540, 420.0, 420.0, 479.5, 269.5)

    def warnings(camera, calibration):
        location = write_lines_through(tmp_path / "a.mp4", camera)
        report = rectify_video(location, calibration, RectifyConfig(), tmp_path / "out", "c").report
        assert report["lines_found"] >= 20
        return [warning for warning in report["warnings"] if "another camera" in warning]

    assert warnings(fisheye, fisheye) == []
    (warning,) = warnings(straight, dataclasses.replace(fisheye, k1=0.3))
    assert "bend more" in warning


def test_pictures_of_two_sizes_reject_their_clip_by_line_and_the_others_go_on(tmp_path, monkeypatch):
    work_here(monkeypatch)
    lines = [*write_frames(tmp_path, "even", records=2), *write_frames(tmp_path, "mixed", records=1)]
    lines += [{**line, "scene": "mixed"} for line in write_frames(tmp_path, "other", records=1, size=(64, 96))]
    manifest = write_lines(tmp_path / "clips.jsonl", lines)
    summary, _ = run(tmp_path / "project", manifest, settings=ALL)
    assert (summary.rejected, summary.exit_status) == (1, 3)
    ((clip_id, (_, reason)),) = reasons(tmp_path / "project").items()
    assert "mixed" in clip_id
    assert "96x64" in reason
    assert "(line 4) is 64x96" in reason
    assert {row["scene"] for row in manifest_of(tmp_path / "project")} == {"even"}
