"""What stands and moves along the road: buildings, trees, lamps, cars and people as flat quadrilaterals.

Road axes, metres: x right of the road's middle, y down with 0 on the ground, z along the road.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.demo.style import Colour, shade

Array = NDArray[np.float64]

_FACES = (
    ([(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)], 0.62),
    ([(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)], 0.74),
    ([(1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)], 0.74),
    ([(0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)], 1.15),
    ([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], 0.92),
)

_NORMALS = np.array([(0, 0, 1), (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 0, -1)], float)
_ABOUT = np.array([-1.0, 1.0, -1.0])


@dataclass(frozen=True, slots=True)
class Shape:
    """Quadrilaterals (N, 4, 3) in drawing order.

    ``colours`` (N, 3) are RGB; ``glowing`` (N,) ones keep their light at night; a quadrilateral is seen from where its
    outward ``normals`` (N, 3) point, from anywhere when that is zero.
    """

    quads: Array
    colours: Array
    glowing: NDArray[np.bool_]
    normals: Array

    @staticmethod
    def join(parts: list[Shape]) -> Shape:
        """Return the shapes as one, drawn in the given order."""
        return Shape(
            np.concatenate([part.quads for part in parts]),
            np.concatenate([part.colours for part in parts]),
            np.concatenate([part.glowing for part in parts]),
            np.concatenate([part.normals for part in parts]),
        )

    def moved(self, x: float, z: float) -> Shape:
        """Return the shape shifted along the ground."""
        return Shape(self.quads + np.array([x, 0.0, z]), self.colours, self.glowing, self.normals)

    def turned(self) -> Shape:
        """Return the shape facing the other way."""
        return Shape(self.quads * _ABOUT, self.colours, self.glowing, self.normals * _ABOUT)


def block(low: tuple[float, float, float], high: tuple[float, float, float], colour: Colour) -> Shape:
    """Return a box from ``low`` to ``high``, each ``(x, height, z)``."""
    first, size = np.array(low, float), np.array(high, float) - np.array(low, float)
    quads = np.array([first + np.array(corners, float) * size for corners, _ in _FACES])
    quads[..., 1] *= -1
    colours = np.array([shade(colour, light) for _, light in _FACES], float)
    return Shape(quads, colours, np.zeros(5, bool), _NORMALS)


def panel(
    corners: list[tuple[float, float, float]],
    colour: Colour,
    glowing: bool = False,
    faces: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Shape:
    """Return one quadrilateral of corners ``(x, height, z)``, seen from where ``faces`` points."""
    quads = np.array(corners, float)[None]
    quads[..., 1] *= -1
    return Shape(quads, np.array([colour], float), np.array([glowing]), np.array([faces]))


def building(rng: np.random.Generator, side: float, z: float, depth: float, lit: bool) -> Shape:
    """Return a building beside the road: ``side`` -1 or 1, its near corner at ``z``."""
    near = side * float(rng.uniform(12.5, 16.0))
    height = float(rng.choice([5.0, 8.0, 11.0, 17.0])) * float(rng.uniform(0.85, 1.2))
    tone = (164, 120, 96) if rng.random() < 0.4 else (170, 166, 158)
    colour = shade(tone, float(rng.uniform(0.75, 1.2)))
    far = near + side * float(rng.uniform(9.0, 14.0))
    parts = [block((min(near, far), 0, z), (max(near, far), height, z + depth), colour)]
    floors, columns = max(1, int(height / 3.2)), max(2, int(depth / 3.0))
    for floor in range(floors):
        for column in range(columns):
            glow = lit and bool(rng.random() < 0.35)
            glass = (250, 214, 140) if glow else shade((86, 104, 122), float(rng.uniform(0.7, 1.3)))
            low, first = 0.9 + 3.1 * floor, z + 0.7 + (depth - 1.0) * column / columns
            wide = (depth - 1.0) / columns * 0.58
            x = near - side * 0.02
            corners = [(x, low, first), (x, low, first + wide), (x, low + 1.5, first + wide), (x, low + 1.5, first)]
            parts.append(panel(corners, glass, glow, (-side, 0.0, 0.0)))
        for column in range(3):
            glass = shade((86, 104, 122), float(rng.uniform(0.7, 1.3)))
            first, low = near + side * (1.2 + 2.8 * column), 0.9 + 3.1 * floor
            corners = [
                (first, low, z - 0.02),
                (first + side * 1.5, low, z - 0.02),
                (first + side * 1.5, low + 1.5, z - 0.02),
                (first, low + 1.5, z - 0.02),
            ]
            parts.append(panel(corners, glass, faces=(0.0, 0.0, -1.0)))
    return Shape.join(parts)


def tree(rng: np.random.Generator, x: float, z: float) -> Shape:
    """Return a tree: trunk and three crossed crowns."""
    green = shade((74, 112, 58), float(rng.uniform(0.7, 1.2)))
    tall = float(rng.uniform(3.6, 6.5))
    parts = [block((x - 0.16, 0, z - 0.16), (x + 0.16, 0.5 * tall, z + 0.16), (92, 70, 52))]
    for layer in range(4):
        wide = float(rng.uniform(0.9, 1.7)) * (1.15 - 0.22 * layer)
        base = tall * (0.36 + 0.15 * layer)
        offset = float(rng.uniform(-0.3, 0.3))
        crown = ((x - wide + offset, base, z - wide), (x + wide + offset, base + 0.24 * tall, z + wide))
        parts.append(block(*crown, shade(green, 0.85 + 0.1 * layer)))
    return Shape.join(parts)


def lamp(x: float, z: float, lit: bool) -> Shape:
    """Return a street lamp that reaches over the road."""
    reach = -0.22 * x
    head = (255, 236, 178) if lit else (200, 200, 196)
    return Shape.join(
        [
            block((x - 0.08, 0, z - 0.08), (x + 0.08, 6.2, z + 0.08), (92, 96, 100)),
            block((min(x, x + reach), 6.1, z - 0.05), (max(x, x + reach), 6.2, z + 0.05), (92, 96, 100)),
            panel(
                [
                    (x + reach - 0.4, 6.05, z - 0.2),
                    (x + reach + 0.4, 6.05, z - 0.2),
                    (x + reach + 0.4, 6.2, z - 0.2),
                    (x + reach - 0.4, 6.2, z - 0.2),
                ],
                head,
                lit,
            ),
        ]
    )


def car(rng: np.random.Generator, van: bool, lit: bool) -> Shape:
    """Return a car or van at the origin, seen from behind by someone who follows it."""
    paints: tuple[Colour, ...] = (
        (188, 190, 194),
        (52, 56, 64),
        (150, 38, 36),
        (40, 72, 128),
        (226, 226, 222),
        (74, 84, 74),
    )
    paint = shade(paints[int(rng.integers(0, len(paints)))], float(rng.uniform(0.85, 1.1)))
    glass = (44, 54, 66)
    length, top = (5.0, 2.2) if van else (4.3, 1.45)
    half = 0.9
    cabin_start, cabin_stop = (0.1, 3.9) if van else (0.6, 3.1)
    shadow = panel(
        [(x, 0.01, z) for x, z in ((-1.05, -0.1), (1.05, -0.1), (1.05, length), (-1.05, length))], (30, 30, 32)
    )
    parts = [shadow]
    for x in (-half + 0.02, half - 0.22):
        for z in (0.55, length - 1.25):
            parts.append(block((x, 0.0, z), (x + 0.2, 0.62, z + 0.62), (26, 26, 28)))
    parts.append(block((-half, 0.28, 0.0), (half, 0.92, length), paint))
    parts.append(block((-half + 0.1, 0.92, cabin_start), (half - 0.1, top, cabin_stop), shade(paint, 0.96)))
    low, high = 0.98, top - 0.10
    for ahead, z in ((-1.0, cabin_start - 0.01), (1.0, cabin_stop + 0.01)):
        corners = [(-0.68, low, z), (0.68, low, z), (0.62, high, z), (-0.62, high, z)]
        parts.append(panel(corners, glass, faces=(0.0, 0.0, ahead)))
    red = (255, 40, 30) if lit else (176, 30, 28)
    white = (255, 250, 226) if lit else (214, 216, 214)
    for side in (-1.0, 1.0):
        x, first, last = side * (half - 0.09), cabin_start + 0.2, cabin_stop - 0.2
        corners = [(x, low, first), (x, low, last), (x, high, last - 0.2), (x, high, first + 0.1)]
        parts.append(panel(corners, glass, faces=(side, 0.0, 0.0)))
        parts.append(_light(side, -0.02, red, lit))
        parts.append(_light(side, length + 0.02, white, lit))
    plate = [(-0.26, 0.42, -0.02), (0.26, 0.42, -0.02), (0.26, 0.55, -0.02), (-0.26, 0.55, -0.02)]
    parts.append(panel(plate, (230, 230, 222), faces=(0.0, 0.0, -1.0)))
    return Shape.join(parts)


def _light(side: float, z: float, colour: Colour, lit: bool) -> Shape:
    outer, inner = side * 0.84, side * 0.52
    corners = [(outer, 0.60, z), (inner, 0.60, z), (inner, 0.81, z), (outer, 0.81, z)]
    return panel(corners, colour, lit, (0.0, 0.0, -1.0 if z < 0 else 1.0))


def cone(x: float, z: float) -> Shape:
    """Return a road works cone."""
    corners = [(x - 0.2, 0.0, z), (x + 0.2, 0.0, z), (x + 0.05, 0.7, z), (x - 0.05, 0.7, z)]
    band = [
        (x - 0.14, 0.25, z - 0.01),
        (x + 0.14, 0.25, z - 0.01),
        (x + 0.1, 0.45, z - 0.01),
        (x - 0.1, 0.45, z - 0.01),
    ]
    return Shape.join([panel(corners, (226, 96, 30)), panel(band, (240, 240, 236))])
