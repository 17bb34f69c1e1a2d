"""A clip from end to end: one frame for each source frame, at its time, and a report that says what was done."""

import dataclasses
import hashlib
import json
from fractions import Fraction

import numpy as np
import pytest
from media_clips import lens, number_of, real_clip, write_clip

from egoclean.config import RectifyConfig
from egoclean.core.intrinsics import parse_intrinsics
from egoclean.errors import IntrinsicsError, MediaError
from egoclean.media import transcode
from egoclean.media.decode import decode_frames
from egoclean.media.frames import read_frames
from egoclean.media.probe import probe
from egoclean.media.rectify import rectify_video
from egoclean.media.sample import before_after, frame_at
from egoclean.records import CameraModel, MediaLocation


def rectify(location, tmp_path, intrinsics=None, **options):
    out = tmp_path / "out"
    return rectify_video(location, intrinsics, RectifyConfig(**options), out, "clip")


def numbers(path):
    return [number_of(frame.to_ndarray(format="gray")) for frame in decode_frames(MediaLocation(str(path)))]


def seconds(location):
    found = probe(location)
    return [int(time) * found.header.time_base for time in found.pts]


SHAPES = {
    "plain": {},
    "h265": {"codec": "libx265"},
    "ten_bit": {"codec": "libx265", "pixel_format": "yuv420p10le"},
    "full_chroma": {"pixel_format": "yuv444p"},
    "full_range": {"pixel_format": "yuvj420p"},
    "grey": {"pixel_format": "gray"},
    "odd": {"size": (97, 65), "pixel_format": "yuv444p"},
    "ntsc": {"time_base": Fraction(1, 30000), "step": 1001},
    "offset": {"pts": [76800 + 512 * i for i in range(30)]},
    "variable": {"pts": [0, 15360, 30720, *range(46080, 46080 + 27 * 256, 256)]},
    "b_frames": {"options": {"bf": "3"}},
    "one_frame": {"frames": 1},
    "strange name": {"metadata": {"title": "caf\u00e9"}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_video_keeps_its_frames_and_times(tmp_path, shape):
    name = "a b\n;$(x) é.mp4" if shape == "strange name" else "a.mp4"
    location = write_clip(tmp_path / name, **SHAPES[shape])
    result = rectify(location, tmp_path)
    view = MediaLocation(str(result.view_path))
    expected = probe(location).pts
    np.testing.assert_array_equal(result.pts, expected)
    assert seconds(view) == seconds(location)
    assert numbers(result.view_path) == list(range(len(expected)))
    assert result.report["view_start_s"] == (5.0 if shape == "offset" else 0.0)
    assert result.report["rectified"] is False
    assert "no calibration" in result.report["reason"]
    assert result.intrinsics is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip.view.mp4"]


@pytest.mark.parametrize("shape", ["plain", "ten_bit", "odd", "grey", "full_range"])
def test_rectified_pictures_of_every_format_agree(tmp_path, shape):
    options = {
        "size": (160, 96),
        **SHAPES[shape],
        "frames": 3,
        "options": {"crf": "4"} if "codec" not in SHAPES[shape] else {},
    }
    location = write_clip(tmp_path / "a.mp4", **options)
    intrinsics = lens(*options["size"])
    before, after, report = before_after(location, intrinsics, RectifyConfig(), 0.0)
    result = rectify(location, tmp_path, intrinsics, full=True, full_crf=4, view_crf=4)
    assert report.rectified
    assert after.shape[0] % 2 == after.shape[1] % 2 == 0
    written = frame_at(MediaLocation(str(result.full_path)), 0.0).astype(float)
    assert np.abs(written - after).mean() < 4
    assert np.abs(before[40:50, 70:90].astype(float).mean() - after[40:50, 70:90].mean()) < 8


def test_written_camera_and_report(tmp_path):
    location = write_clip(tmp_path / "a.mp4", size=(160, 90))
    calibration = dataclasses.replace(lens(320, 180))
    result = rectify(location, tmp_path, calibration, full=True, hfov_deg=90.0, view_max_lines=64)
    camera = parse_intrinsics(json.loads(json.dumps(result.intrinsics)), "x")
    assert camera.model is CameraModel.PINHOLE
    assert (camera.image_width, camera.image_height) == (160, 90)
    assert camera.fx == camera.fy == pytest.approx(80.0)
    assert result.intrinsics["source_calibration"]["image_width"] == 160
    assert result.report["hfov_deg"] == pytest.approx(90.0)
    assert (result.report["view_width"], result.report["view_height"]) == (114, 64)
    assert result.report["source"]["time_base"] == "1/15360"
    assert probe(MediaLocation(str(result.full_path))).header.width == 160
    json.dumps(result.report, allow_nan=False)


def test_a_pinhole_camera_passes_with_a_notice(tmp_path):
    location = write_clip(tmp_path / "a.mp4")
    pinhole = dataclasses.replace(lens(96, 64), model=CameraModel.PINHOLE, k1=0.0, k2=0.0, k3=0.0, k4=0.0)
    result = rectify(location, tmp_path, pinhole, full=True)
    assert result.full_path is None
    assert "pinhole already" in result.report["reason"]
    assert result.intrinsics["model"] == "pinhole"
    assert result.intrinsics["fx"] == pinhole.fx


def test_rotated_footage_is_shown_upright_without_a_calibration_and_refused_with_one(tmp_path):
    location = write_clip(tmp_path / "a.mp4", rotation=90)
    result = rectify(location, tmp_path)
    assert (result.report["view_width"], result.report["view_height"]) == (64, 96)
    with pytest.raises(MediaError, match="rotated by 90 degrees") as caught:
        rectify(location, tmp_path, lens(96, 64))
    assert caught.value.code == "rotated"


def test_interlaced_footage_of_a_calibrated_camera_is_refused(tmp_path):
    location = write_clip(tmp_path / "i.mp4", options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    with pytest.raises(MediaError, match="interlaced") as caught:
        rectify(location, tmp_path, lens(96, 64))
    assert caught.value.code == "interlaced"


def test_another_aspect_is_refused(tmp_path):
    with pytest.raises(IntrinsicsError, match="another aspect"):
        rectify(write_clip(tmp_path / "a.mp4"), tmp_path, lens(160, 90))


def test_bytes_do_not_depend_on_workers_and_segments_join_exactly(tmp_path, monkeypatch):
    monkeypatch.setattr(transcode, "SEGMENT_S", 0.4)
    location = write_clip(tmp_path / "a.mp4", frames=90, options={"g": "5", "bf": "2"})
    digests = set()
    for workers in (1, 3):
        out = tmp_path / str(workers)
        result = rectify_video(location, lens(96, 64), RectifyConfig(full=True), out, "c", workers=workers)
        np.testing.assert_array_equal(result.pts, probe(location).pts)
        digests.add(hashlib.sha256(result.view_path.read_bytes() + result.full_path.read_bytes()).hexdigest())
        assert sorted(path.name for path in out.iterdir()) == ["c.rectified.mp4", "c.view.mp4"]
    assert len(digests) == 1
    assert len(transcode.segment_starts(location, probe(location).header)) >= 3
    monkeypatch.setattr(transcode, "SEGMENT_S", 20.0)
    assert numbers(rectify(location, tmp_path).view_path) == list(range(90))


def test_open_gops_are_cut_without_losing_a_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(transcode, "SEGMENT_S", 0.4)
    options = {"x265-params": "log-level=none:open-gop=1:keyint=10:min-keyint=10:bframes=4:b-adapt=0"}
    location = write_clip(tmp_path / "a.mp4", frames=90, codec="libx265", options=options)
    result = rectify(location, tmp_path)
    assert len(transcode.segment_starts(location, probe(location).header)) >= 3
    assert numbers(result.view_path) == list(range(90))


def test_a_progress_that_raises_cancels_and_leaves_nothing(tmp_path):
    location = write_clip(tmp_path / "a.mp4", frames=60)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rectify_video(location, None, RectifyConfig(), tmp_path / "out", "c", stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_progress_ends_at_the_number_of_frames(tmp_path):
    seen = []
    location = write_clip(tmp_path / "a.mp4")
    rectify_video(location, None, RectifyConfig(), tmp_path, "c", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)


def test_windows_read_their_own_frames_once(tmp_path):
    view = rectify(write_clip(tmp_path / "a.mp4", frames=40), tmp_path).view_path
    windows = [np.arange(0, 16), np.arange(8, 24), np.array([3, 3, 39]), np.arange(30, 40, 3)]
    shown = list(read_frames(view, windows, 64, "squash"))
    for indices, pictures in zip(windows, shown, strict=True):
        assert pictures.shape == (len(indices), 64, 64, 3)
        assert [number_of(picture) for picture in pictures] == indices.tolist()
    with pytest.raises(MediaError, match="ends before frame 40"):
        list(read_frames(view, [np.array([40])], 64))


def test_frame_at_shows_the_frame_of_that_time(tmp_path):
    location = write_clip(tmp_path / "a.mp4", frames=40, pts=[76800 + 512 * i for i in range(40)])
    for time_s, expected in ((0.0, 0), (0.5, 15), (0.51, 15), (1.0, 30), (99.0, 39), (-1.0, 0)):
        assert number_of(frame_at(location, time_s)) == expected


@pytest.mark.clips
def test_a_real_clip_reads_back_frame_by_frame(tmp_path):
    location = real_clip("hands_pancake_426x240_30fps.mkv")
    result = rectify(location, tmp_path)
    assert seconds(MediaLocation(str(result.view_path))) == seconds(location)
    pairs = zip(decode_frames(location), decode_frames(MediaLocation(str(result.view_path))), strict=True)
    differences = [
        np.abs(a.to_ndarray(format="gray").astype(int) - b.to_ndarray(format="gray")).mean() for a, b in pairs
    ]
    assert max(differences) < 6


@pytest.mark.parametrize(("frames", "expected"), [(30, [3, 11, 18, 26]), (3, [0, 1, 2]), (1, [0])])
def test_pictures_of_the_view_are_spread_evenly(tmp_path, frames, expected):
    location = write_clip(tmp_path / "a.mp4", frames=frames)
    result = rectify_video(location, None, RectifyConfig(), tmp_path / "out", "clip", picture_count=4)
    assert [number_of(picture) for picture in result.pictures] == expected
    assert len({picture.shape for picture in result.pictures}) == 1
