"""Facts known without decoding, for the shapes of video that sources hold."""

from fractions import Fraction

import numpy as np
import pytest
from media_clips import real_clip, write_clip

from egoclean.media.decode import decode_frames
from egoclean.media.probe import probe, times_s
from egoclean.records import MediaLocation


def decoded_pts(location):
    return np.array([frame.pts for frame in decode_frames(location)])


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_packet_times_equal_the_decoded_ones(tmp_path, codec, suffix):
    location = write_clip(tmp_path / f"a.{suffix}", codec=codec, options={"bf": "2"})
    found = probe(location)
    np.testing.assert_array_equal(found.pts, decoded_pts(location))
    assert found.header.packet_count == 30
    assert (found.header.width, found.header.height) == (96, 64)
    assert found.header.duration_s == pytest.approx(1.0, abs=0.002)
    assert found.problems == ()


def test_constant_29_97(tmp_path):
    location = write_clip(tmp_path / "a.mp4", time_base=Fraction(1, 30000), step=1001)
    found = probe(location)
    assert found.header.average_rate == Fraction(30000, 1001)
    np.testing.assert_allclose(times_s(found.pts, found.header.time_base), np.arange(30) * 1001 / 30000)


def test_variable_rate_is_told_by_its_own_times_and_its_gap_is_noted(tmp_path):
    pts = [0, 15360, 30720, *range(46080, 46080 + 60 * 256, 256)]
    found = probe(write_clip(tmp_path / "a.mp4", pts=pts))
    assert found.pts.tolist() == pts
    assert [problem.code for problem in found.problems] == ["gap"]
    assert found.problems[0].time_s == 0.0


def test_an_offset_start_is_a_fact(tmp_path):
    found = probe(write_clip(tmp_path / "a.mp4", pts=[76800 + 512 * i for i in range(30)]))
    assert found.header.start_pts == 76800
    assert times_s(found.pts, found.header.time_base)[0] == 0


def test_rotation_streams_and_sound_are_told(tmp_path):
    assert probe(write_clip(tmp_path / "r.mp4", rotation=90)).header.rotation_deg == 90
    assert [p.code for p in probe(write_clip(tmp_path / "s.mp4", second=True)).problems] == ["several_streams"]
    assert probe(write_clip(tmp_path / "t.mp4", audio=True)).problems == ()


def test_interlaced_video_is_told(tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    found = probe(write_clip(tmp_path / "i.mp4", options=options))
    assert found.header.interlaced
    assert "interlaced" in [problem.code for problem in found.problems]


@pytest.mark.parametrize(("pixel_format", "full"), [("yuv420p", False), ("yuvj420p", True), ("gray", False)])
def test_range_of_luma(tmp_path, pixel_format, full):
    assert probe(write_clip(tmp_path / "a.mp4", pixel_format=pixel_format)).header.full_range is full


def test_a_video_inside_an_archive_is_read_in_place(tmp_path):
    location = write_clip(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.tar").write_bytes(b"x" * 1000 + data + b"y" * 1000)
    inside = MediaLocation(str(tmp_path / "b.tar"), 1000, len(data))
    assert probe(inside).header == probe(location).header
    np.testing.assert_array_equal(decoded_pts(inside), decoded_pts(location))


def test_one_frame(tmp_path):
    found = probe(write_clip(tmp_path / "a.mp4", frames=1))
    assert found.pts.tolist() == [0]
    assert found.problems == ()


@pytest.mark.clips
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("egocentric_kitchen_1080p30_4s.mp4", 121),
        ("driving_lane_960x540_25fps_9s.mp4", 221),
        ("hands_pancake_426x240_30fps.mkv", 310),
        ("people_340x256_28fps_10s.mp4", 280),
    ],
)
def test_real_clips(name, count):
    found = probe(real_clip(name))
    assert len(found.pts) == count
    assert found.problems == ()
