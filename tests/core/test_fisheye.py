"""The Kannala-Brandt model against OpenCV, its own inverse and lenses that fold."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core.fisheye import distorted_angle, monotone_limit_rad, project, undistorted_angle, unproject
from egoclean.records import CameraModel, Intrinsics

CARD = (-0.1166, -0.0236, 0.0694, -0.0463)
CARD_100K = (0.3948, 0.1798, -0.2753, 0.0793)
GEN_4 = (-0.0180, 0.0617, -0.0527, 0.0190)
SIX = [CARD, CARD_100K, GEN_4, (0.0, 0.0, 0.0, 0.0), (-0.2, -0.05, 0.02, -0.02), (0.0, -0.1, 0.0, 0.0)]

small = st.floats(-0.3, 0.3)
coefficient_sets = st.tuples(small, small, small, small)


def camera(coefficients=CARD, model=CameraModel.FISHEYE):
    return Intrinsics(model, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, *coefficients)


def test_the_limit_of_the_card_is_the_published_one():
    assert math.degrees(monotone_limit_rad(CARD)) == pytest.approx(67.906, abs=0.001)
    assert monotone_limit_rad(CARD_100K) == math.pi
    assert monotone_limit_rad((0.0, 0.0, 0.0, 0.0)) == math.pi


@settings(max_examples=300, deadline=None)
@given(coefficient_sets)
def test_the_polynomial_grows_up_to_its_limit_and_not_beyond(coefficients):
    limit = monotone_limit_rad(coefficients)
    angles = np.linspace(0, limit, 2000)
    assert np.diff(distorted_angle(angles, coefficients)).min() > -1e-9
    if limit < math.pi:
        beyond = np.linspace(limit, limit + 1e-3, 50)
        assert np.diff(distorted_angle(beyond, coefficients)).min() < 1e-6


@pytest.mark.parametrize("tiny", [1e-320, 1e-17, -1e-30])
def test_vanishing_coefficients_are_no_trouble(tiny):
    assert monotone_limit_rad((0.1, 0.0, 0.0, tiny)) == math.pi


@settings(max_examples=100, deadline=None)
@given(coefficient_sets, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_undistorting_inverts_distorting(coefficients, shares):
    angles = np.array(shares) * monotone_limit_rad(coefficients)
    distorted = distorted_angle(angles, coefficients)
    found = undistorted_angle(distorted, coefficients)
    known = ~np.isnan(found)
    assert known.all() or np.allclose(np.array(shares)[~known], 1.0)
    np.testing.assert_allclose(distorted_angle(found[known], coefficients), distorted[known], atol=1e-11)


def test_angles_the_lens_does_not_reach_are_nan():
    top = float(distorted_angle(np.array(monotone_limit_rad(CARD)), CARD))
    assert np.isnan(undistorted_angle(np.array([top + 1e-6, -1e-6, np.inf]), CARD)).all()


@pytest.mark.parametrize("coefficients", SIX)
def test_projection_equals_opencv(coefficients):
    lens = camera(coefficients)
    generator = np.random.default_rng(0)
    rays = np.concatenate([generator.uniform(-1.5, 1.5, (200, 2)), np.ones((200, 1))], axis=1)
    matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
    expected, _ = cv2.fisheye.projectPoints(rays[:, None, :], np.zeros(3), np.zeros(3), matrix, np.array(coefficients))
    found = project(rays, lens)
    seen = ~np.isnan(found[:, 0])
    np.testing.assert_allclose(found[seen], expected[seen, 0], atol=1e-6)
    angles = np.arctan(np.hypot(rays[:, 0], rays[:, 1]))
    np.testing.assert_array_equal(seen, angles <= monotone_limit_rad(coefficients))


@pytest.mark.parametrize("model", list(CameraModel))
def test_unprojecting_inverts_projecting(model):
    lens = camera(CARD if model is CameraModel.FISHEYE else (0.0, 0.0, 0.0, 0.0), model)
    generator = np.random.default_rng(1)
    rays = np.concatenate([generator.uniform(-0.9, 0.9, (500, 2)), np.ones((500, 1))], axis=1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    np.testing.assert_allclose(unproject(project(rays, lens), lens), rays, atol=1e-9)


def test_rays_behind_a_pinhole_are_not_seen_and_those_beside_a_fisheye_are():
    rays = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [1.0, 0.0, -0.2]])
    assert np.isnan(project(rays, camera((0.0,) * 4, CameraModel.PINHOLE))).all()
    assert np.isfinite(project(rays[1:], camera((0.0,) * 4))).all()
    assert np.isfinite(project(rays[1:], camera((0.0,) * 4, CameraModel.CYLINDRICAL))).all()


def test_the_axis_lands_on_the_centre():
    for model in CameraModel:
        np.testing.assert_allclose(project(np.array([0.0, 0.0, 2.0]), camera((0.0,) * 4, model)), [966.69, 539.69])
