"""Planes against a slow float version of the same geometry."""

import dataclasses

import cv2
import numpy as np
import pytest
from media_clips import lens, textured

from egoclean.config import RectifyConfig
from egoclean.core.rectification import choose_camera, inside, resized_camera, source_positions
from egoclean.media.planes import empty_frame, frame_planes, planes_to_rgb, turned
from egoclean.media.remap import PlaneRemapper, PlaneResizer, shrink
from egoclean.records import CameraModel


def luma_and_flat_chroma(width, height):
    luma = textured(width, height)[..., 0]
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 77, np.uint8)
    return luma, chroma, chroma + 10


@pytest.mark.parametrize("size", [(320, 180), (319, 181)])
def test_luma_equals_the_float_map(size):
    source = lens(*size)
    target, _ = choose_camera(source, RectifyConfig())
    _, into = empty_frame(target.image_width, target.image_height)
    planes = luma_and_flat_chroma(*size)
    PlaneRemapper(source, target, 16)(planes, into)
    x, y = source_positions(
        source, target, np.arange(target.image_width, dtype=float), np.arange(target.image_height, dtype=float)
    )
    known = inside(x, y, source)
    clipped = np.clip(x, 0, size[0] - 1), np.clip(y, 0, size[1] - 1)
    expected = cv2.remap(planes[0].astype(np.float32), *clipped, cv2.INTER_LINEAR)
    assert np.abs(into[0] - expected)[known].max() <= 2
    assert np.all(into[0][~known] == 16)
    assert set(np.unique(into[1])) == {77, 128}
    assert set(np.unique(into[2])) == {87, 128}


def test_chroma_stays_on_its_luma():
    width, height = 320, 180
    source = lens(width, height)
    target, _ = choose_camera(source, RectifyConfig())
    ramp = np.linspace(20, 220, width)[None, :].repeat(height, axis=0)
    luma = np.round(ramp).astype(np.uint8)
    chroma = np.round(ramp[::2, ::2]).astype(np.uint8)
    _, into = empty_frame(target.image_width, target.image_height)
    PlaneRemapper(source, target, 0)((luma, chroma, chroma), into)
    seen = (into[1] != 128) & (into[0][::2, ::2] > 20)
    assert np.abs(into[1].astype(int) - into[0][::2, ::2])[seen].max() <= 2


def test_a_view_is_the_average_of_what_it_shows():
    source = lens(960, 540)
    full, _ = choose_camera(source, RectifyConfig())
    view = resized_camera(full, 320, 180)
    planes = luma_and_flat_chroma(960, 540)
    remapper = PlaneRemapper(source, view, 0)
    assert remapper.factor == 3
    _, into = empty_frame(320, 180)
    remapper(planes, into)
    total = np.zeros((180, 320))
    offsets = (np.arange(6) + 0.5) / 6 - 0.5
    for across in offsets:
        for down in offsets:
            x, y = source_positions(source, view, np.arange(320) + across, np.arange(180) + down)
            total += cv2.remap(planes[0].astype(np.float32), x, y, cv2.INTER_LINEAR)
    x, y = source_positions(source, view, np.arange(320.0), np.arange(180.0))
    deep = cv2.erode(inside(x, y, source).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert np.abs(into[0] - total / 36)[deep].mean() < 1


def test_fine_stripes_do_not_alias():
    stripes = np.zeros((540, 960), np.uint8)
    stripes[:, ::3] = 255
    chroma = np.full((270, 480), 128, np.uint8)
    source = lens(960, 540)
    camera = resized_camera(choose_camera(source, RectifyConfig())[0], 320, 180)
    for maker in (PlaneRemapper(source, camera, 0), PlaneResizer()):
        _, into = empty_frame(320, 180)
        maker((stripes, chroma, chroma), into)
        assert into[0][60:120, 100:220].std() < 5


def test_resizing_to_the_same_size_is_a_copy():
    planes = luma_and_flat_chroma(96, 64)
    _, into = empty_frame(96, 64)
    PlaneResizer()(planes, into)
    for before, after in zip(planes, into, strict=True):
        np.testing.assert_array_equal(before, after)


def test_shrink_is_the_mean_of_blocks():
    plane = textured(97, 65)[..., 0]
    blocks = plane[:64, :96].reshape(32, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(shrink(plane, 2) - blocks).max() <= 0.51
    assert shrink(plane, 1) is plane


def test_turning_follows_the_display():
    planes = luma_and_flat_chroma(96, 64)
    sideways = turned(planes, 90)
    assert sideways[0].shape == (96, 64)
    np.testing.assert_array_equal(sideways[0], np.rot90(planes[0]))
    assert turned(planes, 360) is planes


def test_planes_to_rgb_is_grey_for_neutral_chroma():
    luma = np.full((64, 96), 126, np.uint8)
    chroma = np.full((32, 48), 128, np.uint8)
    limited = planes_to_rgb((luma, chroma, chroma))
    full = planes_to_rgb((luma, chroma, chroma), full_range=True)
    assert np.abs(limited.astype(int) - round((126 - 16) * 255 / 219)).max() <= 2
    assert np.abs(full.astype(int) - 126).max() <= 2


def test_views_of_a_frame_share_its_memory():
    frame, planes = empty_frame(96, 64)
    planes[0][...] = 99
    assert frame_planes(frame)[0].min() == 99


def test_pixels_without_a_source_are_black_in_a_folding_lens():
    source = dataclasses.replace(lens(320, 180), k1=-0.2, k2=-0.05)
    target, _ = choose_camera(source, RectifyConfig(hfov_deg=150.0))
    assert target.model is CameraModel.PINHOLE
    _, into = empty_frame(target.image_width, target.image_height)
    white = np.full((180, 320), 235, np.uint8)
    chroma = np.full((90, 160), 128, np.uint8)
    PlaneRemapper(source, target, 16)((white, chroma, chroma), into)
    x, y = source_positions(source, target, np.arange(320.0), np.arange(180.0))
    np.testing.assert_array_equal(into[0] == 235, inside(x, y, source))
