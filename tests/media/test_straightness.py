"""Rendered grids of straight lines through a lens: bent before, straight after, and still bent with another lens."""

import dataclasses

import cv2
import numpy as np
from media_clips import lens

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import project
from egoclean.core.rectification import choose_camera
from egoclean.media.straightness import measure_straightness

SOURCE = lens(960, 540)


def lines_through(camera, swap):
    """Luma of black parallel lines on a plane in front of the camera, a quarter of the distance to it apart."""
    picture = np.full((camera.image_height, camera.image_width), 220, np.uint8)
    steps = np.linspace(-1.2, 1.2, 200)
    for offset in np.arange(-1.125, 1.2, 0.25):
        level = np.full_like(steps, offset)
        x, y = (level, steps) if swap else (steps, level)
        pixels = project(np.stack([x, y, np.ones_like(x)], axis=-1), camera)
        points = np.round(pixels[np.isfinite(pixels).all(axis=1)] * 8).astype(np.int32)
        cv2.polylines(picture, [points], False, 20, 3, cv2.LINE_AA, 3)
    return picture


def test_the_right_lens_straightens_and_another_does_not():
    pictures = [lines_through(SOURCE, swap) for swap in (False, True)]
    target, _ = choose_camera(SOURCE, RectifyConfig())
    right = measure_straightness(pictures, SOURCE, target)
    assert right.line_count >= 8
    assert right.after_px < min(1.0, right.before_px / 2)
    wrong = dataclasses.replace(SOURCE, fx=SOURCE.fx * 2.5, fy=SOURCE.fy * 2.5, k1=0.5, k2=0.4)
    other = measure_straightness(pictures, wrong, choose_camera(wrong, RectifyConfig())[0])
    assert other.after_px > 2 * right.after_px


def test_pictures_without_lines_say_nothing():
    blank = np.full((540, 960), 128, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (540, 960), dtype=np.uint8)
    target, _ = choose_camera(SOURCE, RectifyConfig())
    assert measure_straightness([blank, noise], SOURCE, target) is None
    assert measure_straightness([], SOURCE, target) is None
