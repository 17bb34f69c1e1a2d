"""Which camera a fisheye picture is rectified to, where each of its pixels comes from, and what that costs.

Nothing here looks past the angle where the lens polynomial stops growing
(:func:`egoclean.core.fisheye.monotone_limit_rad`): such pixels have no source and are invalid.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import monotone_limit_rad, project, undistorted_angle, unproject
from egoclean.records import CameraModel, Intrinsics

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

DEFAULT_VALID_SHARE = 0.9
"""Share of the rectified picture that the default field of view fills with source pixels, at the least."""

DEFAULT_WIDEST_PINHOLE_DEG = 120.0
"""The default field of view of a pinhole picture is never wider: beyond, its sides are stretched over twofold."""

WIDEST_DEG = {CameraModel.PINHOLE: 170.0, CameraModel.CYLINDRICAL: 350.0}
"""Greatest horizontal field of view each projection can hold."""

SUSPECT_VALID_SHARE = 0.5
"""Below this share of valid output the calibration may belong to another camera."""

_BLOCK_ROWS = 64
_GRID_PX = 160


@dataclass(frozen=True, slots=True)
class RectificationReport:
    """What rectifying one clip keeps and costs; shares are of pixels, from 0 to 1.

    ``source_kept`` is the share of source pixels that lie in the rectified picture, ``output_valid`` the share of
    rectified pixels that show a source pixel, ``greatest_stretch`` how many rectified pixels one source pixel is
    drawn over at worst, along one direction. ``lens_hfov_deg`` and ``lens_vfov_deg`` are what the lens itself sees
    through its centre. ``straightness_before_px`` and ``straightness_after_px`` are how far the ``lines_found`` long
    edges typically stray from a straight line, RMS, at the size of the result. When ``rectified`` is False, ``reason``
    says why and the figures are None.
    """

    rectified: bool
    reason: str | None = None
    projection: str | None = None
    hfov_deg: float | None = None
    vfov_deg: float | None = None
    lens_hfov_deg: float | None = None
    lens_vfov_deg: float | None = None
    monotone_limit_deg: float | None = None
    source_kept: float | None = None
    output_valid: float | None = None
    greatest_stretch: float | None = None
    lines_found: int | None = None
    straightness_before_px: float | None = None
    straightness_after_px: float | None = None
    warnings: tuple[str, ...] = ()


def choose_camera(source: Intrinsics, config: RectifyConfig) -> tuple[Intrinsics, tuple[str, ...]]:
    """Return the camera that pictures of the fisheye ``source`` are rectified to, and warnings for a person.

    Its size is the source's, rounded down to even sides. By field of view: square pixels, optical axis in the
    middle, ``config.hfov_deg`` across or, when that is None, :func:`default_hfov_deg`. By ``config.balance``:
    OpenCV's choice, :func:`balanced_camera`. A field of view that reaches past the monotone limit, or that the
    projection cannot hold, is narrowed, with a warning.
    """
    model = CameraModel(config.projection)
    if config.balance is not None and config.hfov_deg is None and model is CameraModel.PINHOLE:
        return balanced_camera(source, config.balance)
    wanted_deg = default_hfov_deg(source, model) if config.hfov_deg is None else config.hfov_deg
    limit_deg = min(2 * math.degrees(monotone_limit_rad(source.coefficients)), WIDEST_DEG[model])
    warnings = []
    if wanted_deg > limit_deg:
        warnings.append(
            f"The field of view was narrowed from {wanted_deg:.1f} to {limit_deg:.1f} degrees: "
            "beyond, the lens calibration does not say where a ray lands."
        )
    return field_of_view_camera(source, model, min(wanted_deg, limit_deg)), tuple(warnings)


def field_of_view_camera(source: Intrinsics, model: CameraModel, hfov_deg: float) -> Intrinsics:
    """Return the camera with square pixels that sees ``hfov_deg`` across the even size of ``source``."""
    width, height = source.image_width // 2 * 2, source.image_height // 2 * 2
    half = math.radians(hfov_deg) / 2
    focal = width / 2 / (math.tan(half) if model is CameraModel.PINHOLE else half)
    return Intrinsics(model, width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def default_hfov_deg(source: Intrinsics, model: CameraModel) -> float:
    """Return the widest sensible field of view: whole degrees, the most that keeps the picture filled.

    It keeps at least :data:`DEFAULT_VALID_SHARE` of the output valid and does not exceed what the lens sees across
    (nor, for a pinhole picture, :data:`DEFAULT_WIDEST_PINHOLE_DEG`). For the lens on Egocentric-10K's card it is
    108 degrees; OpenCV's balance 0 gives 93.8.
    """
    lens_deg, _ = lens_field_deg(source)
    widest = min(lens_deg, DEFAULT_WIDEST_PINHOLE_DEG if model is CameraModel.PINHOLE else WIDEST_DEG[model])
    narrow, wide = 10, max(10, int(widest))
    while narrow < wide:
        middle = (narrow + wide + 1) // 2
        camera = field_of_view_camera(source, model, middle)
        x, y = _coarse_positions(source, camera)
        enough = float(inside(x, y, source).mean()) >= DEFAULT_VALID_SHARE
        narrow, wide = (middle, wide) if enough else (narrow, middle - 1)
    return float(narrow)


def balanced_camera(source: Intrinsics, balance: float) -> tuple[Intrinsics, tuple[str, ...]]:
    """Return the camera OpenCV's ``fisheye.estimateNewCameraMatrixForUndistortRectify`` gives, and warnings.

    Equal to it to rounding where OpenCV can invert the lens at the middles of the picture's four sides. OpenCV cuts
    ``theta_d`` at pi / 2 and gives an unusable matrix where a side has no ray; this has the true angle for the first
    and takes the outermost ray the lens has for the second.
    """
    width, height = source.image_width, source.image_height
    aspect = source.fx / source.fy
    middles = np.array([[width // 2, 0], [width, height // 2], [width // 2, height], [0, height // 2]], np.float64)
    u = (middles - [source.cx, source.cy]) / [source.fx, source.fy]
    theta_d = np.hypot(u[:, 0], u[:, 1])
    theta = undistorted_angle(theta_d, source.coefficients)
    widest = min(monotone_limit_rad(source.coefficients), math.radians(WIDEST_DEG[CameraModel.PINHOLE] / 2))
    clamped = np.isnan(theta) | (theta > widest)
    theta = np.where(clamped, widest, theta)
    x, y = (u * (np.tan(theta) / np.maximum(theta_d, 1e-12))[:, None]).T
    y = y * aspect
    centre_x, centre_y = float(x.mean()), float(y.mean())
    spans = [
        width / 2 / (centre_x - x.min()),
        width / 2 / (x.max() - centre_x),
        height / 2 * aspect / (centre_y - y.min()),
        height / 2 * aspect / (y.max() - centre_y),
    ]
    focal = float(balance * min(spans) + (1 - balance) * max(spans))
    camera = Intrinsics(
        CameraModel.PINHOLE,
        width // 2 * 2,
        height // 2 * 2,
        focal,
        focal / aspect,
        width / 2 - centre_x * focal,
        (height / 2 * aspect - centre_y * focal) / aspect,
    )
    message = "The lens has no ray at the middle of a side of the picture: its outermost ray was taken instead."
    return camera, (message,) if clamped.any() else ()


def resized_camera(camera: Intrinsics, width: int, height: int) -> Intrinsics:
    """Return ``camera`` for its pictures resized to ``width`` x ``height``, whatever that does to the aspect."""
    across, down = width / camera.image_width, height / camera.image_height
    return dataclasses.replace(
        camera,
        image_width=width,
        image_height=height,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=(camera.cx + 0.5) * across - 0.5,
        cy=(camera.cy + 0.5) * down - 0.5,
    )


def source_positions(
    source: Intrinsics, target: Intrinsics, columns: FloatArray, rows: FloatArray
) -> tuple[Float32Array, Float32Array]:
    """Return where in ``source`` pictures each pixel of ``target`` lies: x and y, shape ``(rows, columns)``.

    NaN where the source camera has no such ray; positions may lie outside the picture, see :func:`inside`.

    Parameters
    ----------
    columns, rows : shapes ``(w,)`` and ``(h,)``, positions in the target picture, pixels, fractions allowed.
    """
    map_x = np.empty((len(rows), len(columns)), np.float32)
    map_y = np.empty_like(map_x)
    for first in range(0, len(rows), _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        pixels = np.stack(np.meshgrid(columns, rows[block]), axis=-1)
        positions = project(unproject(pixels, target), source)
        map_x[block], map_y[block] = positions[..., 0], positions[..., 1]
    return map_x, map_y


def inside(x: Float32Array, y: Float32Array, camera: Intrinsics) -> BoolArray:
    """Return which positions lie on a pixel of ``camera``'s pictures: the validity mask of a map; NaN does not."""
    across = (x >= -0.5) & (x <= camera.image_width - 0.5)
    return across & (y >= -0.5) & (y <= camera.image_height - 0.5)


def lens_field_deg(camera: Intrinsics) -> tuple[float, float]:
    """Return the horizontal and vertical field of view through the optical axis, edge to edge, degrees."""
    edges = np.array(
        [
            [-0.5, camera.cx, camera.fx],
            [camera.image_width - 0.5, camera.cx, camera.fx],
            [-0.5, camera.cy, camera.fy],
            [camera.image_height - 0.5, camera.cy, camera.fy],
        ]
    )
    reach = np.abs(edges[:, 0] - edges[:, 1]) / edges[:, 2]
    if camera.model is CameraModel.FISHEYE:
        angles = undistorted_angle(reach, camera.coefficients)
        angles = np.where(np.isnan(angles), monotone_limit_rad(camera.coefficients), angles)
    elif camera.model is CameraModel.CYLINDRICAL:
        angles = np.concatenate([reach[:2], np.arctan(reach[2:])])
    else:
        angles = np.arctan(reach)
    left, right, up, down = np.degrees(angles).tolist()
    return left + right, up + down


def rectification_report(source: Intrinsics, target: Intrinsics, warnings: tuple[str, ...] = ()) -> RectificationReport:
    """Return what rectifying ``source`` to ``target`` keeps and costs, measured on a grid of about 160 x 90 pixels."""
    x, y = _coarse_positions(source, target)
    valid = inside(x, y, source)
    back_x, back_y = _coarse_positions(target, source)
    output_valid = float(valid.mean())
    found = list(warnings)
    if output_valid < SUSPECT_VALID_SHARE:
        found.append(
            f"Only {output_valid:.0%} of the rectified picture shows anything: "
            "the calibration may belong to another camera, or the field of view is too wide."
        )
    hfov_deg, vfov_deg = lens_field_deg(target)
    lens_hfov_deg, lens_vfov_deg = lens_field_deg(source)
    return RectificationReport(
        rectified=True,
        projection=target.model.value,
        hfov_deg=hfov_deg,
        vfov_deg=vfov_deg,
        lens_hfov_deg=lens_hfov_deg,
        lens_vfov_deg=lens_vfov_deg,
        monotone_limit_deg=math.degrees(monotone_limit_rad(source.coefficients)),
        source_kept=float(inside(back_x, back_y, target).mean()),
        output_valid=output_valid,
        greatest_stretch=_greatest_stretch(source, target, valid),
        warnings=tuple(found),
    )


def _coarse_positions(source: Intrinsics, target: Intrinsics) -> tuple[Float32Array, Float32Array]:
    columns, rows = _coarse_grid(target)
    return source_positions(source, target, columns, rows)


def _coarse_grid(camera: Intrinsics) -> tuple[FloatArray, FloatArray]:
    step = max(1.0, camera.image_width / _GRID_PX)
    across, down = (max(2, round(size / step)) for size in (camera.image_width, camera.image_height))
    return _cell_centres(across, camera.image_width), _cell_centres(down, camera.image_height)


def _cell_centres(count: int, size_px: int) -> FloatArray:
    half = size_px / count / 2
    return np.linspace(half - 0.5, size_px - half - 0.5, count, dtype=np.float64)


def _greatest_stretch(source: Intrinsics, target: Intrinsics, valid: BoolArray) -> float:
    columns, rows = _coarse_grid(target)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1)
    step = 1e-3
    across, down = (
        (project(unproject(pixels + offset, target), source) - project(unproject(pixels - offset, target), source))
        / (2 * step)
        for offset in (np.array([step, 0.0]), np.array([0.0, step]))
    )
    jacobian = np.stack([across, down], axis=-1)[valid]
    jacobian = jacobian[np.isfinite(jacobian).all(axis=(1, 2))]
    if not len(jacobian):
        return 0.0
    smallest = np.linalg.svd(jacobian, compute_uv=False)[:, -1]
    return float(1 / max(float(smallest.min()), 1e-6))
