"""A fisheye lens as a curve: how far from the centre of the picture a ray lands, by its angle from the axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.core.fisheye import distorted_angle, monotone_limit_rad, undistorted_angle
from egoclean.records import Intrinsics

FloatArray = NDArray[np.float64]

_PAST_LIMIT = 1.2
_PAST_CORNER = 1.15


@dataclass(frozen=True, slots=True)
class LensCurve:
    """What a calibration says of its lens; radii in pixels along the picture's width, angles in degrees.

    ``angle_deg`` and ``radius_px``, shape ``(n,)``, rise together up to ``limit_deg``, where the polynomial stops
    being monotone; ``beyond_deg`` and ``beyond_px`` are what it says past that, which describes no lens, and are empty
    where the curve ends before. ``equidistant_px`` belongs to ``angle_deg`` and is a lens of the same focal length
    without distortion. ``corner_px`` is how far the farthest corner of the picture is from the centre, ``corner_deg``
    the angle seen there, None where no ray lands on it.
    """

    angle_deg: FloatArray
    radius_px: FloatArray
    equidistant_px: FloatArray
    beyond_deg: FloatArray
    beyond_px: FloatArray
    limit_deg: float
    corner_px: float
    corner_deg: float | None


def lens_curve(camera: Intrinsics, points: int = 200) -> LensCurve:
    """Return the curve of the fisheye ``camera``, drawn a little past the picture's corner and the monotone limit."""
    limit_rad = monotone_limit_rad(camera.coefficients)
    reach = corner_reach(camera)
    corner_rad = float(undistorted_angle(np.asarray(reach), camera.coefficients))
    seen = math.isfinite(corner_rad)
    last_rad = min(math.pi, max(limit_rad * _PAST_LIMIT if limit_rad < math.pi else 0.0, _drawn_to(corner_rad)))
    inside = np.linspace(0.0, min(limit_rad, last_rad), points)
    beyond = np.linspace(limit_rad, last_rad, points) if last_rad > limit_rad else np.empty(0)
    return LensCurve(
        angle_deg=np.degrees(inside),
        radius_px=camera.fx * distorted_angle(inside, camera.coefficients),
        equidistant_px=camera.fx * inside,
        beyond_deg=np.degrees(beyond),
        beyond_px=camera.fx * distorted_angle(beyond, camera.coefficients),
        limit_deg=math.degrees(limit_rad),
        corner_px=camera.fx * reach,
        corner_deg=math.degrees(corner_rad) if seen else None,
    )


def corner_reach(camera: Intrinsics) -> float:
    """Return how far the farthest corner of the picture is from its centre, as a distorted angle in radians."""
    across = max(camera.cx + 0.5, camera.image_width - 0.5 - camera.cx) / camera.fx
    down = max(camera.cy + 0.5, camera.image_height - 0.5 - camera.cy) / camera.fy
    return math.hypot(across, down)


def _drawn_to(corner_rad: float) -> float:
    return corner_rad * _PAST_CORNER if math.isfinite(corner_rad) else 0.0
