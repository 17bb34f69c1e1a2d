"""Drawing with a camera: points and planes of the world onto pixels of any lens, polygons, capsules, light and noise.

Pictures are uint8 RGB arrays (height, width, 3), changed in place. Points are projected exactly as
:func:`egoclean.core.fisheye.project` does as far as the lens sees; beyond that the lens is continued smoothly, so that
a shape which is partly out of view is cut off rather than lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.core.fisheye import distorted_angle, monotone_limit_rad, undistorted_angle
from egoclean.records import CameraModel, Intrinsics

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

HALVED_WIDTH = 900
"""Pictures at least this wide have their surfaces sampled at half size."""

_SHIFT = 4
_FAR_PX = 6000.0
_NEAR_M = 0.03
_BEYOND_SLOPE = 0.6
_NO_MAP: Any = None


def single_threaded() -> None:
    """Keep OpenCV to one thread: pictures are drawn one a process."""
    cv2.setNumThreads(1)


class Lens:
    """A camera made ready to draw with: a coarse grid of rays, how far it sees and how its light falls off."""

    def __init__(self, camera: Intrinsics) -> None:
        self.camera = camera
        self.width, self.height = camera.image_width, camera.image_height
        large = self.width >= HALVED_WIDTH
        self.step = 16 if large else 8 if self.width >= 400 else 4
        self.inner = self.step // 2 if large else self.step
        self._limit = monotone_limit_rad(camera.coefficients)
        self._limit_d = float(distorted_angle(np.asarray(self._limit), camera.coefficients))
        self.columns = -(-self.width // self.step) + 2
        self.rows = -(-self.height // self.step) + 2
        half = (self.step - 1) / 2
        u = (np.arange(self.columns) - 1) * self.step + half
        v = (np.arange(self.rows) - 1) * self.step + half
        grid = np.stack(np.meshgrid(u, v), axis=-1)
        self._grid = grid.reshape(-1, 2)
        self.rays = self._unproject(self._grid)
        self.light = self._falloff().astype(np.float32)
        self._scratch: dict[str, Picture] = {}

    def pixels(self, points: Array) -> Array:
        """Return the pixel of each point in camera axes, (N, 2); points must lie before the camera (z > 0)."""
        camera = self.camera
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        if camera.model is CameraModel.FISHEYE:
            radius = np.maximum(np.hypot(x, y), 1e-12)
            theta = np.arctan2(radius, z)
            inside = np.minimum(theta, self._limit)
            scale = (distorted_angle(inside, camera.coefficients) + _BEYOND_SLOPE * (theta - inside)) / radius
        else:
            scale = 1.0 / np.maximum(z, 1e-9)
        return np.stack([camera.fx * x * scale + camera.cx, camera.fy * y * scale + camera.cy], axis=-1)

    def _unproject(self, pixels: Array) -> Array:
        camera = self.camera
        u, v = (pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy
        if camera.model is not CameraModel.FISHEYE:
            rays = np.stack([u, v, np.ones_like(u)], axis=-1)
            return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
        theta_d = np.hypot(u, v)
        inside = np.minimum(theta_d, self._limit_d * (1 - 1e-9))
        theta = undistorted_angle(inside, camera.coefficients) + (theta_d - inside) / _BEYOND_SLOPE
        theta = np.minimum(theta, 2.6)
        scale = np.divide(np.sin(theta), theta_d, out=np.ones_like(theta), where=theta_d > 0)
        return np.stack([u * scale, v * scale, np.cos(theta)], axis=-1)

    def _falloff(self) -> Array:
        theta = np.arccos(np.clip(self.rays[:, 2], -1, 1)).reshape(self.rows, self.columns)
        fall = 1.0 - 0.30 * np.clip(theta / 1.15, 0, 1.3) ** 3
        if self.camera.model is not CameraModel.FISHEYE:
            return np.asarray(fall)
        across = (self._grid[:, 0] - self.camera.cx) / self.camera.fx
        down = (self._grid[:, 1] - self.camera.cy) / self.camera.fy
        margin = (self._limit_d - np.hypot(across, down)).reshape(fall.shape)
        softness = (1.5 if self.inner < self.step else 3.0) * self.step / self.camera.fx
        return np.asarray(fall * np.clip(margin / softness, 0.0, 1.0))

    def surface(self, texture: Picture, coarse: NDArray[np.float32]) -> Picture:
        """Return ``texture`` seen through a coarse grid of its pixels, for :meth:`lay` and then :meth:`enlarged`.

        The picture covers the whole grid, with ``inner`` pixels a cell: large pictures are sampled at half size.
        """
        places = cv2.resize(coarse, self._sampled_size(coarse), interpolation=cv2.INTER_LINEAR)
        buffer = self.scratch("surface", *places.shape[:2])
        return np.asarray(cv2.remap(texture, places, _NO_MAP, cv2.INTER_LINEAR, dst=buffer), dtype=np.uint8)

    def lay(self, surface: Picture, texture: Picture, coarse: NDArray[np.float32], outline: Array) -> None:
        """Put another texture onto ``surface`` inside ``outline``, a polygon in pixels of the picture."""
        cell = self.inner
        points = (outline + self.step + 0.5) * (cell / self.step) - 0.5
        shape = np.array([self.columns, self.rows])
        low = np.clip(np.floor(points.min(axis=0) / cell) - 1, 0, shape).astype(int)
        high = np.clip(np.ceil(points.max(axis=0) / cell) + 1, 0, shape).astype(int)
        if (high - low).min() < 1:
            return
        part = np.ascontiguousarray(coarse[low[1] : high[1], low[0] : high[0]])
        places = cv2.resize(part, self._sampled_size(part), interpolation=cv2.INTER_LINEAR)
        buffer = self.scratch("laid", *places.shape[:2])
        seen = cv2.remap(texture, places, _NO_MAP, cv2.INTER_LINEAR, dst=buffer)
        mask = np.zeros(places.shape[:2], np.uint8)
        fill_polygon(mask, points - low * cell, (255,), smooth=False)
        region = surface[low[1] * cell : high[1] * cell, low[0] * cell : high[0] * cell]
        cv2.copyTo(seen, mask, region)

    def enlarged(self, surface: Picture) -> Picture:
        """Return a :meth:`surface` as a picture (height, width, 3) of its own."""
        if self.inner != self.step:
            rows, columns = self.rows * self.step, self.columns * self.step
            buffer = self.scratch("enlarged", rows, columns)
            surface = np.asarray(
                cv2.resize(surface, (columns, rows), dst=buffer, interpolation=cv2.INTER_LINEAR), dtype=np.uint8
            )
        return np.array(surface[self.step : self.step + self.height, self.step : self.step + self.width])

    def _sampled_size(self, coarse: NDArray[np.float32]) -> tuple[int, int]:
        return coarse.shape[1] * self.inner, coarse.shape[0] * self.inner

    def scratch(self, name: str, rows: int, columns: int) -> Picture:
        """Return a picture (rows, columns, 3) to write into, the same one each time: pages are not asked for anew."""
        found = self._scratch.get(name)
        if found is None or found.size < rows * columns * 3:
            found = self._scratch[name] = np.empty(rows * columns * 3, np.uint8)
        part: Picture = found[: rows * columns * 3].reshape(rows, columns, 3)
        return part


class View:
    """A lens at a place: ``rotation`` rows are the camera's right, down and forward in world axes."""

    def __init__(self, lens: Lens, position: Array, rotation: Array) -> None:
        self.lens = lens
        self.position = position
        self.rotation = rotation

    def camera_points(self, points: Array) -> Array:
        """Return world points (..., 3) in camera axes."""
        return np.asarray((points - self.position) @ self.rotation.T)

    def outline(self, camera_polygon: Array) -> Array:
        """Return the pixels of a polygon in camera axes, cut at the plane just before the camera; maybe empty."""
        if camera_polygon[:, 2].min() < _NEAR_M:
            camera_polygon = _clip_near(camera_polygon)
        if len(camera_polygon) < 3:
            return np.zeros((0, 2))
        return self.lens.pixels(camera_polygon)

    def world_rays(self) -> Array:
        """Return the coarse grid's rays in world axes, (rows * columns, 3)."""
        return np.asarray(self.lens.rays @ self.rotation)


def rotation_of(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Array:
    """Return the world-to-camera rotation, rows right, down, forward."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    forward = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
    right = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    down = cross(forward, right)
    turned_right = math.cos(roll) * right + math.sin(roll) * down
    turned_down = math.cos(roll) * down - math.sin(roll) * right
    return np.stack([turned_right, turned_down, forward])


def cross(first: Array, second: Array) -> Array:
    """Return the cross product of two vectors (3,)."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def _clip_near(polygon: Array) -> Array:
    following = np.roll(polygon, -1, axis=0)
    depth, depth_next = polygon[:, 2] - _NEAR_M, following[:, 2] - _NEAR_M
    kept: list[Array] = []
    for index in range(len(polygon)):
        if depth[index] >= 0:
            kept.append(polygon[index])
        if (depth[index] >= 0) != (depth_next[index] >= 0):
            share = depth[index] / (depth[index] - depth_next[index])
            kept.append(polygon[index] + share * (following[index] - polygon[index]))
    return np.array(kept).reshape(-1, 3)


def fixed(points: Array) -> NDArray[np.int32]:
    """Return pixels (..., 2) in the fixed-point form that :func:`fill_fixed` takes."""
    scaled = points * (1 << _SHIFT)
    limit = _FAR_PX * (1 << _SHIFT)
    return np.minimum(np.maximum(scaled, -limit), limit).astype(np.int32)


def fill_fixed(picture: Picture, points: NDArray[np.int32], colour: Sequence[float]) -> None:
    """Fill a convex polygon given by :func:`fixed`, with smooth edges."""
    cv2.fillConvexPoly(picture, points, colour, cv2.LINE_AA, _SHIFT)


def fill_convex(picture: Picture, points: Array, colour: Sequence[float]) -> None:
    """Fill a convex polygon, (N, 2) pixels, with smooth edges."""
    if len(points) >= 3:
        fill_fixed(picture, fixed(points), colour)


def fill_polygon(picture: Picture, points: Array, colour: Sequence[float], smooth: bool = True) -> None:
    """Fill any polygon, (N, 2) pixels."""
    if len(points) >= 3:
        cv2.fillPoly(picture, [fixed(points)], tuple(colour), cv2.LINE_AA if smooth else cv2.LINE_8, _SHIFT)


def draw_line(picture: Picture, points: Array, colour: Sequence[float], width_px: float, closed: bool = False) -> None:
    """Draw a polyline through (N, 2) pixels."""
    if len(points) >= 2:
        cv2.polylines(picture, [fixed(points)], closed, tuple(colour), max(1, round(width_px)), cv2.LINE_AA, _SHIFT)


def fill_circle(picture: Picture, centre: Array, radius_px: float, colour: Sequence[float]) -> None:
    """Fill a circle."""
    fill_circles(picture, np.asarray(centre)[None], np.array([radius_px]), [colour])


def fill_circles(picture: Picture, centres: Array, radii_px: Array, colours: Sequence[Sequence[float]]) -> None:
    """Fill circles (N, 2) with radii (N,), in order."""
    places = fixed(centres).tolist()
    sizes = np.maximum(1, radii_px * (1 << _SHIFT)).astype(np.int32).tolist()
    for place, size, colour in zip(places, sizes, colours, strict=True):
        cv2.circle(picture, place, size, colour, -1, cv2.LINE_AA, _SHIFT)


_ARC = np.linspace(-math.pi / 2, math.pi / 2, 6)


def capsule_outlines(starts: Array, stops: Array, start_radii: Array, stop_radii: Array) -> Array:
    """Return the outlines (N, 12, 2) of tapered capsules between pixel centres (N, 2) with radii (N,)."""
    along = stops - starts
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    front = angle + _ARC
    outlines = np.empty((len(starts), 12, 2))
    for axis, turned in ((0, np.cos(front)), (1, np.sin(front))):
        outlines[:, :6, axis] = stops[:, axis, None] + stop_radii[:, None] * turned
        outlines[:, 6:, axis] = starts[:, axis, None] - start_radii[:, None] * turned
    return outlines


def sample(texture: Picture, places: NDArray[np.float32], wrap: bool = False) -> Picture:
    """Return ``texture`` at pixel coordinates (height, width, 2), linearly interpolated."""
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(texture, places, _NO_MAP, cv2.INTER_LINEAR, borderMode=border), dtype=np.uint8)


def darken(picture: Picture, points: Array, strength: float, blur_px: float) -> None:
    """Lay a soft shadow over a polygon; ``strength`` 0 to 1 is the share of light taken at its heart."""
    height, width = picture.shape[:2]
    margin = blur_px + 2
    low = np.maximum(np.floor(points.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0) + margin), (width, height)).astype(int)
    if (high - low).min() < 2:
        return
    mask = np.full((high[1] - low[1], high[0] - low[0]), 255, np.uint8)
    fill_polygon(mask, points - low, (round(255 * (1 - strength)),), smooth=False)
    size = max(3, int(blur_px) | 1)
    mask = cv2.blur(mask, (size, size))
    region = picture[low[1] : high[1], low[0] : high[0]]
    cv2.multiply(region, cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB), region, 1 / 255)


def apply_light(picture: Picture, lens: Lens, light: NDArray[np.float32]) -> Picture:
    """Return ``picture``, changed in place, times ``light``, a coarse grid (rows, columns, 3), 0 to 1.99."""
    coarse = np.clip(light * 128.0, 0, 255).astype(np.uint8)
    rows, columns = lens.rows * lens.step, lens.columns * lens.step
    buffer = lens.scratch("light", rows, columns)
    full = cv2.resize(coarse, (columns, rows), dst=buffer, interpolation=cv2.INTER_LINEAR)
    part = full[lens.step : lens.step + lens.height, lens.step : lens.step + lens.width]
    return np.asarray(cv2.multiply(picture, part, dst=picture, scale=1 / 128), dtype=np.uint8)


def blur_motion(picture: Picture, across_px: float, down_px: float) -> Picture:
    """Return ``picture`` smeared over the given distances."""
    size = (min(31, int(across_px) | 1), min(31, int(down_px) | 1))
    return np.asarray(cv2.blur(picture, size), dtype=np.uint8) if max(size) > 1 else picture


def average(first: Picture, second: Picture) -> Picture:
    """Return the mean of two pictures, written into the first."""
    return np.asarray(cv2.addWeighted(first, 0.5, second, 0.5, 0.0, dst=first), dtype=np.uint8)


class Noise:
    """Sensor noise: the same generator, amplitude and frame number give the same noise."""

    def __init__(self, rng: np.random.Generator, width: int, height: int, amplitude: float) -> None:
        grain = rng.normal(0.0, amplitude, (height + 64, width + 64, 3)).astype(np.float32)
        grain = np.asarray(0.65 * grain + 0.6 * cv2.GaussianBlur(grain, (3, 3), 0.8) * 2.0)
        self._above = np.clip(grain, 0, 255).astype(np.uint8)
        self._below = np.clip(-grain, 0, 255).astype(np.uint8)
        self._starts = rng.integers(0, 64, (997, 2))
        self._size = (height, width)

    def add(self, picture: Picture, frame: int) -> Picture:
        """Return ``picture``, changed in place, with the noise of one frame."""
        height, width = self._size
        row, column = self._starts[frame % len(self._starts)]
        window = (slice(row, row + height), slice(column, column + width))
        cv2.add(picture, self._above[window], dst=picture)
        return np.asarray(cv2.subtract(picture, self._below[window], dst=picture), dtype=np.uint8)


def resize(picture: Picture, width: int, height: int) -> Picture:
    """Return ``picture`` resampled by area to ``width`` x ``height``."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crop_share(picture: Picture, share: float) -> Picture:
    """Return ``picture`` without ``share`` of its size at each border, at its old size."""
    height, width = picture.shape[:2]
    left, top = round(width * share), round(height * share)
    inner = picture[top : height - top, left : width - left]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def to_yuv420(picture: Picture) -> Picture:
    """Return planar 4:2:0 rows (height * 3 / 2, width), BT.601 limited range, as the encoder takes."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """Return ``picture`` as a baseline JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} cannot be encoded as JPEG.")
    return data.tobytes()


def soft_noise(rng: np.random.Generator, width: int, height: int, cell_across: float, cell_down: float) -> Array:
    """Return smooth noise (height, width), about -1 to 1, whose grains are ``cell`` pixels large."""
    small = rng.normal(0.0, 0.6, (max(2, int(height / cell_down) + 2), max(2, int(width / cell_across) + 2)))
    return np.asarray(cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))


def soften(picture: Picture, across_px: int, down_px: int) -> Picture:
    """Return ``picture`` averaged over boxes of the given odd sizes; its borders wrap around."""
    padded = np.pad(picture, ((down_px, down_px), (across_px, across_px), (0, 0)), mode="wrap")
    smooth = cv2.blur(padded, (across_px, down_px))
    return np.ascontiguousarray(smooth[down_px:-down_px, across_px:-across_px])


def reflect_below(picture: Picture, row: int, strength: float) -> Picture:
    """Return ``picture`` with what is above ``row`` mirrored faintly below it, as on wet ground."""
    height = picture.shape[0]
    rows = min(row, height - row)
    mirrored = cv2.blur(np.ascontiguousarray(picture[row - rows : row][::-1]), (5, 21))
    result = picture.copy()
    result[row : row + rows] = cv2.addWeighted(picture[row : row + rows], 1 - strength, mirrored, strength, 0.0)
    return result


def tinted(picture: Picture, tint: Picture, mist: Picture) -> Picture:
    """Return ``picture`` times ``tint`` / 128 plus ``mist``."""
    return np.asarray(cv2.add(cv2.multiply(picture, tint, scale=1 / 128), mist), dtype=np.uint8)


def shift_down(picture: Picture, rows: int) -> Picture:
    """Return ``picture`` moved down by ``rows`` (up when negative); the border row is repeated."""
    if rows == 0:
        return picture
    height = picture.shape[0]
    return np.ascontiguousarray(picture[np.clip(np.arange(height) - rows, 0, height - 1)])
