"""Gloved hands and forearms: joints from a pose, drawn as shaded capsules."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.demo.style import Colour, Style, shade
from egoclean.media.canvas import Picture, View, capsule_outlines, cross, fill_fixed, fixed

Array = NDArray[np.float64]

_FINGER_OFFSETS = np.array([0.031, 0.011, -0.010, -0.030])
_FINGER_SCALES = np.array([0.92, 1.0, 0.95, 0.76])
_PHALANGES_M = np.array([0.044, 0.030, 0.024])
_KNUCKLE_M = 0.088
_NEAR_M = 0.06


@dataclass(frozen=True, slots=True)
class Limb:
    """Capsules of one arm and hand: ends (N, 2, 3), radii (N, 2) metres; the first two are the sleeve."""

    ends: Array
    radii: Array
    knuckle_normal: Array


def limb(hand: Array, side: float, head: Array, body_yaw_deg: float) -> Limb:
    """Return the capsules of one arm. ``hand`` is a row of a pose's hands, ``side`` -1 for left and 1 for right."""
    grip_point, grip, twist = hand[:3], float(hand[3]), math.radians(float(hand[4]))
    yaw = math.radians(body_yaw_deg)
    across = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    ahead = np.array([math.sin(yaw), 0.0, math.cos(yaw)])
    shoulder = head[:3] + 0.21 * side * across + np.array([0.0, 0.30, 0.0]) - 0.10 * ahead
    elbow = 0.52 * shoulder + 0.48 * grip_point + 0.11 * side * across + np.array([0.0, 0.13, 0.0]) - 0.08 * ahead
    along = _unit(grip_point - elbow)
    up = np.array([0.0, -1.0, 0.0])
    back = _unit(up - along * float(up @ along))
    lateral = cross(along, back)
    back = math.cos(twist) * back + math.sin(twist) * lateral
    inward = cross(along, back) * -side
    wrist = grip_point - 0.125 * along + 0.028 * back
    return _fingers((shoulder, elbow, wrist), along, back, inward, grip)


def _fingers(arm: tuple[Array, Array, Array], along: Array, back: Array, inward: Array, grip: float) -> Limb:
    shoulder, elbow, wrist = arm
    segments: list[tuple[Array, Array]] = [(shoulder, elbow), (elbow, wrist - 0.015 * along)]
    radii: list[tuple[float, float]] = [(0.060, 0.052), (0.052, 0.038)]
    bases = wrist + _KNUCKLE_M * along + _FINGER_OFFSETS[:, None] * inward
    for index in range(4):
        start = wrist + 0.012 * along + 0.55 * _FINGER_OFFSETS[index] * inward
        segments.append((start, bases[index]))
        radii.append((0.021, 0.0165))
    angles = np.array([0.15 + 0.95 * grip, 0.25 + 1.9 * grip, 0.3 + 2.5 * grip])
    directions = np.cos(angles)[:, None] * along - np.sin(angles)[:, None] * back
    for index in (3, 2, 1, 0):
        joint = bases[index]
        for bone in range(3):
            tip = joint + _PHALANGES_M[bone] * _FINGER_SCALES[index] * directions[bone]
            segments.append((joint, tip))
            radii.append((0.0128 - 0.0012 * bone, 0.0122 - 0.0016 * bone))
            joint = tip
    base = wrist + 0.022 * along + 0.026 * inward - 0.006 * back
    spread = 0.85 - 0.35 * grip
    first = _unit(math.cos(spread) * along + math.sin(spread) * inward - 0.35 * grip * back)
    second = _unit(along + (0.35 - 0.5 * grip) * inward - 0.55 * grip * back)
    middle = base + 0.046 * first
    segments += [(base, middle), (middle, middle + 0.036 * second)]
    radii += [(0.0185, 0.0145), (0.0140, 0.0115)]
    return Limb(np.array(segments), np.array(radii), back)


def draw_limb(picture: Picture, view: View, arm: Limb, style: Style, faint: bool = False) -> None:
    """Draw one arm: sleeve, palm, then fingers, each with a dark rim and a highlight where large enough.

    ``faint`` leaves rim and highlight out, for the trace of a moving hand.
    """
    points = view.camera_points(arm.ends.reshape(-1, 3)).reshape(-1, 2, 3)
    distance = np.linalg.norm(points, axis=-1)
    visible = (points[..., 2].min(axis=1) > _NEAR_M) & (distance.min(axis=1) > 0.10)
    points[~visible, 0] = _pulled_forward(points[~visible])
    distance = np.maximum(np.linalg.norm(points, axis=-1), 0.12)
    visible = points[..., 2].min(axis=1) > 0.02
    pixels = view.lens.pixels(points.reshape(-1, 3)).reshape(-1, 2, 2)
    radii = arm.radii * (view.lens.camera.fx / distance)
    spans = (range(2, 6), range(6, 9), range(9, 12), range(12, 15), range(15, 18), range(18, 20))
    groups: list[tuple[range, Colour]] = [(range(2), style.sleeve), *((span, style.glove) for span in spans)]
    rim = max(0.8, 0.0022 * view.lens.camera.fx / float(distance.mean()))
    lift = np.array([-0.22, -0.34]) * radii.mean(axis=1, keepdims=True)
    detailed = float(radii[6:].mean()) > 2.2
    layers = [(radii + rim, 0.0, 0.5), (radii, 0.0, 0.92), (0.51 * radii, 1.0, 1.14)]
    if faint or not detailed:
        layers = [(radii, 0.0, 1.0)]
    starts = np.concatenate([pixels[:, 0] + share * lift for _, share, _ in layers])
    stops = np.concatenate([pixels[:, 1] + share * lift for _, share, _ in layers])
    sizes = np.concatenate([size for size, _, _ in layers])
    outlines = fixed(capsule_outlines(starts, stops, sizes[:, 0], sizes[:, 1]))
    count = len(radii)
    shown = visible.tolist()
    for members, colour in groups:
        for layer, (_, _, factor) in enumerate(layers):
            tone = shade(colour, factor)
            for index in members:
                if shown[index]:
                    fill_fixed(picture, outlines[layer * count + index], tone)


def _pulled_forward(segments: Array) -> Array:
    """Return the start of each segment (N, 2, 3) moved along it to where the camera can see it."""
    start, stop = segments[:, 0], segments[:, 1]
    rise = np.maximum(stop[:, 2] - start[:, 2], 1e-6)
    share = np.clip((_NEAR_M + 0.01 - start[:, 2]) / rise, 0.0, 0.98)
    return np.asarray(start + share[:, None] * (stop - start))


def _unit(vector: Array) -> Array:
    return vector / max(math.sqrt(float(vector @ vector)), 1e-9)
