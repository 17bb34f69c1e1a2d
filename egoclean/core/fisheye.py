"""Kannala-Brandt fisheye geometry: where a ray lands in a picture, and which camera to rectify to.

The model (OpenCV's ``fisheye``; Kannala and Brandt, 2006): a ray at angle ``theta`` from the optical axis lands at
the distorted angle ``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)``, and at pixel
``(fx theta_d cos(phi) + cx, fy theta_d sin(phi) + cy)``. The polynomial describes a lens only while it grows; past
its first maximum two rays share a pixel, so nothing here looks beyond :func:`monotone_limit_rad`.
Camera axes: x right, y down, z forward. Pixel ``(0, 0)`` is the centre of the first pixel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from egoclean.records import CameraModel, Intrinsics

Array = NDArray[np.float64]

_NEGLIGIBLE = 1e-12


def distorted_angle(theta_rad: Array, coefficients: tuple[float, float, float, float]) -> Array:
    """Return ``theta_d`` of each angle, radians; meaningful up to :func:`monotone_limit_rad`."""
    square = theta_rad * theta_rad
    k1, k2, k3, k4 = coefficients
    return theta_rad * (1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4))))


def monotone_limit_rad(coefficients: tuple[float, float, float, float]) -> float:
    """Return the greatest angle, at most pi, up to which ``theta_d`` grows with ``theta``."""
    slope = np.array([weight * k for weight, k in zip((3, 5, 7, 9), coefficients, strict=True)])
    slope[np.abs(slope) < _NEGLIGIBLE] = 0.0
    roots = np.asarray(np.polynomial.polynomial.polyroots([1.0, *slope.tolist()]), dtype=np.complex128)
    squares = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return min([math.pi, *(math.sqrt(square) for square in squares)])


def undistorted_angle(theta_d_rad: Array, coefficients: tuple[float, float, float, float]) -> Array:
    """Return the angle whose ``theta_d`` is given, radians; NaN where the lens has none.

    Bisection on the monotone part followed by Newton steps: the result satisfies
    ``|distorted_angle(result) - theta_d_rad| < 1e-12``.
    """
    limit = monotone_limit_rad(coefficients)
    wanted = np.asarray(theta_d_rad, dtype=np.float64)
    low = np.zeros_like(wanted)
    high = np.full_like(wanted, limit)
    for _ in range(50):
        middle = (low + high) / 2
        below = distorted_angle(middle, coefficients) < wanted
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    result = (low + high) / 2
    reachable = (wanted >= 0) & (wanted <= float(distorted_angle(np.asarray(limit), coefficients)))
    return np.where(reachable, result, np.nan)


def project(rays: Array, camera: Intrinsics) -> Array:
    """Return the pixel each ray lands on, shape ``(..., 2)``; NaN where the camera does not see the ray.

    Parameters
    ----------
    rays : shape ``(..., 3)``, any length but zero.
    camera : any :class:`~egoclean.records.CameraModel`.
    """
    x, y, z = (np.asarray(rays[..., axis], dtype=np.float64) for axis in range(3))
    if camera.model is CameraModel.FISHEYE:
        radius = np.hypot(x, y)
        theta = np.arctan2(radius, z)
        theta_d = distorted_angle(theta, camera.coefficients)
        scale = np.divide(theta_d, radius, out=np.zeros_like(radius), where=radius > 0)
        seen = theta <= monotone_limit_rad(camera.coefficients)
        u, v = x * scale, y * scale
    elif camera.model is CameraModel.CYLINDRICAL:
        u = np.arctan2(x, z)
        across = np.hypot(x, z)
        seen = across > 0
        v = np.divide(y, across, out=np.zeros_like(y), where=seen)
    else:
        seen = z > 0
        u = np.divide(x, z, out=np.zeros_like(x), where=seen)
        v = np.divide(y, z, out=np.zeros_like(y), where=seen)
    pixels = np.stack([camera.fx * u + camera.cx, camera.fy * v + camera.cy], axis=-1)
    return np.where(seen[..., None], pixels, np.nan)


def unproject(pixels: Array, camera: Intrinsics) -> Array:
    """Return a unit ray for each pixel, shape ``(..., 3)``; NaN where no ray lands on the pixel."""
    u = (np.asarray(pixels[..., 0], dtype=np.float64) - camera.cx) / camera.fx
    v = (np.asarray(pixels[..., 1], dtype=np.float64) - camera.cy) / camera.fy
    if camera.model is CameraModel.FISHEYE:
        theta_d = np.hypot(u, v)
        theta = undistorted_angle(theta_d, camera.coefficients)
        scale = np.divide(np.sin(theta), theta_d, out=np.ones_like(theta_d), where=theta_d > 0)
        return np.stack([u * scale, v * scale, np.cos(theta)], axis=-1)
    rays = (
        np.stack([np.sin(u), v, np.cos(u)], axis=-1)
        if camera.model is CameraModel.CYLINDRICAL
        else np.stack([u, v, np.ones_like(u)], axis=-1)
    )
    unit: Array = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    return unit
