"""One picture taken out in a process of its own, and rectified without a run."""

import dataclasses
import subprocess

import numpy as np
import pytest

from egoclean.config import RectifyConfig
from egoclean.errors import MediaError
from egoclean.media import apart
from egoclean.media.planes import frame_planes
from egoclean.media.probe import probe
from egoclean.media.sample import JUMP_S, before_after, decoded_at, decoded_at_each, small_pictures
from egoclean.media.still import rectify_still
from egoclean.records import CameraModel, Intrinsics, MediaLocation

LENS = Intrinsics(CameraModel.FISHEYE, 160, 120, 80.0, 80.0, 79.5, 59.5, -0.05, 0.01, 0.0, 0.0)


@pytest.fixture(scope="module")
def location(make_video, tmp_path_factory):
    path = tmp_path_factory.mktemp("still") / "clip.mp4"
    make_video(path, frames=40)
    return MediaLocation(str(path))


def test_the_planes_of_a_child_are_those_decoded_here(location):
    there = apart.still_planes(location, 0.7)
    here = frame_planes(decoded_at(location, 0.7))
    assert [plane.shape for plane in there] == [(120, 160), (60, 80), (60, 80)]
    assert all(np.array_equal(one, other) for one, other in zip(there, here, strict=True))


def test_many_moments_give_what_each_gives_alone(make_video, tmp_path):
    make_video(tmp_path / "long.mp4", frames=150)
    location = MediaLocation(str(tmp_path / "long.mp4"))
    times_s = [0.0, 0.7, 0.7, 0.71, 0.9 + JUMP_S, 4.0, 900.0]
    alone = [decoded_at(location, time_s).pts for time_s in times_s]
    assert [frame.pts for frame in decoded_at_each(location, times_s)] == alone
    assert alone[1] == alone[2] < alone[4] < alone[6]
    assert [picture.shape for picture in small_pictures(location, [0.0, 3.0], 80)] == [(60, 80, 3)] * 2


def test_a_still_at_full_width_is_what_a_run_writes(location):
    config = RectifyConfig(hfov_deg=70.0, projection="cylindrical")
    header = probe(location).header
    before, after, report = before_after(location, LENS, config, 0.7)
    still = rectify_still(apart.still_planes(location, 0.7), header, LENS, config, 160)
    assert np.array_equal(still.before, before)
    assert np.array_equal(still.after, after)
    assert dataclasses.replace(still.report, lines_found=None, straightness_before_px=None,
                               straightness_after_px=None, warnings=report.warnings) == report  # fmt: skip


def test_a_small_still_keeps_the_report_of_the_full_size(location):
    planes, header = apart.still_planes(location, 0.0), probe(location).header
    full, small = (rectify_still(planes, header, LENS, RectifyConfig(), width) for width in (160, 80))
    assert small.after.shape == (60, 80, 3)
    assert small.report == full.report
    bare = rectify_still(planes, header, None, RectifyConfig(), 160)
    assert not bare.report.rectified
    assert np.array_equal(bare.before, bare.after)


def test_damage_a_crash_and_a_hang_are_each_one_sentence(location, tmp_path, monkeypatch):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 100)
    with pytest.raises(MediaError) as caught:
        apart.still_planes(MediaLocation(str(broken)), 0.0)
    assert caught.value.code == "not_video"
    monkeypatch.setattr(apart, "_child", lambda request, timeout_s: subprocess.CompletedProcess([], -11, b"", b""))
    with pytest.raises(MediaError, match="made the decoder stop"):
        apart.still_planes(location, 0.0)
    monkeypatch.undo()
    with pytest.raises(MediaError) as caught:
        apart.still_planes(location, 0.0, timeout_s=0.01)
    assert caught.value.code == "timeout"


def test_stated_lengths_come_in_order_with_gaps_where_nothing_is_known(location, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 100)
    first, second, third = apart.stated_lengths([location, MediaLocation(str(broken)), location])
    header = probe(location).header
    assert second is None
    assert first == third
    assert first.duration_s == pytest.approx(header.duration_s, abs=0.05)
    assert (first.frame_rate, first.width, first.height) == (30.0, 160, 120)
    assert apart.stated_lengths([location], timeout_s=0.01) == [None]
    assert apart.stated_lengths([]) == []
