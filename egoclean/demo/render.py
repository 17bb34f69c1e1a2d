"""Frames of a factory clip: :class:`FactoryRenderer` draws any moment of a description with any camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.demo import fixtures, hands, scenery
from egoclean.demo.fixtures import Solid
from egoclean.demo.motion import Movement, Pose, smooth
from egoclean.demo.style import shade, workplace_style
from egoclean.demo.world import FRAME_RATE_FPS, FactoryClip, rng_for
from egoclean.media import canvas
from egoclean.media.canvas import Lens, Noise, Picture, View
from egoclean.records import Intrinsics

Array = NDArray[np.float64]

EXPOSURE_S = 1 / 75

_SHADOW_ANGLES = np.linspace(0, 2 * math.pi, 14, endpoint=False)
_SHADOW_RING = np.stack([0.06 * np.cos(_SHADOW_ANGLES), 0 * _SHADOW_ANGLES, 0.10 * np.sin(_SHADOW_ANGLES)], axis=-1)


@dataclass(frozen=True, slots=True)
class _Light:
    gain: float
    colour: Array
    tilt: float


class FactoryRenderer:
    """Draws a clip: :meth:`frame` is a pure function of the clip, the camera and the time.

    Parameters
    ----------
    clip : what happens.
    camera : fisheye or pinhole, of any size; the worker's own lens when None.
    """

    def __init__(self, clip: FactoryClip, camera: Intrinsics | None = None) -> None:
        canvas.single_threaded()
        self.clip = clip
        self.camera = camera or clip.worker.lens
        self._style = workplace_style(clip.worker.seed)
        self._movement = Movement(clip, self._style)
        self._lens = Lens(self.camera)
        detail = 0.85 if self.camera.image_width < canvas.HALVED_WIDTH else 0.55
        self._radius = max(96, round(math.pi * self.camera.fx * detail))
        self._across = np.linspace(-1, 1, self._lens.columns, dtype=np.float32)[None, :]
        self._room = scenery.paint_room(self._style, self._radius)
        self._bench_scale = min(scenery.BENCH_PX_PER_M, max(60, round(self.camera.fx / 0.55)))
        self._bench = scenery.paint_bench(self._style, self._bench_scale)
        self._things = fixtures.standing_things(self._style)
        self._still: dict[str, list[Solid]] = {}
        self._items = {name: fixtures.held_item(name, self._style) for name in fixtures.ITEM_NAMES}
        amplitude = self._style.noise_level * (0.6 if self.camera.image_width < 400 else 1.0)
        noise_rng = rng_for(clip.seed, "noise", clip.variation.noise_seed)
        self._noise = Noise(noise_rng, self.camera.image_width, self.camera.image_height, amplitude)
        rng = rng_for(clip.seed, "light")
        self._drift_hz = rng.uniform(0.02, 0.13, 5)
        self._drift_phase = rng.uniform(0, 2 * math.pi, 5)
        self._flicker = rng.uniform(0.78, 1.14, 4096)
        bench = self._style
        corners = [
            (-bench.bench_half_width_m, 0.0, scenery.BENCH_NEAR_M),
            (bench.bench_half_width_m, 0.0, scenery.BENCH_NEAR_M),
            (bench.bench_half_width_m, 0.0, bench.bench_far_m),
            (-bench.bench_half_width_m, 0.0, bench.bench_far_m),
        ]
        self._bench_outline = _subdivided(np.array(corners), 24) + np.array([0, bench.bench_drop_m, 0])

    def frame(self, time_s: float) -> Picture:
        """Return the frame ``time_s`` seconds after the clip's first, RGB (height, width, 3) uint8."""
        moment_s = time_s + self.clip.variation.offset_s
        return self.taken(self.drawn(moment_s), moment_s)

    def drawn(self, moment_s: float) -> Picture:
        """Return what is before the camera ``moment_s`` into the timeline, evenly lit: the same for near-duplicates."""
        pose = self._movement.pose(moment_s)
        before = self._movement.pose(max(0.0, moment_s - EXPOSURE_S))
        view = View(self._lens, pose.head[:3], canvas.rotation_of(*pose.head[3:6]))
        picture = self._draw_surfaces(view)
        self._draw_solids(picture, view, self._solids(pose), np.array([0, self._style.bench_drop_m, 0]))
        self._draw_people(picture, view, pose, before)
        return self._smear(picture, pose, before)

    def taken(self, picture: Picture, moment_s: float) -> Picture:
        """Return ``picture``, changed in place, in the light of the moment, with this clip's crop and sensor noise."""
        picture = canvas.apply_light(picture, self._lens, self._light_map(moment_s))
        if self.clip.variation.crop_share:
            picture = canvas.crop_share(picture, self.clip.variation.crop_share)
        frame = round((moment_s - self.clip.variation.offset_s) * FRAME_RATE_FPS)
        return self._noise.add(picture, frame)

    def _draw_surfaces(self, view: View) -> Picture:
        lens = self._lens
        hits = scenery.room_hit(view.position, view.world_rays())
        pixels = scenery.panorama_pixels(hits, self._radius).astype(np.float32)
        surface = lens.surface(self._room, pixels.reshape(lens.rows, lens.columns, 2))
        outline = view.outline(view.camera_points(self._bench_outline))
        if len(outline) >= 3:
            lens.lay(surface, self._bench, self._bench_pixels(view), outline)
        picture = lens.enlarged(surface)
        if len(outline) >= 3:
            canvas.draw_line(picture, outline, shade(self._style.bench, 0.7), 0.004 * self.camera.fx, closed=True)
        self._draw_bench_edge(picture, view)
        return picture

    def _bench_pixels(self, view: View) -> NDArray[np.float32]:
        rays, style = view.world_rays(), self._style
        reach = (style.bench_drop_m - view.position[1]) / np.maximum(rays[:, 1], 0.05)
        x = view.position[0] + reach * rays[:, 0] + style.bench_half_width_m
        z = style.bench_far_m - (view.position[2] + reach * rays[:, 2])
        coarse = np.stack([x, z], axis=-1).astype(np.float32) * np.float32(self._bench_scale)
        return coarse.reshape(self._lens.rows, self._lens.columns, 2)

    def _draw_bench_edge(self, picture: Picture, view: View) -> None:
        width_px = max(1.0, 0.006 * self.camera.fx)
        near = view.camera_points(self._bench_outline[:25])
        near = near[near[:, 2] > 0.03]
        if len(near) > 1:
            canvas.draw_line(picture, self._lens.pixels(near), shade(self._style.bench, 0.5), 2.2 * width_px)
            canvas.draw_line(picture, self._lens.pixels(near), shade(self._style.bench, 1.15), 0.6 * width_px)

    def _solids(self, pose: Pose) -> list[Solid]:
        phase = pose.phase if pose.fixture == pose.activity else 0.0
        work = fixtures.fixture(pose.fixture, phase, self._style, self._still)
        if pose.fixture_slide > 0.0:
            shift = np.array([1.1 * pose.fixture_slide, 0.0, 0.0])
            work = [solid.moved(shift) for solid in work]
        return self._things + work

    def _draw_solids(self, picture: Picture, view: View, solids: list[Solid], origin: Array) -> None:
        eye = view.position - origin
        order = sorted(range(len(solids)), key=lambda k: -_depth(solids[k].centre, eye))
        faces = np.concatenate([solids[k].faces for k in order])
        normals = np.concatenate([solids[k].normals for k in order])
        colours = np.concatenate([solids[k].colours for k in order]).tolist()
        facing = np.einsum("fi,fi->f", eye - faces[:, 0], normals) > 0
        local = (faces - eye) @ view.rotation.T
        outlines = canvas.fixed(self._lens.pixels(local.reshape(-1, 3)).reshape(*local.shape[:2], 2))
        whole = (local[..., 2].min(axis=1) > 0.03).tolist()
        facing_list = facing.tolist()
        position = 0
        for k in order:
            solid = solids[k]
            for number in range(len(solid.faces)):
                index = position + number
                if facing_list[index] and whole[index]:
                    canvas.fill_fixed(picture, outlines[index], colours[index])
                elif facing_list[index]:
                    canvas.fill_convex(picture, view.outline(local[index]), colours[index])
                if number == solid.dots_after:
                    self._draw_dots(picture, view, solid, eye)
            position += len(solid.faces)

    def _draw_dots(self, picture: Picture, view: View, solid: Solid, eye: Array) -> None:
        local = (solid.dots - eye) @ view.rotation.T
        if local[:, 2].min() < 0.05:
            return
        pixels = self._lens.pixels(local)
        radii = solid.dot_radii * (self.camera.fx / np.linalg.norm(local, axis=-1))
        if radii.mean() < 2.0:
            canvas.fill_circles(picture, pixels, radii, solid.dot_colours.tolist())
            return
        centres = np.stack([pixels, pixels - 0.18 * radii[:, None]], axis=1).reshape(-1, 2)
        sizes = np.stack([radii, 0.8 * radii], axis=1).reshape(-1)
        colours = np.stack([0.45 * solid.dot_colours, solid.dot_colours], axis=1).reshape(-1, 3)
        canvas.fill_circles(picture, centres, sizes, colours.tolist())

    def _draw_people(self, picture: Picture, view: View, pose: Pose, before: Pose) -> None:
        self._draw_shadows(picture, view, pose)
        if pose.fallen_part is not None:
            self._draw_solids(picture, view, [self._items["part"]], pose.fallen_part)
        speed = np.abs(pose.hands[:, :3] - before.hands[:, :3]).max() * self.camera.fx / 0.5
        if speed < 2.5:
            self._draw_arms(picture, view, pose)
            return
        ghost = self._lens.scratch("ghost", *picture.shape[:2])
        np.copyto(ghost, picture)
        self._draw_arms(picture, view, pose)
        self._draw_arms(ghost, view, before, faint=True)
        canvas.average(picture, ghost)

    def _draw_arms(self, picture: Picture, view: View, pose: Pose, faint: bool = False) -> None:
        if "bin" in pose.items:
            self._draw_solids(picture, view, [self._items["bin"]], pose.hands[:, :3].mean(axis=0))
        for index in np.argsort(-pose.hands[:, 2]):
            hand = pose.hands[index]
            if pose.items[index] not in ("", "bin"):
                place = hand[:3] + np.array([0.0, 0.028, 0.012])
                self._draw_solids(picture, view, [self._items[pose.items[index]]], place)
            arm = hands.limb(hand, -1.0 if index == 0 else 1.0, pose.head, pose.body_yaw_deg)
            hands.draw_limb(picture, view, arm, self._style, faint)

    def _draw_shadows(self, picture: Picture, view: View, pose: Pose) -> None:
        style = self._style
        for hand in pose.hands:
            height = style.bench_drop_m - float(hand[1])
            if height < -0.05 or abs(hand[0]) > style.bench_half_width_m or not 0.1 < hand[2] < style.bench_far_m:
                continue
            centre = np.array([hand[0] + 0.25 * height + 0.01, style.bench_drop_m, hand[2] - 0.05 + 0.2 * height])
            points = view.camera_points(_SHADOW_RING + centre)
            if points[:, 2].min() > 0.05:
                blur_px = (0.05 + 0.25 * max(height, 0.0)) * self.camera.fx
                canvas.darken(picture, self._lens.pixels(points), 0.42 / (1 + 3 * max(height, 0)), blur_px)

    def _smear(self, picture: Picture, pose: Pose, before: Pose) -> Picture:
        turn = np.radians(pose.head[3:5] - before.head[3:5]) * self.camera.fx
        return canvas.blur_motion(picture, abs(float(turn[0])), abs(float(turn[1])))

    def _light_map(self, moment_s: float) -> NDArray[np.float32]:
        light = self._lighting(moment_s)
        lens = self._lens
        x = self._across
        field = lens.light * np.float32(light.gain) * (1 + np.float32(light.tilt) * x)
        for shadow in self.clip.timeline.shadows:
            if shadow.start_s < moment_s < shadow.stop_s:
                share = (moment_s - shadow.start_s) / (shadow.stop_s - shadow.start_s)
                centre = (3.4 * share - 1.7) * (1 if shadow.from_left else -1)
                field = field * (1 - shadow.depth * np.exp(-(((x - centre) / 0.55) ** 2)))
        return np.asarray(field[..., None] * light.colour.astype(np.float32))

    def _lighting(self, moment_s: float) -> _Light:
        waves = np.sin(2 * math.pi * self._drift_hz * moment_s + self._drift_phase)
        gain = self._style.light_level * self.clip.variation.gain * (1 + 0.12 * waves[0] + 0.09 * waves[1])
        colour = np.array(self._style.light) * (1 + np.array([0.05, 0.0, -0.05]) * waves[2])
        tilt = 0.08 * waves[3]
        for event in self.clip.timeline.events:
            if event.kind == "light_change" and event.start_s < moment_s < event.stop_s:
                share = smooth(min(moment_s - event.start_s, event.stop_s - moment_s) / 0.35)
                place = moment_s * 5.0
                first, second = (self._flicker[int(place + k) % len(self._flicker)] for k in (0, 1))
                beat = first + (second - first) * smooth(place % 1.0)
                cast = np.array([1.24, 0.98, 0.72]) if event.variant else np.array([0.76, 0.97, 1.26])
                colour = colour * (1 + share * (cast - 1))
                tilt += share * 0.38 * event.side
                gain *= 1 + share * (beat - 1)
        return _Light(gain, colour, tilt)


def _subdivided(corners: Array, count: int) -> Array:
    following = np.roll(corners, -1, axis=0)
    shares = np.arange(count) / count
    return np.asarray((corners[:, None] + shares[None, :, None] * (following - corners)[:, None]).reshape(-1, 3))


def _depth(centre: Array, eye: Array) -> float:
    """Return how far behind others a solid lies, for somebody who stands at the bench and looks down at it."""
    return 0.86 * float(centre[2]) + 0.5 * float(centre[1]) + 0.25 * abs(float(centre[0] - eye[0]))
