"""The workplace's surfaces: the room as one all-round picture, and the bench top.

The room is a box. Its walls, floor and ceiling are painted flat and then gathered into one picture by an equidistant
all-round lens, so that looking anywhere is one resampling and has a seam only above and behind the head.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from egoclean.demo.scripts import FLOOR_DROP_M, SHELF_DISTANCE_M
from egoclean.demo.style import Colour, Style, shade
from egoclean.demo.world import rng_for
from egoclean.media.canvas import (
    Picture,
    draw_line,
    fill_circle,
    fill_polygon,
    resize,
    rotation_of,
    sample,
    soft_noise,
)

Array = NDArray[np.float64]

ROOM_LOW = np.array([-SHELF_DISTANCE_M, -1.45, -3.4])
ROOM_HIGH = np.array([SHELF_DISTANCE_M, FLOOR_DROP_M, 1.45])
BENCH_NEAR_M = 0.15
BENCH_PX_PER_M = 520

_AXIS = rotation_of(0.0, 18.0)
_PX_PER_M = 190


def room_hit(position: Array, directions: Array) -> Array:
    """Return where rays (N, 3) from ``position`` inside the room meet its walls, (N, 3)."""
    safe = np.where(np.abs(directions) < 1e-9, 1e-9, directions)
    reach = np.where(safe > 0, ROOM_HIGH - position, ROOM_LOW - position) / safe
    return np.asarray(position + reach.min(axis=1, keepdims=True) * directions)


def panorama_pixels(points: Array, radius_px: int) -> Array:
    """Return where world points lie in the all-round picture of ``radius_px``, (N, 2)."""
    local = points @ _AXIS.T
    across = np.maximum(np.hypot(local[:, 0], local[:, 1]), 1e-9)
    scale = np.arctan2(across, local[:, 2]) / across * (radius_px / math.pi)
    return local[:, :2] * scale[:, None] + (radius_px - 0.5)


@lru_cache(maxsize=4)
def _panorama_map(radius_px: int) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]:
    axis = (np.arange(2 * radius_px, dtype=np.float32) - (radius_px - 0.5)) * np.float32(math.pi / radius_px)
    x, y = np.meshgrid(axis, axis)
    angle = np.maximum(np.hypot(x, y), 1e-6)
    scale = np.sin(np.minimum(angle, math.pi)) / angle
    rows = _AXIS.astype(np.float32)
    planar = (x * scale, y * scale, np.cos(np.minimum(angle, math.pi)))
    direction = [sum(rows[k, axis] * planar[k] for k in range(3)) for axis in range(3)]
    face = np.zeros(x.shape, np.int8)
    best = np.full(x.shape, np.inf, np.float32)
    for index in range(6):
        axis_number, high = divmod(index, 2)
        bound = float((ROOM_HIGH if high else ROOM_LOW)[axis_number])
        component = direction[axis_number] * (1 if high else -1)
        reach = np.where(component > 1e-6, abs(bound) / np.maximum(component, 1e-6), np.inf)
        nearer = reach < best
        face[nearer] = index
        best = np.where(nearer, reach, best).astype(np.float32)
    hit = [component * best for component in direction]
    u = np.where(face < 2, hit[2] - ROOM_LOW[2], hit[0] - ROOM_LOW[0])
    v = np.where((face == 2) | (face == 3), hit[2] - ROOM_LOW[2], hit[1] - ROOM_LOW[1])
    return face, u.astype(np.float32), v.astype(np.float32)


def paint_room(style: Style, radius_px: int) -> Picture:
    """Return the all-round picture of the room, (2 * radius_px, 2 * radius_px, 3)."""
    face, u, v = _panorama_map(radius_px)
    scale = min(1.0, radius_px / (math.pi * _PX_PER_M))
    picture = np.zeros((*face.shape, 3), np.uint8)
    painters = (_rack_wall, _rack_wall, _ceiling, _floor, _rear_wall, _back_wall)
    for index, painter in enumerate(painters):
        texture = painter(style, index)
        height, width = texture.shape[:2]
        if scale < 1.0:
            texture = resize(texture, max(8, round(width * scale)), max(8, round(height * scale)))
        ratio = np.float32(_PX_PER_M * min(1.0, texture.shape[1] / width))
        mask = face == index
        rows = np.flatnonzero(mask.any(axis=1))
        columns = np.flatnonzero(mask.any(axis=0))
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        part = sample(texture, np.stack([u[box], v[box]], axis=-1) * ratio)
        picture[box][mask[box]] = part[mask[box]]
    return picture


def _blank(width_m: float, height_m: float, colour: Colour, rng: np.random.Generator, rough: float) -> Picture:
    width, height = round(width_m * _PX_PER_M), round(height_m * _PX_PER_M)
    tone = 1.0 + 0.05 * soft_noise(rng, width, height, 90, 70) + rough * soft_noise(rng, width, height, 5, 5)
    return np.clip(np.asarray(colour) * tone[..., None], 0, 255).astype(np.uint8)


def _rectangle(picture: Picture, x: float, y: float, width: float, height: float, colour: Colour) -> None:
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)]) * _PX_PER_M
    fill_polygon(picture, corners, colour)


def _frame(picture: Picture, x: float, y: float, width: float, height: float, colour: Colour, line_px: float) -> None:
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)]) * _PX_PER_M
    draw_line(picture, corners, colour, line_px, closed=True)


def _box(picture: Picture, x: float, y: float, width: float, height: float, colour: Colour) -> None:
    _rectangle(picture, x, y, width, height, colour)
    _rectangle(picture, x, y, width, height * 0.12, shade(colour, 1.25))
    _rectangle(picture, x + width * 0.9, y, width * 0.1, height, shade(colour, 0.72))
    _rectangle(picture, x + width * 0.3, y + height * 0.4, width * 0.36, height * 0.28, (226, 224, 212))
    _frame(picture, x, y, width, height, shade(colour, 0.45), 1)


def _back_wall(style: Style, index: int) -> Picture:
    rng = rng_for(style.seed, "wall", index)
    width_m, height_m = ROOM_HIGH[0] - ROOM_LOW[0], ROOM_HIGH[1] - ROOM_LOW[1]
    wall = _blank(width_m, height_m, style.wall, rng, 0.015)
    _rectangle(wall, 0, 2.12, width_m, 0.55, shade(style.wall, 0.7))
    _rectangle(wall, 0, 0.62, width_m, 0.05, (150, 152, 150))
    _rectangle(wall, 0, 0.635, width_m, 0.012, (196, 198, 196))
    _window(wall, style, float(rng.uniform(0.15, 0.5)), 0.75)
    board = float(rng.uniform(1.40, 1.65))
    _pegboard(wall, style, rng, board, 1.20)
    _shelves(wall, style, rng, board + 1.70, 0.72)
    _notices(wall, style, rng, board + 0.15, 0.70)
    return _shaded(wall, 0.72)


def _window(wall: Picture, style: Style, x: float, y: float) -> None:
    _rectangle(wall, x, y, 0.95, 1.0, shade(style.wall, 0.5))
    for pane in range(2):
        left = x + 0.05 + 0.44 * pane
        _rectangle(wall, left, y + 0.06, 0.40, 0.88, (214, 228, 238))
        _rectangle(wall, left, y + 0.60, 0.40, 0.34, (168, 188, 176))


def _pegboard(wall: Picture, style: Style, rng: np.random.Generator, x: float, y: float) -> None:
    _rectangle(wall, x, y, 1.55, 0.76, shade(style.bench, 0.95))
    for column in np.arange(x + 0.05, x + 1.55, 0.06):
        for row in np.arange(y + 0.05, y + 0.75, 0.06):
            fill_circle(wall, np.array([column, row]) * _PX_PER_M, 1.4, shade(style.bench, 0.6))
    for tool in range(7):
        _hanging_tool(wall, rng, x + 0.12 + 0.21 * tool, y + 0.12)


def _shelves(wall: Picture, style: Style, rng: np.random.Generator, x: float, y: float) -> None:
    for level in range(3):
        board = y + 0.36 + 0.42 * level
        left = x + 0.03
        while left < x + 1.0:
            size, tall = float(rng.uniform(0.12, 0.24)), float(rng.uniform(0.16, 0.30))
            colour = style.bins[int(rng.integers(0, 4))] if rng.random() < 0.6 else (178, 146, 102)
            _box(wall, left, board - tall, size, tall, colour)
            left += size + float(rng.uniform(0.01, 0.06))
        _rectangle(wall, x, board, 1.1, 0.035, (92, 94, 98))


def _notices(wall: Picture, style: Style, rng: np.random.Generator, x: float, y: float) -> None:
    _rectangle(wall, x, y, 0.34, 0.40, (236, 232, 220))
    _rectangle(wall, x, y, 0.34, 0.07, style.bins[1])
    for line in range(5):
        _rectangle(wall, x + 0.04, y + 0.11 + 0.05 * line, float(rng.uniform(0.14, 0.26)), 0.016, (90, 90, 96))
    clock = np.array([x + 0.85, y + 0.20]) * _PX_PER_M
    fill_circle(wall, clock, 0.15 * _PX_PER_M, (40, 42, 46))
    fill_circle(wall, clock, 0.13 * _PX_PER_M, (240, 240, 234))
    draw_line(wall, clock + np.array([(0, 0), (0, -18)]), (30, 30, 30), 3)
    draw_line(wall, clock + np.array([(0, 0), (12, 8)]), (30, 30, 30), 2)


def _hanging_tool(wall: Picture, rng: np.random.Generator, x: float, y: float) -> None:
    handle = shade((204, 60, 40), float(rng.uniform(0.6, 1.2))) if rng.random() < 0.5 else (48, 78, 140)
    metal = shade((168, 172, 178), float(rng.uniform(0.8, 1.1)))
    length = float(rng.uniform(0.2, 0.42))
    kind = int(rng.integers(0, 3))
    if kind == 0:
        _rectangle(wall, x - 0.055, y, 0.11, 0.045, metal)
        _rectangle(wall, x - 0.014, y + 0.04, 0.028, length, handle)
    elif kind == 1:
        _rectangle(wall, x - 0.012, y + 0.05, 0.024, length, metal)
        fill_circle(wall, np.array([x, y + 0.04]) * _PX_PER_M, 0.035 * _PX_PER_M, metal)
        fill_circle(wall, np.array([x, y + 0.03]) * _PX_PER_M, 0.017 * _PX_PER_M, (90, 80, 70))
    else:
        _rectangle(wall, x - 0.006, y + 0.12, 0.012, length * 0.7, metal)
        _rectangle(wall, x - 0.02, y, 0.04, 0.13, handle)


def _rack_wall(style: Style, index: int) -> Picture:
    rng = rng_for(style.seed, "rack", index)
    depth_m, height_m = ROOM_HIGH[2] - ROOM_LOW[2], ROOM_HIGH[1] - ROOM_LOW[1]
    wall = _blank(depth_m, height_m, shade(style.wall, 0.92), rng, 0.015)
    _rectangle(wall, 0.2, 0.5, 0.95, 2.13, shade(style.machine, 0.8))
    _frame(wall, 0.2, 0.5, 0.95, 2.13, (50, 50, 54), 3)
    left = 1.35
    _rectangle(wall, left, 0.45, 3.0, 2.18, (58, 60, 66))
    for level in range(5):
        top = 0.45 + 0.43 * level
        x = left + 0.05
        while x < left + 2.75:
            size = float(rng.uniform(0.20, 0.32))
            tall = float(rng.uniform(0.22, 0.33))
            _box(wall, x, top + 0.39 - tall, size, tall, style.bins[int(rng.integers(0, 4))])
            x += size + float(rng.uniform(0.01, 0.08))
        _rectangle(wall, left - 0.03, top + 0.39, 3.06, 0.045, (214, 120, 40))
    for post in range(4):
        _rectangle(wall, left - 0.03 + post, 0.4, 0.05, 2.23, (60, 92, 150))
    return _shaded(wall, 0.75)


def _rear_wall(style: Style, index: int) -> Picture:
    rng = rng_for(style.seed, "rear", index)
    width_m, height_m = ROOM_HIGH[0] - ROOM_LOW[0], ROOM_HIGH[1] - ROOM_LOW[1]
    wall = _blank(width_m, height_m, shade(style.wall, 0.85), rng, 0.015)
    for machine in range(3):
        x = 0.2 + 1.5 * machine
        _rectangle(wall, x, 1.0, 1.2, 1.63, shade(style.machine, 0.8 + 0.15 * machine))
        _rectangle(wall, x + 0.15, 1.2, 0.5, 0.4, (36, 44, 54))
        _rectangle(wall, x + 0.8, 1.25, 0.25, 0.12, (220, 196, 60))
    return _shaded(wall, 0.7)


def _ceiling(style: Style, index: int) -> Picture:
    rng = rng_for(style.seed, "ceiling", index)
    width_m, depth_m = ROOM_HIGH[0] - ROOM_LOW[0], ROOM_HIGH[2] - ROOM_LOW[2]
    ceiling = _blank(width_m, depth_m, shade(style.wall, 0.55), rng, 0.01)
    for row in range(3):
        _rectangle(ceiling, 0.5, 0.6 + 1.5 * row, width_m - 1.0, 0.16, (250, 250, 244))
    return ceiling


def _floor(style: Style, index: int) -> Picture:
    rng = rng_for(style.seed, "floor", index)
    width_m, depth_m = ROOM_HIGH[0] - ROOM_LOW[0], ROOM_HIGH[2] - ROOM_LOW[2]
    floor = _blank(width_m, depth_m, style.floor, rng, 0.05)
    for x in np.arange(0.0, width_m, 0.6):
        _rectangle(floor, float(x), 0, 0.012, depth_m, shade(style.floor, 0.78))
    for z in np.arange(0.2, depth_m, 0.6):
        _rectangle(floor, 0, float(z), width_m, 0.012, shade(style.floor, 0.78))
    _rectangle(floor, 0, 1.9, width_m, 0.09, (212, 182, 52))
    _rectangle(floor, 1.2, 2.75, 2.2, 0.75, (46, 48, 52))
    return floor


def _shaded(wall: Picture, bottom: float) -> Picture:
    fall = np.linspace(1.06, bottom, wall.shape[0])[:, None, None]
    return np.clip(wall * fall, 0, 255).astype(np.uint8)


def paint_bench(style: Style, px_per_m: int = BENCH_PX_PER_M) -> Picture:
    """Return the bench top seen from above, near edge last row, ``px_per_m`` pixels a metre."""
    rng = rng_for(style.seed, "bench")
    fine = BENCH_PX_PER_M
    width = round(2 * style.bench_half_width_m * fine)
    height = round((style.bench_far_m - BENCH_NEAR_M) * fine)
    if style.wooden:
        grain = 0.10 * soft_noise(rng, width, height, 160, 4) + 0.05 * soft_noise(rng, width, height, 60, 2)
    else:
        grain = 0.035 * soft_noise(rng, width, height, 90, 2) + 0.05 * soft_noise(rng, width, height, 120, 90)
    grain += 0.02 * soft_noise(rng, width, height, 2, 2)
    x = (np.arange(width) / width - 0.5)[None, :]
    y = (np.arange(height) / height)[:, None]
    pool = 0.80 + 0.28 * np.exp(-((x / 0.42) ** 2) - ((y - 0.55) / 0.6) ** 2)
    pool = pool * np.clip(0.62 + y * 2.2, 0, 1)
    top = np.clip(np.asarray(style.bench) * ((1 + grain) * pool)[..., None], 0, 255).astype(np.uint8)
    if style.wooden:
        for plank in range(1, 5):
            row = height * plank / 5
            draw_line(top, np.array([(0, row), (width, row)]), shade(style.bench, 0.55), 2)
    _mat(top, style, rng)
    for _ in range(26):
        start = rng.uniform((0, 0), (width, height))
        length = rng.uniform(10, 70)
        angle = rng.uniform(0, 2 * math.pi)
        stop = start + length * np.array([math.cos(angle), math.sin(angle)])
        draw_line(top, np.array([start, stop]), shade(style.bench, float(rng.choice([0.7, 1.25]))), 1)
    if px_per_m >= fine:
        return top
    return resize(top, round(width * px_per_m / fine), round(height * px_per_m / fine))


def _mat(top: Picture, style: Style, rng: np.random.Generator) -> None:
    height, width = top.shape[:2]
    half = 0.33 * BENCH_PX_PER_M
    left, right = width / 2 - half, width / 2 + half
    first, last = height * 0.30, height * 0.90
    colour = shade(style.machine, 0.75)
    fill_polygon(top, np.array([(left, first), (right, first), (right, last), (left, last)]), colour)
    for x in np.arange(left, right, 0.055 * BENCH_PX_PER_M):
        draw_line(top, np.array([(x, first), (x, last)]), shade(colour, 1.22), 1)
    for y in np.arange(first, last, 0.055 * BENCH_PX_PER_M):
        draw_line(top, np.array([(left, y), (right, y)]), shade(colour, 1.22), 1)
    for side in (0.08, 0.92):
        x = width * side + rng.uniform(-6, 6)
        fill_polygon(top, np.array([(x, 0), (x + 12, 0), (x + 12, height), (x, height)]), (222, 192, 48))
