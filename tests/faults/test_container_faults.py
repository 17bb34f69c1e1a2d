"""Containers that claim what is not so, or keep time in unusual ways: rows 7 to 9, 11, 13 and 14 of the fault table."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from media_clips import lens, number_of, write_clip

from egoclean.config import RectifyConfig
from egoclean.core.windows import window_grid
from egoclean.errors import MediaError
from egoclean.media.decode import decode_frames
from egoclean.media.frames import read_frames
from egoclean.media.probe import probe
from egoclean.media.rectify import rectify_video
from egoclean.media.sample import before_after
from egoclean.records import MediaLocation


def rectified(location, tmp_path, intrinsics=None):
    return rectify_video(location, intrinsics, RectifyConfig(), tmp_path / "out", "c")


def numbers(path):
    return [number_of(frame.to_ndarray(format="gray")) for frame in decode_frames(MediaLocation(str(path)))]


def patched(path, box, at, value, form=">I"):
    """Overwrite a number ``at`` bytes after the first occurrence of a box's name."""
    data = bytearray(path.read_bytes())
    place = data.index(box) + at
    data[place : place + struct.calcsize(form)] = struct.pack(form, value)
    path.write_bytes(data)
    return MediaLocation(str(path))


def codes(problems):
    return [problem.code for problem in problems]


@pytest.mark.parametrize("claimed", [29, 31, 1000, 2**32 - 1])
def test_another_number_of_frames_in_the_header_is_a_warning_when_none_is_missing(tmp_path, claimed):
    write_clip(tmp_path / "a.mp4")
    location = patched(tmp_path / "a.mp4", b"stts", 12, claimed)
    found = probe(location)
    assert (found.header.frame_count_header, found.header.packet_count) == (claimed, 30)
    assert codes(found.problems) == ["count_mismatch"]
    assert f"claims {claimed} frames, found 30" in found.problems[0].message
    result = rectified(location, tmp_path)
    assert numbers(result.view_path) == list(range(30))
    assert codes(result.problems) == ["count_mismatch"]


def test_a_longer_time_in_the_header_is_a_warning(tmp_path):
    write_clip(tmp_path / "a.mkv", frames=60)
    assert probe(MediaLocation(str(tmp_path / "a.mkv"))).problems == ()
    location = patched(tmp_path / "a.mkv", b"\x44\x89\x88", 3, 90_000.0, ">d")
    found = probe(location)
    assert codes(found.problems) == ["count_mismatch"]
    assert "claims 90.0 s, found 2.0 s" in found.problems[0].message
    assert len(rectified(location, tmp_path).pts) == 60


@pytest.mark.parametrize(("box", "at"), [(b"mdhd", 20), (b"mvhd", 20), (b"tkhd", 24)])
def test_a_false_duration_of_a_track_changes_no_time(tmp_path, box, at):
    true = probe(write_clip(tmp_path / "a.mp4"))
    found = probe(patched(tmp_path / "a.mp4", box, at, 10**8))
    np.testing.assert_array_equal(found.pts, true.pts)
    assert found.header.duration_s == true.header.duration_s


def test_windows_of_uneven_footage_show_what_was_filmed_at_their_seconds(tmp_path):
    slow = [index * 15360 for index in range(4)]
    fast = [4 * 15360 + 256 * index for index in range(150)]
    pts = [*slow, *fast]
    result = rectified(write_clip(tmp_path / "a.mp4", pts=pts), tmp_path)
    windows, dropped = window_grid(result.pts, result.header.time_base, 60, 1.0)
    assert [round(window.start_s, 3) for window in windows] == [4.0, 5.0]
    assert [item.start_s for item in dropped] == [0.0, 1.0, 2.0, 3.0]
    indices = [np.array([window.first_frame, window.first_frame + 59]) for window in windows]
    for window, pictures in zip(windows, read_frames(result.view_path, indices, 64, "squash"), strict=True):
        shown_s = [pts[number_of(picture)] / 15360 for picture in pictures]
        assert shown_s[0] == pytest.approx(window.start_s, abs=1 / 60)
        assert shown_s[1] == pytest.approx(window.stop_s, abs=2 / 60)


def cut_by_edit_list(source, target, frames):
    """Copy a video's packets ``frames`` earlier, as ``-ss`` with a stream copy does: an edit list hides the first."""
    with (
        av.open(source.path) as opened,
        av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as container,
    ):
        stream = opened.streams.video[0]
        written = container.add_stream_from_template(stream)
        for packet in opened.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - frames * 512, packet.dts - frames * 512, written
                container.mux(packet)
    return MediaLocation(str(target))


@pytest.mark.parametrize("hidden", [10, 14])
def test_frames_hidden_by_an_edit_list_are_no_frames(tmp_path, hidden):
    whole = write_clip(tmp_path / "a.mp4", frames=90, options={"g": "10", "bf": "2"})
    location = cut_by_edit_list(whole, tmp_path / "b.mp4", hidden)
    assert b"elst" in Path(location.path).read_bytes()
    result = rectified(location, tmp_path)
    assert numbers(result.view_path) == list(range(hidden, 90))
    windows, _ = window_grid(result.pts, result.header.time_base, 32, 1.0)
    assert [window.start_s for window in windows] == [0.0, 1.0]


def test_a_late_start_is_kept_as_a_fact_and_the_first_window_is_at_zero(tmp_path):
    location = write_clip(tmp_path / "a.mp4", frames=70, pts=[76800 + 512 * index for index in range(70)])
    result = rectified(location, tmp_path)
    (window,), _ = window_grid(result.pts, result.header.time_base, 64, 1.0)
    assert (window.start_s, window.start_pts, result.header.start_pts) == (0.0, 76800, 76800)
    assert result.report["view_start_s"] == 5.0


def test_the_first_of_two_video_streams_is_used_with_a_warning(tmp_path):
    result = rectified(write_clip(tmp_path / "a.mp4", second=True), tmp_path)
    assert (result.header.width, result.header.height) == (96, 64)
    assert numbers(result.view_path) == list(range(30))
    assert codes(result.problems) == ["several_streams"]


@pytest.mark.parametrize(
    ("options", "colour"),
    [
        ({"codec": "libx265", "pixel_format": "yuv420p10le"}, True),
        ({"pixel_format": "yuv444p"}, True),
        ({"pixel_format": "yuvj420p"}, True),
        ({"pixel_format": "gray"}, False),
    ],
    ids=["ten_bit", "full_chroma", "full_range", "grey"],
)
def test_every_format_is_rectified_as_eight_bit_is(tmp_path, options, colour):
    quality = {"x265-params": "log-level=none:crf=4"} if options.get("codec") == "libx265" else {"crf": "4"}
    size = (160, 96)
    common = {"frames": 3, "size": size}
    expected, found = (
        before_after(write_clip(tmp_path / name, **common, **form), lens(*size), RectifyConfig(), 0.0)[1].astype(float)
        for name, form in (("a.mp4", {"options": {"crf": "4"}}), ("b.mp4", {**options, "options": quality}))
    )
    if not colour:
        # The maker of grey files writes luma over the full range without a tag, so they are read with more contrast.
        expected = np.clip((expected @ [0.299, 0.587, 0.114] - 16) * 255 / 219, 0, 255)
        found = found.mean(axis=-1)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 3


def test_odd_sizes_come_out_even_and_show_the_same(tmp_path):
    even = before_after(write_clip(tmp_path / "a.mp4", 2, (160, 96)), lens(160, 96), RectifyConfig(), 0.0)[1]
    location = write_clip(tmp_path / "b.mp4", 2, (161, 97), pixel_format="yuv444p")
    odd = before_after(location, lens(161, 97), RectifyConfig(), 0.0)[1]
    assert odd.shape == (96, 160, 3)
    assert np.abs(odd.astype(float) - even).mean() < 20
    result = rectified(location, tmp_path, lens(161, 97))
    assert (result.report["view_width"] % 2, result.report["view_height"] % 2) == (0, 0)


@pytest.mark.parametrize(("box", "at"), [(b"stsz", 12), (b"stsc", 8), (b"stco", 8), (b"stss", 8), (b"stsd", 8)])
@pytest.mark.parametrize("claimed", [2**28, 2**32 - 16])
def test_tables_that_claim_to_be_giant_are_refused_or_harmless(tmp_path, box, at, claimed):
    write_clip(tmp_path / "a.mp4")
    location = patched(tmp_path / "a.mp4", box, at, claimed)
    try:
        result = rectified(location, tmp_path)
    except MediaError as error:
        assert error.code in {"not_video", "no_video", "decode_error", "truncated", "no_decoder"}  # noqa: PT017
        assert not list((tmp_path / "out").glob("*"))
    else:
        assert numbers(result.view_path) == list(range(30))
