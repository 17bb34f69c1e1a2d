"""The good beginning of damaged videos: the frames before the damage, all of them right, and nothing after it."""

import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
from media_clips import number_of, write_clip

from egoclean.config import RectifyConfig
from egoclean.errors import MediaError
from egoclean.media import transcode
from egoclean.media.decode import decode_frames
from egoclean.media.probe import probe, times_s, whole_packets
from egoclean.media.rectify import rectify_video
from egoclean.media.salvage import good_part
from egoclean.records import MediaLocation

FRAMES = 120
OPTIONS = {
    "libx264": {"g": "30", "bf": "0"},
    "libx264 reordered": {"g": "30", "bf": "3"},
    "libx265": {"x265-params": "log-level=none:keyint=30:bframes=0"},
    "libx265 reordered": {"x265-params": "log-level=none:keyint=30:bframes=3:b-adapt=0"},
}
DEEPEST_REORDERING = 4


@pytest.fixture(scope="module", params=[(kind, suffix) for kind in OPTIONS for suffix in ("mp4", "mkv")], ids="-".join)
def whole(request, tmp_path_factory):
    kind, suffix = request.param
    path = tmp_path_factory.mktemp("whole") / f"a.{suffix}"
    return write_clip(path, FRAMES, (160, 120), kind.split()[0], options=OPTIONS[kind])


def damaged(whole, tmp_path, data):
    path = tmp_path / f"b{whole.path[-4:]}"
    path.write_bytes(data)
    return MediaLocation(str(path))


def luma(frames):
    return [frame.to_ndarray(format="gray") for frame in frames]


def bytes_before(whole, count):
    """The end of the last byte of the first ``count`` frames of a file, in order of their packets."""
    with av.open(whole.path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return packets[count - 1].pos + packets[count - 1].size


def rectified(location, out, **options):
    return rectify_video(location, None, RectifyConfig(), out, "c", **options)


@pytest.mark.parametrize("share", [0.55])
def test_a_cut_video_is_rejected_or_used_up_to_its_cut(whole, tmp_path, share):
    data = Path(whole.path).read_bytes()
    cut = damaged(whole, tmp_path, data[: int(len(data) * share)])
    with pytest.raises(MediaError) as caught:
        rectified(cut, tmp_path / "none")
    assert caught.value.code == "truncated"
    assert "--salvage prefix" in caught.value.hint
    result = rectified(cut, tmp_path / "prefix", salvage=True)
    good = len(result.pts)
    pts = probe(whole).pts
    np.testing.assert_array_equal(result.pts, pts[:good])
    read_whole = sum(bytes_before(whole, count) <= len(data) * share for count in range(1, FRAMES))
    assert read_whole - DEEPEST_REORDERING <= good <= read_whole
    assert 0 < good < FRAMES
    limited, probed = good_part(cut, caught.value)
    assert limited.last_pts == result.pts[-1]
    for mine, theirs in zip(luma(decode_frames(limited)), luma(decode_frames(whole))[:good], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    (salvaged,) = [problem for problem in result.problems if problem.code == "salvaged"]
    assert salvaged.time_s == result.report["salvaged_until_s"] == probed.header.duration_s
    assert salvaged.time_s == pytest.approx(good / 30, abs=0.002)
    assert "is cut" in salvaged.message
    assert caught.value.time_s == pytest.approx((good - 1) / 30, abs=0.002)


def test_the_view_of_the_good_part_equals_the_beginning_of_the_whole_view(whole, tmp_path):
    data = Path(whole.path).read_bytes()
    cut = damaged(whole, tmp_path, data[: len(data) // 2])
    prefix = rectified(cut, tmp_path / "prefix", salvage=True)
    view = rectified(whole, tmp_path / "whole")
    assert view.report["salvaged_until_s"] is None
    mine, theirs = (luma(decode_frames(MediaLocation(str(made.view_path)))) for made in (prefix, view))
    assert [number_of(picture) for picture in mine] == list(range(len(prefix.pts)))
    # How long the last frame lasts is guessed, and the encoder weighs frames by their length.
    np.testing.assert_array_equal(mine[:-1], theirs[: len(mine) - 1])


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_flipped_bytes_end_the_good_part_and_nothing_after_the_gap_is_used(tmp_path, codec):
    whole = write_clip(tmp_path / "a.mp4", 90, (320, 180), codec, options={"g": "30", "crf": "18"})
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    places = np.random.default_rng(3).integers(int(len(data) * 0.4), int(len(data) * 0.6), 400)
    for place in places:
        data[place] ^= 0x5A
    (tmp_path / "b.mp4").write_bytes(data)
    location = MediaLocation(str(tmp_path / "b.mp4"))
    with pytest.raises(MediaError) as caught:
        rectified(location, tmp_path / "none")
    result = rectified(location, tmp_path / "prefix", salvage=True)
    good = len(result.pts)
    assert 10 < good < 60
    np.testing.assert_array_equal(result.pts, probe(whole).pts[:good])
    assert times_s(result.pts, result.header.time_base)[-1] >= caught.value.time_s - 0.002
    (salvaged,) = [problem for problem in result.problems if problem.code == "salvaged"]
    assert "is damaged after" in salvaged.message


def test_a_damaged_video_is_one_piece_whatever_the_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(transcode, "SEGMENT_S", 0.4)
    write_clip(tmp_path / "a.mp4", 90, options={"g": "5", "bf": "2"})
    data = (tmp_path / "a.mp4").read_bytes()
    middle = bytes_before(MediaLocation(str(tmp_path / "a.mp4")), 60)
    (tmp_path / "b.mp4").write_bytes(data[:middle] + bytes(600) + data[middle + 600 :])
    location = MediaLocation(str(tmp_path / "b.mp4"))
    views = set()
    for workers in (1, 3):
        result = rectified(location, tmp_path / str(workers), salvage=True, workers=workers)
        assert 50 < len(result.pts) <= 60
        views.add(result.view_path.read_bytes())
        assert [path.name for path in (tmp_path / str(workers)).iterdir()] == ["c.view.mp4"]
    assert len(views) == 1


def test_what_has_nothing_good_is_rejected_as_before(tmp_path):
    write_clip(tmp_path / "a.mp4", faststart=False)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "no_table.mp4").write_bytes(data[: len(data) // 2])
    write_clip(tmp_path / "c.mp4")
    first = bytes_before(MediaLocation(str(tmp_path / "c.mp4")), 1)
    (tmp_path / "no_frame.mp4").write_bytes((tmp_path / "c.mp4").read_bytes()[: first - 5])
    (tmp_path / "text.mp4").write_bytes(b"hello")
    for name, code in (("no_table", "truncated_header"), ("no_frame", "truncated"), ("text", "not_video")):
        with pytest.raises(MediaError) as caught:
            rectified(MediaLocation(str(tmp_path / f"{name}.mp4")), tmp_path / "out", salvage=True)
        assert caught.value.code == code
        assert caught.value.time_s is None


def test_a_whole_video_is_the_same_with_and_without(whole, tmp_path):
    plain, asked = (rectified(whole, tmp_path / str(on), salvage=on) for on in (False, True))
    assert plain.view_path.read_bytes() == asked.view_path.read_bytes()
    assert plain.report == asked.report
    assert plain.problems == asked.problems


def test_a_video_whose_rest_is_missing_is_known_up_to_its_last_frame(whole, tmp_path):
    pts = probe(whole).pts
    limited = dataclasses.replace(whole, last_pts=int(pts[49]))
    assert probe(limited).header.packet_count == 50
    np.testing.assert_array_equal(probe(limited).pts, pts[:50])
    assert [frame.pts for frame in decode_frames(limited)] == pts[:50].tolist()
    found, time_base = whole_packets(whole)
    assert len(pts) - DEEPEST_REORDERING <= len(found) <= len(pts)
    assert time_base == probe(whole).header.time_base


@pytest.mark.fault
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_whatever_happens_to_the_pictures_the_good_part_is_a_beginning(tmp_path, codec):
    whole = write_clip(tmp_path / "a.mp4", 60, codec=codec, options={"g": "15", "bf": "2"})
    pts, data = probe(whole).pts, Path(whole.path).read_bytes()
    start = data.index(b"mdat") + 200
    lengths = []
    for seed in range(16):
        generator = np.random.default_rng(seed)
        changed = bytearray(data)
        first = int(generator.integers(start, len(data) - 400))
        if seed % 2:
            del changed[first : first + int(generator.integers(1, 400))]
        else:
            for place in generator.integers(first, first + 400, 40):
                changed[place] ^= int(generator.integers(1, 256))
        try:
            result = rectified(damaged(whole, tmp_path, bytes(changed)), tmp_path / "out", salvage=True)
        except MediaError as error:
            assert error.code in {"truncated", "decode_error"}  # noqa: PT017
            continue
        np.testing.assert_array_equal(result.pts, pts[: len(result.pts)])
        if result.report["salvaged_until_s"] is None:
            assert len(result.pts) == 60
        lengths.append(len(result.pts))
    assert len(set(lengths)) > 3
