"""Frames of a driving scene: :class:`DrivingRenderer` draws any moment with any pinhole camera on the car."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egoclean.demo import street
from egoclean.demo.motion import smooth
from egoclean.demo.street import Shape
from egoclean.demo.world import DrivingScene, rng_for
from egoclean.media import canvas
from egoclean.media.canvas import Lens, Noise, Picture, View
from egoclean.records import Intrinsics

Array = NDArray[np.float64]

CAMERA_HEIGHT_M = 1.55
LANE_M = 3.5
_TILE_M = 36.0
_HALF_WIDTH_M = 30.0
_TEXTURE_PX_PER_M = 20
_HORIZON_M = 130.0


class Drive:
    """The road's width and the ego vehicle's path in one scene."""

    def __init__(self, scene: DrivingScene) -> None:
        rng = rng_for(scene.seed, "drive")
        speed_m_s = float(rng.uniform(7.0, 13.0))
        self.lanes = int(rng.integers(1, 3))
        self.lane_x = min(float(rng.choice([0.5, 1.5])), self.lanes - 0.5) * LANE_M
        times = np.arange(0.0, scene.duration_s + 1.0, 0.05)
        speed = speed_m_s * (1 + 0.15 * np.sin(0.4 * times + scene.seed % 5))
        if scene.pedestrian_s:
            start_s, stop_s = scene.pedestrian_s
            brake = np.array([smooth((t - start_s + 2.0) / 2.4) * smooth((stop_s + 1.2 - t) / 2.0) for t in times])
            speed = speed * (1 - brake)
        self.travel: tuple[Array, Array] = (times, np.cumsum(speed) * 0.05)

    def place(self, time_s: float) -> tuple[float, float]:
        """Return metres right of the road's middle and along it at ``time_s``."""
        return self.lane_x + 0.25 * math.sin(0.5 * time_s), float(np.interp(time_s, *self.travel))


class DrivingRenderer:
    """Draws a scene: :meth:`frame` is a pure function of the scene, the camera and the time.

    Parameters
    ----------
    scene : what happens.
    camera : pinhole, of any size.
    yaw_deg : where the camera looks from the driving direction, positive to the right.
    """

    def __init__(self, scene: DrivingScene, camera: Intrinsics, yaw_deg: float = 0.0) -> None:
        canvas.single_threaded()
        self.scene = scene
        self.camera = camera
        self.yaw_deg = yaw_deg
        self._night, self._rain = "night" in scene.rare, "rain" in scene.rare
        self._lens = Lens(camera)
        self._rotation = canvas.rotation_of(yaw_deg, -0.4)
        rng = rng_for(scene.seed, "street")
        self._drive = Drive(scene)
        self._lanes, self._lane_x, self._travel = self._drive.lanes, self._drive.lane_x, self._drive.travel
        self._ground = _paint_ground(rng, self._lanes)
        self._still = self._street(rng)
        self._still_z = np.array([float(np.mean(shape.quads[0, :, 2])) for shape in self._still])
        self._traffic = self._vehicles(rng)
        self._sky, self._haze = self._backdrop(rng)
        self._places, self._tint, self._mist, self._rows = self._ground_maps()
        self._noise = Noise(
            rng_for(scene.seed, "noise", yaw_deg), camera.image_width, camera.image_height, 4.5 if self._night else 2.2
        )

    @staticmethod
    def path_of(scene: DrivingScene) -> Callable[[float], tuple[float, float]]:
        """Return the ego vehicle's path: metres right of the road's middle and along it, by seconds."""
        return Drive(scene).place

    def frame(self, time_s: float) -> Picture:
        """Return the frame at ``time_s`` seconds into the scene, RGB (height, width, 3) uint8."""
        x, z = self._drive.place(time_s)
        view = View(self._lens, np.array([x, -CAMERA_HEIGHT_M, z]), self._rotation)
        picture = self._draw_ground(view)
        places = [(shape, where) for shape, where in self._moving(time_s) if -25.0 < where[1] - z < _HORIZON_M]
        near = np.flatnonzero(np.abs(self._still_z - z) < _HORIZON_M)
        objects = [(float(self._still_z[k]), self._still[k]) for k in near]
        objects += [(where[1], shape.moved(*where)) for shape, where in places]
        objects.sort(key=lambda item: -abs(item[0] - z))
        walker = self._walker(time_s)
        if walker is None:
            self._draw_shapes(picture, view, [shape for _, shape in objects])
        else:
            behind = [shape for depth, shape in objects if abs(depth - z) > abs(walker[1] - z)]
            self._draw_shapes(picture, view, behind)
            self._draw_walker(picture, view, walker, time_s)
            self._draw_shapes(picture, view, [shape for _, shape in objects[len(behind) :]])
        if self._rain:
            picture = self._draw_rain(picture, time_s)
        gain = np.float32(1.0 + 0.06 * math.sin(0.7 * time_s + self.scene.seed % 7))
        light = np.repeat((self._lens.light * gain)[..., None], 3, axis=2)
        picture = canvas.apply_light(picture, self._lens, light)
        shake_px = 0.004 * self.camera.fy * math.sin(2.1 * time_s) + 0.002 * self.camera.fy * math.sin(9.0 * time_s)
        return self._noise.add(canvas.shift_down(picture, round(shake_px)), round(time_s * 100))

    def _street(self, rng: np.random.Generator) -> list[Shape]:
        shapes: list[Shape] = []
        leafy = float(rng.uniform(0.1, 0.8))
        last = float(self._travel[1][-1]) + _HORIZON_M
        for side in (-1.0, 1.0):
            z = -20.0
            while z < last:
                depth = float(rng.uniform(9.0, 20.0))
                if rng.random() > 0.55 * leafy:
                    shapes.append(street.building(rng, side, z, depth, self._night))
                z += depth + float(rng.uniform(0.5, 7.0))
            trees = [float(z) for z in np.arange(-15.0, last, 9.0) if rng.random() < leafy]
            shapes += [street.tree(rng, side * float(rng.uniform(9.6, 11.0)), z) for z in trees]
            shapes += [street.lamp(side * 8.9, float(z), self._night) for z in np.arange(-10.0, last, 27.0)]
            shapes += self._parked(rng, side, last)
        if "cones" in self.scene.description:
            shapes += [street.cone(self._lane_x + 1.5, float(z)) for z in np.arange(10.0, last, 6.0)]
        return shapes

    def _parked(self, rng: np.random.Generator, side: float, last: float) -> list[Shape]:
        if "arked" not in self.scene.description and rng.random() > 0.4:
            return []
        edge = self._lanes * LANE_M + 1.35
        cars = []
        for z in np.arange(-10.0, last, 7.0):
            if rng.random() < 0.5:
                car = street.car(rng, bool(rng.random() < 0.2), False)
                cars.append((car.turned() if side < 0 else car).moved(side * edge, float(z)))
        return cars

    def _vehicles(self, rng: np.random.Generator) -> list[tuple[Shape, float, float, bool]]:
        vehicles: list[tuple[Shape, float, float, bool]] = []
        if "ollowing" in self.scene.description:
            vehicles.append(
                (
                    street.car(rng, "van" in self.scene.description, self._night),
                    self._lane_x,
                    float(rng.uniform(9, 14)),
                    True,
                )
            )
        for _ in range(int(rng.integers(1, 4)) + 3 * ("ncoming" in self.scene.description)):
            lane = -(0.5 + float(rng.integers(0, self._lanes))) * LANE_M
            shape = street.car(rng, bool(rng.random() < 0.25), self._night).turned()
            vehicles.append((shape, lane, float(rng.uniform(20.0, 380.0)), False))
        return vehicles

    def _moving(self, time_s: float) -> list[tuple[Shape, tuple[float, float]]]:
        _, z = self._drive.place(time_s)
        places = []
        for shape, x, start, lead in self._traffic:
            ahead = z + start + 2.5 * math.sin(0.45 * time_s) if lead else start - 9.5 * time_s + 4.3
            places.append((shape, (x, ahead)))
        return places

    def _backdrop(self, rng: np.random.Generator) -> tuple[Picture, Array]:
        width, height = self.camera.image_width, self.camera.image_height
        if self._night:
            top, low = np.array([8, 10, 20.0]), np.array([34, 34, 44.0])
        elif self._rain:
            top, low = np.array([128, 134, 140.0]), np.array([168, 172, 174.0])
        else:
            top, low = np.array([92, 140, 196.0]), np.array([206, 218, 226.0])
            low = low + rng.uniform(-12, 12)
        share = np.clip(np.arange(height)[:, None, None] / (0.55 * height), 0, 1)
        sky = np.repeat(top + (low - top) * share, width, axis=1)
        clouds = canvas.soft_noise(rng, width, height, width / 7, height / 14) * (0.3 if self._rain else 1.0)
        sky += (26.0 * np.clip(clouds, 0, 1.2) * (0.2 if self._night else 1.0))[..., None]
        return np.clip(sky, 0, 255).astype(np.uint8), low

    def _ground_maps(self) -> tuple[NDArray[np.float32], Picture, Picture, tuple[int, int]]:
        """Return, from the horizon down, each pixel's place on the ground, its light and its mist; and the rows."""
        camera = self.camera
        u, v = np.meshgrid(np.arange(camera.image_width), np.arange(camera.image_height))
        rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u, float)], -1)
        rays = rays @ self._rotation
        first = int(np.flatnonzero((rays[..., 1] > 0.004).all(axis=1))[0])
        rays = rays[first:]
        reach = CAMERA_HEIGHT_M / rays[..., 1]
        x, z = reach * rays[..., 0], reach * rays[..., 2]
        distance = np.hypot(x, z).astype(np.float32)
        fog = np.exp(-distance / (60.0 if self._rain else 110.0))[..., None]
        tint = self._light_at(distance)[..., None] * fog * (0.86 if self._rain else 1.0)
        tint = np.repeat(np.clip(tint * 128, 0, 255), 3, axis=2).astype(np.uint8)
        mist = np.clip(self._haze * (1 - fog), 0, 255).astype(np.uint8)
        near = np.flatnonzero(distance.min(axis=1) < 16.0)
        split = int(near[0]) if len(near) else len(distance)
        places = np.stack([np.clip(x, -60, 60), z], axis=-1).astype(np.float32) * np.float32(_TEXTURE_PX_PER_M)
        return places, tint, mist, (first, split)

    def _draw_ground(self, view: View) -> Picture:
        first, split = self._rows
        sharp, soft = self._ground
        shift = np.array([view.position[0] + _HALF_WIDTH_M, view.position[2] % _TILE_M]) * _TEXTURE_PX_PER_M
        places = self._places + shift.astype(np.float32)
        seen = [canvas.sample(soft, places[:split], wrap=True)] if split else []
        if split < len(places):
            seen.append(canvas.sample(sharp, places[split:], wrap=True))
        ground = canvas.tinted(np.concatenate(seen), self._tint, self._mist)
        return np.concatenate([self._sky[:first], ground])

    def _light_at(self, distance: Array | NDArray[np.float32]) -> Array | NDArray[np.float32]:
        if not self._night:
            return np.ones_like(distance)
        return np.asarray(
            0.16 + 0.75 * np.exp(-(((distance - 9.0) / 13.0) ** 2)) * abs(math.cos(math.radians(self.yaw_deg)))
        )

    def _tone(self, colours: Array, distance: Array, glowing: NDArray[np.bool_]) -> Array:
        """Return colours (N, 3) as seen over ``distance`` (N,) metres by the light of the scene."""
        light = self._light_at(distance) * (0.88 if self._rain else 1.0)
        light = np.where(glowing, 1.0, light)[:, None]
        fog = np.exp(-distance / (75.0 if self._rain else 160.0))[:, None]
        return np.asarray(colours * light * fog + self._haze * (1 - fog))

    def _draw_shapes(self, picture: Picture, view: View, shapes: list[Shape]) -> None:
        if not shapes:
            return
        quads = np.concatenate([shape.quads for shape in shapes])
        local = view.camera_points(quads)
        deepest, nearest = local[..., 2].max(axis=1), local[..., 2].min(axis=1)
        flat = local.reshape(-1, 3).copy()
        flat[:, 2] = np.maximum(flat[:, 2], 0.05)
        pixels = self._lens.pixels(flat).reshape(-1, 4, 2)
        low, high = pixels.min(axis=1), pixels.max(axis=1)
        size = (self._lens.width, self._lens.height)
        shown = (deepest > 0.3) & (high > 0).all(axis=1) & (low < size).all(axis=1) & ((high - low).max(axis=1) > 1.2)
        shown |= (deepest > 0.3) & (nearest <= 0.05)
        normals = np.concatenate([shape.normals for shape in shapes])
        shown &= np.einsum("ni,ni->n", view.position - quads[:, 0], normals) >= 0
        kept = np.flatnonzero(shown)
        distance = np.linalg.norm(local[kept], axis=-1).min(axis=1)
        colours = np.concatenate([shape.colours for shape in shapes])[kept]
        glowing = np.concatenate([shape.glowing for shape in shapes])[kept]
        tones = self._tone(colours, distance, glowing).tolist()
        outlines = canvas.fixed(pixels[kept])
        for position, index in enumerate(kept.tolist()):
            if nearest[index] > 0.05:
                canvas.fill_fixed(picture, outlines[position], tones[position])
            else:
                canvas.fill_convex(picture, view.outline(local[index]), tones[position])

    def _walker(self, time_s: float) -> tuple[float, float] | None:
        if self.scene.pedestrian_s is None:
            return None
        start_s, stop_s = self.scene.pedestrian_s
        _, stop_z = self._drive.place((start_s + stop_s) / 2)
        share = (time_s - start_s) / (stop_s - start_s)
        edge = self._lanes * LANE_M + 2.5
        return edge - 2 * edge * min(max(share, -0.15), 1.15), stop_z + 7.5

    def _draw_walker(self, picture: Picture, view: View, place: tuple[float, float], time_s: float) -> None:
        x, z = place
        swing = 0.32 * math.sin(2 * math.pi * 1.8 * time_s)
        joints = [
            ((0, 0.88, 0), (swing, 0.05, 0), 0.09, 0.06, (48, 52, 70)),
            ((0, 0.88, 0), (-swing, 0.05, 0), 0.09, 0.06, (40, 44, 60)),
            ((0, 1.38, 0.16), (swing * 0.8, 0.86, 0.18), 0.06, 0.045, (170, 60, 50)),
            ((0, 0.92, 0), (0, 1.40, 0), 0.17, 0.19, (196, 66, 56)),
            ((0, 1.38, -0.16), (-swing * 0.8, 0.86, -0.18), 0.06, 0.045, (206, 80, 66)),
            ((0, 1.60, 0), (0, 1.68, 0), 0.11, 0.10, (198, 152, 122)),
        ]
        ends = np.array([(first, second) for first, second, *_ in joints], float) * (1, -1, 1) + (x, 0, z)
        local = view.camera_points(ends)
        if local[..., 2].min() < 0.5:
            return
        pixels = self._lens.pixels(local.reshape(-1, 3)).reshape(-1, 2, 2)
        radii = np.array([joint[2:4] for joint in joints]) * self.camera.fx / local[..., 2]
        outlines = canvas.capsule_outlines(pixels[:, 0], pixels[:, 1], radii[:, 0], radii[:, 1])
        colours = self._tone(np.array([joint[4] for joint in joints], float), local[:, 0, 2], np.zeros(6, bool))
        for outline, colour in zip(outlines, colours.tolist(), strict=True):
            canvas.fill_convex(picture, outline, colour)

    def _draw_rain(self, picture: Picture, time_s: float) -> Picture:
        height, width = picture.shape[:2]
        middle = int(self.camera.cy)
        picture = canvas.reflect_below(picture, middle, 0.26)
        rng = rng_for(self.scene.seed, "rain", round(time_s * 100), self.yaw_deg)
        layer = picture.copy()
        for x, y, length in zip(
            rng.uniform(0, width, 130), rng.uniform(0, height, 130), rng.uniform(8, 34, 130), strict=True
        ):
            size = length * height / 450
            canvas.draw_line(layer, np.array([(x, y), (x + 0.12 * size, y + size)]), (206, 212, 218), 1)
        return canvas.average(picture, layer)


def _paint_ground(rng: np.random.Generator, lanes: int) -> tuple[Picture, Picture]:
    scale = _TEXTURE_PX_PER_M
    width, height = int(2 * _HALF_WIDTH_M * scale), int(_TILE_M * scale)
    grass = np.array([96, 116, 72.0]) if rng.random() < 0.5 else np.array([142, 138, 128.0])
    x = np.abs(np.arange(width) / scale - _HALF_WIDTH_M)
    road = lanes * LANE_M + 2.4
    tone = np.where((x < road)[:, None], np.array([84, 86, 90.0]) * rng.uniform(0.85, 1.15), grass)
    tone = np.where(((x >= road) & (x < road + 3.0))[:, None], np.array([158, 154, 148.0]), tone)
    tone = np.where(((x >= road - 0.15) & (x < road + 0.15))[:, None], np.array([182, 180, 176.0]), tone)
    grain = 1 + 0.07 * rng.normal(size=(height, width)) + 0.05 * canvas.soft_noise(rng, width, height, 40, 40)
    ground = np.clip(tone[None] * grain[..., None], 0, 255).astype(np.uint8)
    paint = np.array([222, 222, 214], np.uint8)
    middle = int(_HALF_WIDTH_M * scale)
    for offset in (-0.16, 0.08):
        start = middle + int(offset * scale)
        ground[:, start : start + 3] = (216, 180, 60)
    for lane in range(-lanes, lanes + 1):
        column = middle + int(lane * LANE_M * scale)
        if abs(lane) == lanes:
            ground[:, column - 1 : column + 2] = paint
        elif lane:
            for dash in np.arange(0, _TILE_M, 9.0):
                ground[int(dash * scale) : int((dash + 3) * scale), column - 1 : column + 2] = paint
    for joint in np.arange(0.0, _TILE_M, 1.5):
        edge = int((road + 0.15) * scale)
        for start in (middle - edge - int(2.8 * scale), middle + edge):
            ground[int(joint * scale), start : start + int(2.8 * scale)] = (132, 128, 124)
    return ground, canvas.soften(ground, 5, 15)
