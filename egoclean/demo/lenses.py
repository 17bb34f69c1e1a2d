"""The cameras of the demo: four fisheye lenses, one a worker, and the driving camera."""

from __future__ import annotations

import math
from dataclasses import replace

from egoclean.records import CameraModel, Intrinsics

NARROWING = Intrinsics(
    CameraModel.FISHEYE, 960, 540, 515.295, 516.41, 483.095, 269.595, k1=-0.1166, k2=-0.0236, k3=0.0694, k4=-0.0463
)
"""Egocentric-10K's card lens at half size: its polynomial turns back 67.9 degrees off axis, inside the picture."""

EQUIDISTANT = Intrinsics(
    CameraModel.FISHEYE, 960, 540, 349.595, 349.8, 488.125, 282.645, k1=-0.018, k2=0.0617, k3=-0.0527, k4=0.019
)
"""A nearly equidistant lens, 150 degrees across."""

MILD = Intrinsics(
    CameraModel.FISHEYE, 960, 540, 452.4, 453.1, 474.8, 266.2, k1=0.031, k2=-0.0124, k3=0.0061, k4=-0.0017
)
"""A mild lens, 118 degrees across."""

WIDE_SMALL = Intrinsics(
    CameraModel.FISHEYE, 456, 256, 137.98, 138.23, 232.17, 125.37, k1=0.3948, k2=0.1798, k3=-0.2753, k4=0.0793
)
"""Egocentric-100K's card lens at its own size."""

LENSES = (NARROWING, EQUIDISTANT, MILD, WIDE_SMALL)


def scaled(camera: Intrinsics, width: int, height: int) -> Intrinsics:
    """Return ``camera`` for the same picture resampled to ``width`` x ``height`` pixels."""
    across, down = width / camera.image_width, height / camera.image_height
    return replace(
        camera,
        image_width=width,
        image_height=height,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=(camera.cx + 0.5) * across - 0.5,
        cy=(camera.cy + 0.5) * down - 0.5,
    )


def model_camera(side_px: int, hfov_deg: float = 95.0) -> Intrinsics:
    """Return a square pinhole camera of ``side_px`` pixels, ``hfov_deg`` across: what a model sees after rectifying."""
    focal = side_px / 2 / math.tan(math.radians(hfov_deg) / 2)
    centre = (side_px - 1) / 2
    return Intrinsics(CameraModel.PINHOLE, side_px, side_px, focal, focal, centre, centre)


def driving_camera(width: int, height: int, hfov_deg: float = 70.0) -> Intrinsics:
    """Return the pinhole camera of the driving scenes."""
    focal = width / 2 / math.tan(math.radians(hfov_deg) / 2)
    return Intrinsics(CameraModel.PINHOLE, width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
