import dataclasses
import math

import numpy as np
import pytest

from egoclean.core.lens import corner_reach, lens_curve
from egoclean.records import CameraModel, Intrinsics

CARD = Intrinsics(CameraModel.FISHEYE, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, -0.1166, -0.0236, 0.0694, -0.0463)
EQUIDISTANT = dataclasses.replace(CARD, k1=0.0, k2=0.0, k3=0.0, k4=0.0)


def slow_radius_px(camera, angle_deg):
    theta, total = math.radians(angle_deg), 0.0
    for power, weight in zip((1, 3, 5, 7, 9), (1.0, *camera.coefficients), strict=True):
        total += weight * theta**power
    return camera.fx * total


@pytest.mark.parametrize("camera", [CARD, EQUIDISTANT, dataclasses.replace(CARD, k1=0.05, k2=0.01, k3=0.0, k4=0.0)])
def test_the_curve_is_the_polynomial_taken_angle_by_angle(camera):
    curve = lens_curve(camera, 50)
    assert curve.radius_px == pytest.approx([slow_radius_px(camera, angle) for angle in curve.angle_deg])
    assert curve.beyond_px == pytest.approx([slow_radius_px(camera, angle) for angle in curve.beyond_deg])
    assert curve.equidistant_px == pytest.approx(np.radians(curve.angle_deg) * camera.fx)
    assert (np.diff(curve.radius_px) > 0).all()


def test_the_limit_is_where_the_polynomial_turns():
    angles = np.arange(0.0, 180.0, 0.01)
    radii = np.array([slow_radius_px(CARD, angle) for angle in angles])
    curve = lens_curve(CARD)
    assert curve.limit_deg == pytest.approx(angles[np.flatnonzero(np.diff(radii) < 0)[0]], abs=0.02)
    assert curve.beyond_deg[0] == pytest.approx(curve.limit_deg)
    assert curve.beyond_px[-1] < curve.beyond_px[0]


def test_a_corner_no_ray_reaches_is_said_to_be_so():
    curve = lens_curve(CARD)
    assert curve.corner_px > curve.radius_px.max()
    assert curve.corner_deg is None


def test_the_corner_of_a_lens_without_distortion_is_its_distance_from_the_centre():
    corners = [(x, y) for x in (-0.5, 1919.5) for y in (-0.5, 1079.5)]
    farthest = max(math.hypot((x - 966.69) / 1030.59, (y - 539.69) / 1032.82) for x, y in corners)
    curve = lens_curve(EQUIDISTANT)
    assert corner_reach(EQUIDISTANT) == pytest.approx(farthest)
    assert curve.corner_deg == pytest.approx(math.degrees(farthest))
    assert curve.limit_deg == 180.0
    assert len(curve.beyond_deg) == 0
    assert curve.angle_deg[-1] > curve.corner_deg
