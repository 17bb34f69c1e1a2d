"""Solid things on the bench: bins with parts, the fixture of each work, and what hands carry.

A solid is a set of flat faces of 16 points each, in world axes relative to the bench top (y is 0 on the bench and
negative above it), so that the straight edges of a box bend as the lens bends them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.demo.style import Colour, Style, shade
from egoclean.demo.world import rng_for

Array = NDArray[np.float64]

EDGE_POINTS = 4
_FRACTIONS = np.arange(EDGE_POINTS) / EDGE_POINTS


@dataclass(frozen=True, slots=True)
class Solid:
    """Faces (F, 16, 3) with outward normals (F, 3) and colours (F, 3), drawn in order; ``centre`` orders solids.

    ``dots`` are round parts: (N, 3) centres, (N,) radii in metres and (N, 3) colours, drawn after face
    ``dots_after``.
    """

    faces: Array
    normals: Array
    colours: Array
    centre: Array
    dots: Array
    dot_radii: Array
    dot_colours: Array
    dots_after: int = -1

    def moved(self, shift: Array) -> Solid:
        """Return the solid shifted by metres (3,)."""
        return Solid(
            self.faces + shift,
            self.normals,
            self.colours,
            self.centre + shift,
            self.dots + shift,
            self.dot_radii,
            self.dot_colours,
            self.dots_after,
        )


_NO_DOTS = (np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)))


def _face(corners: Array) -> Array:
    following = np.roll(corners, -1, axis=0)
    points = corners[:, None] + _FRACTIONS[None, :, None] * (following - corners)[:, None]
    return np.asarray(points.reshape(-1, 3))


_CORNERS = {
    "top": ([(0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)], (0, -1, 0), 1.12),
    "front": ([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], (0, 0, -1), 0.82),
    "left": ([(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)], (-1, 0, 0), 0.68),
    "right": ([(1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)], (1, 0, 0), 0.92),
    "back": ([(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)], (0, 0, 1), 0.6),
}


def box(low: tuple[float, float, float], high: tuple[float, float, float], colour: Colour) -> Solid:
    """Return a box from ``low`` to ``high``, each ``(x, height, z)`` in metres over the bench."""
    first, size = np.array(low), np.array(high) - np.array(low)
    faces, normals, colours = [], [], []
    for name in ("back", "left", "right", "front", "top"):
        corners, normal, light = _CORNERS[name]
        points = first + np.array(corners, dtype=np.float64) * size
        points[:, 1] *= -1
        faces.append(_face(points))
        normals.append(normal)
        colours.append(shade(colour, light))
    centre = first + size / 2
    centre[1] *= -1
    return Solid(np.array(faces), np.array(normals, float), np.array(colours, float), centre, *_NO_DOTS)


def open_bin(
    x: float,
    z: float,
    size: tuple[float, float, float],
    colour: Colour,
    parts: Colour,
    rng: np.random.Generator,
    fill: int,
) -> Solid:
    """Return an open box of ``size`` (width, height, depth) with ``fill`` round parts in it."""
    width, height, depth = size
    outer = box((x - width / 2, 0.0, z - depth / 2), (x + width / 2, height, z + depth / 2), colour)
    floor = outer.faces[4] + np.array([0, height * 0.82, 0])
    inner = np.concatenate([floor[None], outer.faces[[0, 1, 2]]])
    inner_normals = np.concatenate([outer.normals[4:5], -outer.normals[[0, 1, 2]]])
    inner_colours = np.array([shade(colour, 0.42), shade(colour, 0.66), shade(colour, 0.58), shade(colour, 0.5)], float)
    spots = np.stack(
        [
            x + rng.uniform(-0.42, 0.42, fill) * width,
            -height * rng.uniform(0.35, 0.72, fill),
            z + rng.uniform(-0.42, 0.42, fill) * depth,
        ],
        axis=-1,
    )
    order = np.argsort(-spots[:, 2])
    tones = np.array([shade(parts, float(rng.uniform(0.7, 1.2))) for _ in range(fill)], float).reshape(-1, 3)
    return Solid(
        np.concatenate([inner, outer.faces[[1, 2, 3]]]),
        np.concatenate([inner_normals, outer.normals[[1, 2, 3]]]),
        np.concatenate([inner_colours, outer.colours[[1, 2, 3]]]),
        outer.centre,
        spots[order],
        rng.uniform(0.011, 0.019, fill),
        tones,
        dots_after=3,
    )


def standing_things(style: Style) -> list[Solid]:
    """Return what always stands on the bench: four bins, a rail at the back, a cup and a lamp."""
    rng = rng_for(style.seed, "things")
    solids = []
    for index, x in enumerate((-0.45, 0.45, -0.70, 0.70)):
        size = (float(rng.uniform(0.19, 0.23)), float(rng.uniform(0.07, 0.11)), float(rng.uniform(0.15, 0.20)))
        place = x * style.reach + float(rng.uniform(-0.01, 0.01))
        parts = style.parts[index % 3]
        solids.append(open_bin(place, 0.60 * style.reach, size, style.bins[index], parts, rng, 16))
    far = style.bench_far_m
    half = style.bench_half_width_m
    solids.append(box((-half, 0.0, far - 0.03), (half, 0.05, far), shade(style.bench, 0.7)))
    side = float(rng.choice([-1.0, 1.0]))
    cup = side * float(rng.uniform(0.20, 0.28))
    solids.append(box((cup - 0.035, 0, far - 0.14), (cup + 0.035, 0.10, far - 0.07), style.bins[3]))
    tin = -side * float(rng.uniform(0.16, 0.24))
    solids.append(box((tin - 0.06, 0, far - 0.13), (tin + 0.06, 0.07, far - 0.06), (190, 190, 184)))
    return solids


def fixture(activity: str, phase: float, style: Style, still: dict[str, list[Solid]]) -> list[Solid]:
    """Return the solids of an activity's fixture at ``phase``; ``still`` keeps the parts that never move."""
    if activity not in still:
        still[activity] = _STILL[activity](style)
    moving = _MOVING.get(activity)
    return still[activity] + (moving(phase, style) if moving else [])


def _press(style: Style) -> list[Solid]:
    frame = style.machine
    return [
        box((-0.17, 0.0, 0.52), (0.17, 0.34, 0.66), frame),
        box((-0.15, 0.0, 0.34), (0.15, 0.035, 0.54), shade(frame, 0.8)),
        box((-0.06, 0.035, 0.37), (0.10, 0.055, 0.48), (150, 154, 160)),
        box((-0.14, 0.27, 0.40), (0.14, 0.36, 0.54), shade(frame, 1.1)),
        box((-0.13, 0.24, 0.395), (0.13, 0.27, 0.40), (226, 196, 40)),
        box((-0.24, 0.0, 0.37), (-0.17, 0.04, 0.43), (56, 58, 62)),
        box((-0.225, 0.04, 0.385), (-0.185, 0.055, 0.415), (216, 40, 36)),
    ]


def _press_moving(phase: float, style: Style) -> list[Solid]:
    down = max(0.0, min(1.0, (phase - 0.50) / 0.05)) * max(0.0, min(1.0, (0.70 - phase) / 0.08))
    return [_RAM.moved(np.array([0.0, 0.10 * down, 0.0]))]


_RAM = box((-0.045, 0.17, 0.40), (0.085, 0.29, 0.47), (176, 180, 186))


def _screw(style: Style) -> list[Solid]:
    plate = shade(style.parts[0], 0.95)
    solids = [
        box((-0.16, 0.0, 0.33), (0.16, 0.03, 0.52), (92, 96, 104)),
        box((-0.12, 0.03, 0.35), (0.12, 0.05, 0.49), plate),
        box((-0.36, 0.0, 0.46), (-0.25, 0.035, 0.56), style.bins[2]),
    ]
    holes = np.array([(x, -0.052, z) for x in (-0.03, 0.05) for z in (0.39, 0.45)])
    plain = solids[1]
    solids[1] = Solid(
        plain.faces, plain.normals, plain.colours, plain.centre, holes, np.full(4, 0.011), np.full((4, 3), 40.0), 4
    )
    return solids


def _sort(style: Style) -> list[Solid]:
    rng = rng_for(style.seed, "tray")
    tray = open_bin(0.0, 0.45, (0.40, 0.03, 0.22), (206, 206, 200), style.parts[0], rng, 34)
    tones = np.array([style.parts[int(k)] for k in rng.integers(0, 3, 34)], float)
    return [
        Solid(tray.faces, tray.normals, tray.colours, tray.centre, tray.dots, tray.dot_radii, tones, tray.dots_after)
    ]


def _pack(style: Style) -> list[Solid]:
    rng = rng_for(style.seed, "carton")
    brown = (184, 146, 98)
    carton = open_bin(0.0, 0.47, (0.30, 0.15, 0.24), brown, (238, 234, 224), rng, 14)
    flap = box((-0.22, 0.145, 0.36), (-0.15, 0.15, 0.58), shade(brown, 1.05))
    other = box((0.15, 0.145, 0.36), (0.22, 0.15, 0.58), shade(brown, 0.98))
    return [carton, flap, other]


def _inspect(style: Style) -> list[Solid]:
    return [
        box((-0.19, 0.0, 0.30), (0.19, 0.006, 0.52), (236, 238, 236)),
        box((-0.03, 0.0, 0.62), (0.03, 0.42, 0.66), (60, 62, 66)),
        box((-0.12, 0.40, 0.50), (0.12, 0.44, 0.66), (246, 248, 240)),
        box((-0.38, 0.0, 0.40), (-0.26, 0.025, 0.52), (70, 140, 90)),
        box((0.25, 0.0, 0.40), (0.37, 0.025, 0.52), (200, 170, 60)),
    ]


def _wipe(style: Style) -> list[Solid]:
    sheet = shade(style.parts[1], 1.05)
    return [
        box((-0.24, 0.0, 0.28), (0.26, 0.018, 0.54), sheet),
        box((-0.20, 0.018, 0.32), (0.22, 0.020, 0.50), shade(sheet, 1.18)),
        box((0.31, 0.0, 0.40), (0.37, 0.16, 0.46), (70, 130, 200)),
    ]


_STILL = {"press": _press, "screw": _screw, "sort": _sort, "pack": _pack, "inspect": _inspect, "wipe": _wipe}
_MOVING = {"press": _press_moving}

_ITEM_SIZES: dict[str, tuple[float, float, float]] = {
    "part": (0.030, 0.014, 0.030),
    "driver": (0.010, 0.075, 0.010),
    "disc": (0.018, 0.012, 0.018),
    "carton": (0.055, 0.040, 0.040),
    "paper": (0.050, 0.030, 0.045),
    "gear": (0.060, 0.045, 0.022),
    "cloth": (0.065, 0.012, 0.050),
    "bin": (0.150, 0.085, 0.100),
}


ITEM_NAMES = tuple(_ITEM_SIZES)
"""Everything a hand may carry."""


def held_item(item: str, style: Style) -> Solid:
    """Return what a hand carries, around the origin (half sizes across, up, away as listed)."""
    across, up, away = _ITEM_SIZES[item]
    if item == "bin":
        rng = rng_for(style.seed, "carried")
        full = open_bin(0.0, 0.0, (2 * across, 2 * up, 2 * away), style.bins[0], style.parts[1], rng, 22)
        return full.moved(np.array([0.0, up, 0.0]))
    colours: dict[str, Colour] = {
        "part": style.parts[0],
        "driver": (232, 190, 40),
        "disc": style.parts[1],
        "carton": (236, 232, 222),
        "paper": (214, 196, 158),
        "gear": style.parts[2],
        "cloth": (232, 232, 236),
    }
    return box((-across, -up, -away), (across, up, away), colours[item])
