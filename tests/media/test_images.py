"""Stills: reading, squares, writing, and lists of them as a video."""

from fractions import Fraction

import numpy as np
import pytest
from media_clips import number_of, numbered, textured

from egoclean.config import RectifyConfig
from egoclean.errors import MediaError
from egoclean.media.decode import decode_frames
from egoclean.media.images import (
    jpeg_bytes,
    narrowed,
    png_bytes,
    read_image,
    read_record,
    sprite_sheet,
    square,
    view_size,
    write_image_view,
    write_jpeg,
    write_png,
)
from egoclean.media.probe import probe
from egoclean.records import MediaLocation


def test_png_reads_back_exactly_and_jpeg_nearly(tmp_path):
    picture = textured(97, 65)
    write_png(tmp_path / "a.png", picture)
    write_jpeg(tmp_path / "a.jpg", picture, 95)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - picture).mean() < 4
    assert png_bytes(picture)[:4] == b"\x89PNG"
    assert jpeg_bytes(picture)[:2] == b"\xff\xd8"


def test_colours_keep_their_order(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    write_png(tmp_path / "a.png", red)
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("content", [b"", b"not an image", png_bytes(textured(32, 32))[:60]])
def test_unreadable_images_are_named(tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(MediaError, match=r"bad\.png is not an image") as caught:
        read_image(tmp_path / "bad.png")
    assert caught.value.code == "not_image"


@pytest.mark.parametrize("name", ["gone.png", "x" * 300, "nul\0byte"])
def test_missing_images_are_named(tmp_path, name):
    with pytest.raises(MediaError) as caught:
        read_image(f"{tmp_path}/{name}")
    assert caught.value.code == "missing"


def test_squares():
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, 30:90] = 200
    assert square(picture, 32, "center").min() == 200
    assert square(picture, 32, "squash")[16].mean() == pytest.approx(100, abs=3)
    padded = square(picture, 32, "pad")
    assert padded[:7].max() == padded[25:].max() == 0
    assert padded[16, 16, 0] == 200
    assert all(square(picture, 32, crop).shape == (32, 32, 3) for crop in ("center", "squash", "pad"))
    with pytest.raises(ValueError, match="crop must be one of"):
        square(picture, 32, "zoom")


def test_a_record_is_read_in_order(tmp_path):
    paths = []
    for index in range(4):
        paths.append(tmp_path / f"{index}.png")
        write_png(paths[-1], numbered(textured(96, 64), index))
    record = read_record(paths, 48, "squash")
    assert record.shape == (4, 48, 48, 3)
    assert [number_of(picture) for picture in record] == [0, 1, 2, 3]


def test_images_play_as_a_video(tmp_path):
    paths = []
    for index in range(6):
        paths.append(tmp_path / f"{index}.jpg")
        size = (96, 64) if index != 3 else (192, 128)
        write_jpeg(paths[-1], numbered(textured(*size), index))
    seen = []
    options = {"rate": Fraction(2), "progress": lambda *done: seen.append(done), "picture_count": 3}
    pictures = write_image_view(paths, tmp_path / "v.mp4", RectifyConfig(), **options)
    location = MediaLocation(str(tmp_path / "v.mp4"))
    found = probe(location)
    assert (found.header.width, found.header.height) == (96, 64)
    assert [number_of(picture) for picture in pictures] == [1, 3, 5]
    assert sprite_sheet(pictures, 48).shape == (32, 3 * 48, 3)
    assert [int(time) * found.header.time_base for time in found.pts] == [Fraction(i, 2) for i in range(6)]
    assert [number_of(frame.to_ndarray(format="rgb24")) for frame in decode_frames(location)] == list(range(6))
    assert seen[-1] == (6, 6)
    with pytest.raises(MediaError, match="no images"):
        write_image_view([], tmp_path / "w.mp4", RectifyConfig(), rate=Fraction(2))


@pytest.mark.parametrize(
    ("size", "lines", "expected"),
    [
        ((1920, 1080), 480, (854, 480)),
        ((456, 256), 480, (456, 256)),
        ((340, 255), 480, (338, 254)),
        ((3, 3), 480, (2, 2)),
        ((1080, 1920), 480, (270, 480)),
    ],
)
def test_view_sizes_are_even_and_never_larger(size, lines, expected):
    assert view_size(*size, lines) == expected


def test_narrowed_keeps_the_aspect():
    assert narrowed(textured(96, 64), 48).shape == (32, 48, 3)
    assert narrowed(textured(96, 64), 200).shape == (64, 96, 3)
