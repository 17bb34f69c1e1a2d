"""New cameras, maps and reports, against OpenCV where OpenCV is right and against the model where it is not."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import monotone_limit_rad, project, unproject
from egoclean.core.rectification import (
    DEFAULT_VALID_SHARE,
    balanced_camera,
    choose_camera,
    default_hfov_deg,
    field_of_view_camera,
    inside,
    lens_field_deg,
    rectification_report,
    resized_camera,
    source_positions,
)
from egoclean.records import CameraModel, Intrinsics

CARD = Intrinsics(CameraModel.FISHEYE, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, -0.1166, -0.0236, 0.0694, -0.0463)
CARD_100K = Intrinsics(CameraModel.FISHEYE, 456, 256, 137.98, 138.23, 232.17, 125.37, 0.3948, 0.1798, -0.2753, 0.0793)
GEN_4 = Intrinsics(CameraModel.FISHEYE, 1920, 1080, 699.19, 699.60, 976.75, 565.79, -0.0180, 0.0617, -0.0527, 0.0190)
EQUIDISTANT = Intrinsics(CameraModel.FISHEYE, 1280, 960, 500.0, 500.0, 639.5, 479.5)
FOLDING = Intrinsics(CameraModel.FISHEYE, 960, 540, 560.0, 560.0, 478.0, 271.0, -0.2, -0.05, 0.02, -0.02)
LENSES = {"card": CARD, "card_100k": CARD_100K, "gen_4": GEN_4, "equidistant": EQUIDISTANT, "folding": FOLDING}


def opencv_matrix(camera):
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


@pytest.fixture(params=LENSES, name="lens")
def lens_fixture(request):
    return LENSES[request.param]


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_balance_equals_opencv(balance):
    for source in (CARD, GEN_4, EQUIDISTANT, dataclasses.replace(CARD, fy=980.0, cx=960.0, cy=560.0)):
        size = (source.image_width, source.image_height)
        expected = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            opencv_matrix(source), np.array(source.coefficients), size, np.eye(3), balance=balance
        )
        camera, warnings = balanced_camera(source, balance)
        np.testing.assert_allclose(opencv_matrix(camera), expected, atol=1e-6)
        assert warnings == ()


def test_balance_where_opencv_has_no_answer_takes_the_outermost_ray():
    camera, warnings = balanced_camera(FOLDING, 1.0)
    assert math.isfinite(camera.fx)
    assert camera.fx > 0
    assert "outermost ray" in warnings[0]


def test_maps_equal_opencv_below_the_monotone_limit(lens):
    target, _ = choose_camera(lens, RectifyConfig())
    size = (target.image_width, target.image_height)
    x, y = source_positions(lens, target, np.arange(size[0], dtype=float), np.arange(size[1], dtype=float))
    expected_x, expected_y = cv2.fisheye.initUndistortRectifyMap(
        opencv_matrix(lens), np.array(lens.coefficients), np.eye(3), opencv_matrix(target), size, cv2.CV_32FC1
    )
    known = ~np.isnan(x)
    assert known.mean() > 0.7
    assert np.abs(x - expected_x)[known].max() < 0.01
    assert np.abs(y - expected_y)[known].max() < 0.01


def test_nothing_is_sampled_beyond_the_monotone_limit(lens):
    target = field_of_view_camera(lens, CameraModel.PINHOLE, 160.0)
    columns, rows = np.arange(0, target.image_width, 7.0), np.arange(0, target.image_height, 7.0)
    x, _ = source_positions(lens, target, columns, rows)
    rays = unproject(np.stack(np.meshgrid(columns, rows), axis=-1), target)
    beyond = np.arccos(np.clip(rays[..., 2], -1, 1)) > monotone_limit_rad(lens.coefficients)
    np.testing.assert_array_equal(np.isnan(x), beyond)


@pytest.mark.parametrize("projection", ["pinhole", "cylindrical"])
def test_source_to_rectified_to_source_returns(lens, projection):
    target, _ = choose_camera(lens, RectifyConfig(projection=projection))
    columns, rows = np.arange(0, target.image_width, 5.0), np.arange(0, target.image_height, 5.0)
    x, y = source_positions(lens, target, columns, rows)
    valid = inside(x, y, lens)
    back = project(unproject(np.stack([x, y], axis=-1).astype(np.float64)[valid], lens), target)
    forward = np.stack(np.meshgrid(columns, rows), axis=-1)[valid]
    rays = unproject(forward, target)
    steep = np.arccos(rays[..., 2]) > monotone_limit_rad(lens.coefficients) - 0.02
    assert np.abs(back - forward)[~steep].max() < 0.05


def test_straight_lines_are_straight_in_the_pinhole_camera(lens):
    target, _ = choose_camera(lens, RectifyConfig())
    generator = np.random.default_rng(0)
    for _ in range(20):
        ends = np.append(generator.uniform(-0.5, 0.5, (2, 2)), [[1.0], [1.0]], axis=1)
        points = ends[0] + np.linspace(0, 1, 50)[:, None] * (ends[1] - ends[0])
        seen = project(points, lens)
        pixels = project(unproject(seen[~np.isnan(seen[:, 0])], lens), target)
        centred = pixels - pixels.mean(axis=0)
        assert np.linalg.svd(centred, compute_uv=False)[1] / math.sqrt(len(pixels)) < 1e-6


def test_default_field_of_view_keeps_the_promised_share(lens):
    for model in (CameraModel.PINHOLE, CameraModel.CYLINDRICAL):
        hfov_deg = default_hfov_deg(lens, model)
        report = rectification_report(lens, field_of_view_camera(lens, model, hfov_deg))
        assert report.hfov_deg == pytest.approx(hfov_deg)
        assert report.output_valid >= DEFAULT_VALID_SHARE
        assert hfov_deg <= lens_field_deg(lens)[0]


def test_default_on_the_card_keeps_more_than_balance_zero():
    assert default_hfov_deg(CARD, CameraModel.PINHOLE) == 108.0
    ours = rectification_report(CARD, choose_camera(CARD, RectifyConfig())[0])
    published = rectification_report(CARD, choose_camera(CARD, RectifyConfig(balance=0.0))[0])
    assert published.source_kept == pytest.approx(0.724, abs=0.01)
    assert ours.source_kept > published.source_kept + 0.1
    assert ours.greatest_stretch < 4


def test_too_wide_a_field_is_narrowed_with_a_warning():
    camera, warnings = choose_camera(CARD, RectifyConfig(hfov_deg=170.0))
    assert lens_field_deg(camera)[0] == pytest.approx(2 * 67.906, abs=0.01)
    assert "narrowed from 170.0 to 135.8" in warnings[0]


def test_suspect_calibrations_are_warned_of():
    report = rectification_report(CARD, field_of_view_camera(CARD, CameraModel.PINHOLE, 160.0))
    assert any("another camera" in warning for warning in report.warnings)


def test_odd_sizes_become_even():
    camera, _ = choose_camera(dataclasses.replace(CARD, image_width=1919, image_height=1079), RectifyConfig())
    assert (camera.image_width, camera.image_height) == (1918, 1078)


def test_resized_camera_moves_points_with_the_picture():
    target, _ = choose_camera(CARD, RectifyConfig())
    small = resized_camera(target, 854, 480)
    rays = np.random.default_rng(0).normal(size=(50, 3)) * [0.5, 0.3, 0] + [0, 0, 1]
    expected = (project(rays, target) + 0.5) * [854 / 1920, 480 / 1080] - 0.5
    np.testing.assert_allclose(project(rays, small), expected, atol=1e-9)


def test_stretch_of_a_pinhole_copy_is_the_ratio_of_focal_lengths():
    source = dataclasses.replace(EQUIDISTANT, fx=5000.0, fy=5000.0)
    target = Intrinsics(CameraModel.PINHOLE, 1280, 960, 10_000.0, 10_000.0, 639.5, 479.5)
    assert rectification_report(source, target).greatest_stretch == pytest.approx(2.0, rel=0.02)
