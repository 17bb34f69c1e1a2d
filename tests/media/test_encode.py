"""What is written: times, keyframes, layout and bytes."""

import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest
from media_clips import textured

from egoclean.media.boxes import _mp4_boxes
from egoclean.media.decode import decode_frames
from egoclean.media.encode import EncodeOptions, VideoWriter, join_videos
from egoclean.media.planes import empty_frame
from egoclean.media.probe import probe
from egoclean.records import MediaLocation

OPTIONS = EncodeOptions(23, "superfast", 0.5)


def write(path, pts, time_base, rate=Fraction(30)):
    base = textured(96, 64)[..., 0]
    with VideoWriter(path, 96, 64, time_base, rate, OPTIONS) as writer:
        for index, time in enumerate(pts):
            frame, planes = empty_frame(96, 64)
            planes[0][...] = np.roll(base, index, axis=1)
            planes[1][...] = planes[2][...] = 128
            writer.write(frame, int(time))
    return MediaLocation(str(path))


def keyframes_s(path):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]


@pytest.mark.parametrize(
    ("time_base", "pts"),
    [
        (Fraction(1, 15360), 512 * np.arange(60)),
        (Fraction(1, 15360), 76800 + 512 * np.arange(60)),
        (Fraction(1, 15360), 9677 + 512 * np.arange(60)),
        (Fraction(1, 30000), 1001 * np.arange(60)),
        (Fraction(1001, 30000), np.arange(60)),
        (Fraction(1, 90000), 3003 * np.arange(60)),
        (Fraction(1, 1000), np.round(np.arange(60) * 1000 / 30)),
        (Fraction(1, 600), np.concatenate([600 * np.arange(4), 1810 + 10 * np.arange(60)])),
    ],
)
def test_every_frame_keeps_its_time(tmp_path, time_base, pts):
    location = write(tmp_path / "a.mp4", pts, time_base)
    found = probe(location)
    expected = [int(time) * time_base for time in pts]
    assert [int(time) * found.header.time_base for time in found.pts] == expected
    assert [frame.pts * frame.time_base for frame in decode_frames(location)] == expected


def test_a_keyframe_every_half_second_to_the_nearest_frame(tmp_path):
    write(tmp_path / "a.mp4", 1001 * np.arange(120), Fraction(1, 30000))
    assert keyframes_s(tmp_path / "a.mp4") == pytest.approx(np.arange(8) * 0.5005)
    write(tmp_path / "b.mp4", 33 * np.arange(60), Fraction(1, 1000))
    assert max(np.diff(keyframes_s(tmp_path / "b.mp4"))) <= 0.5


def test_the_table_of_contents_comes_first_and_bytes_repeat(tmp_path):
    digests = set()
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, 512 * np.arange(40), Fraction(1, 15360))
        data = (tmp_path / name).read_bytes()
        digests.add(hashlib.sha256(data).hexdigest())
        with (tmp_path / name).open("rb") as file:
            kinds = [kind for kind, _, _ in _mp4_boxes(file, len(data))]
        assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert len(digests) == 1


def test_joined_parts_hold_every_packet_of_each(tmp_path):
    time_base = Fraction(1, 15360)
    times = 7 + 512 * np.arange(90)
    parts = [tmp_path / f"{number}.mp4" for number in range(3)]
    for part, pts in zip(parts, np.split(times, 3), strict=True):
        write(part, pts, time_base)
    join_videos(parts, tmp_path / "all.mp4")
    location = MediaLocation(str(tmp_path / "all.mp4"))
    whole = [frame.to_ndarray() for frame in decode_frames(location)]
    apart = [frame.to_ndarray() for part in parts for frame in decode_frames(MediaLocation(str(part)))]
    np.testing.assert_array_equal(whole, apart)
    np.testing.assert_array_equal(probe(location).pts, times)


def test_odd_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="found 95x64"):
        VideoWriter(tmp_path / "a.mp4", 95, 64, Fraction(1, 30), None, OPTIONS)
