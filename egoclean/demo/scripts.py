"""The choreography: where head and hands are within one cycle of each work, and within each event.

Work is written as key poses over the phase of a cycle. A key is ``(phase, left, right)`` with each hand
``(x, z, height, grip)``: metres right of and away from the worker, metres above the bench, and 0 (open) to 1 (fist).
Between keys a hand eases from one to the next, as hands do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from egoclean.demo.style import Style
from egoclean.demo.world import Event

Array = NDArray[np.float64]
Hand = tuple[float, float, float, float]

FLOOR_DROP_M = 1.18
"""Metres from the resting head down to the floor."""

SHELF_DISTANCE_M = 2.3
"""Metres from the resting head to the side walls, where the shelves stand."""


@dataclass(frozen=True, slots=True)
class RawPose:
    """A pose before head waves, glances and tremor; fields as in :class:`egoclean.demo.motion.Pose`."""

    head: Array
    hands: Array
    body_yaw_deg: float
    activity: str
    items: tuple[str, str]
    fallen_part: Array | None = None
    sway: float = 1.0


@dataclass(frozen=True, slots=True)
class Script:
    """Key poses of one cycle, what each hand carries when, and where the head looks."""

    keys: tuple[tuple[float, Hand, Hand], ...]
    carried: tuple[tuple[float, float, int, str], ...]
    pitch_deg: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1.0, 0.0))
    follow: float = 0.35


_HOME_L: Hand = (-0.17, 0.30, 0.05, 0.35)
_HOME_R: Hand = (0.17, 0.30, 0.05, 0.35)

SCRIPTS: dict[str, Script] = {
    "press": Script(
        keys=(
            (0.00, _HOME_L, _HOME_R),
            (0.13, (-0.18, 0.31, 0.05, 0.3), (0.43, 0.56, 0.09, 0.15)),
            (0.20, (-0.18, 0.32, 0.05, 0.3), (0.44, 0.58, 0.04, 0.8)),
            (0.36, (-0.19, 0.34, 0.06, 0.3), (0.03, 0.40, 0.12, 0.8)),
            (0.43, (-0.20, 0.36, 0.09, 0.2), (0.03, 0.40, 0.09, 0.3)),
            (0.50, (-0.20, 0.38, 0.07, 0.6), (0.20, 0.32, 0.09, 0.3)),
            (0.62, (-0.20, 0.38, 0.06, 0.6), (0.20, 0.30, 0.06, 0.3)),
            (0.74, (-0.03, 0.40, 0.10, 0.8), (0.19, 0.30, 0.05, 0.3)),
            (0.87, (-0.43, 0.55, 0.12, 0.7), (0.18, 0.30, 0.05, 0.3)),
            (0.91, (-0.43, 0.56, 0.10, 0.1), (0.18, 0.30, 0.05, 0.3)),
            (1.00, _HOME_L, _HOME_R),
        ),
        carried=((0.20, 0.43, 1, "part"), (0.74, 0.90, 0, "part")),
    ),
    "screw": Script(
        keys=(
            (0.00, (-0.12, 0.38, 0.05, 0.55), (0.20, 0.32, 0.10, 0.8)),
            (0.14, (-0.30, 0.50, 0.06, 0.2), (0.18, 0.32, 0.12, 0.8)),
            (0.20, (-0.30, 0.51, 0.03, 0.8), (0.16, 0.33, 0.14, 0.8)),
            (0.34, (-0.03, 0.42, 0.08, 0.7), (0.12, 0.36, 0.18, 0.8)),
            (0.42, (-0.11, 0.39, 0.05, 0.5), (0.02, 0.41, 0.20, 0.85)),
            (0.80, (-0.11, 0.39, 0.05, 0.5), (0.02, 0.41, 0.14, 0.85)),
            (0.88, (-0.12, 0.38, 0.05, 0.5), (0.08, 0.37, 0.22, 0.8)),
            (1.00, (-0.12, 0.38, 0.05, 0.55), (0.20, 0.32, 0.10, 0.8)),
        ),
        carried=((0.0, 1.0, 1, "driver"),),
        pitch_deg=((0.0, 0.0), (0.4, 3.0), (0.8, 3.0), (1.0, 0.0)),
        follow=0.2,
    ),
    "sort": Script(
        keys=(
            (0.00, (-0.10, 0.42, 0.07, 0.2), (0.28, 0.52, 0.12, 0.1)),
            (0.14, (-0.08, 0.44, 0.02, 0.8), (0.16, 0.40, 0.10, 0.2)),
            (0.40, (-0.46, 0.58, 0.15, 0.8), (0.08, 0.43, 0.07, 0.2)),
            (0.50, (-0.44, 0.58, 0.13, 0.1), (0.07, 0.45, 0.02, 0.8)),
            (0.76, (-0.22, 0.44, 0.11, 0.2), (0.45, 0.58, 0.15, 0.8)),
            (0.86, (-0.16, 0.42, 0.09, 0.2), (0.44, 0.58, 0.13, 0.1)),
            (1.00, (-0.10, 0.42, 0.07, 0.2), (0.28, 0.52, 0.12, 0.1)),
        ),
        carried=((0.14, 0.47, 0, "disc"), (0.50, 0.83, 1, "disc")),
        follow=0.45,
    ),
    "pack": Script(
        keys=(
            (0.00, (-0.20, 0.36, 0.17, 0.4), (0.22, 0.34, 0.15, 0.3)),
            (0.12, (-0.21, 0.38, 0.18, 0.5), (0.40, 0.60, 0.10, 0.2)),
            (0.18, (-0.21, 0.38, 0.18, 0.5), (0.41, 0.62, 0.06, 0.7)),
            (0.34, (-0.21, 0.38, 0.18, 0.5), (0.05, 0.45, 0.27, 0.7)),
            (0.42, (-0.20, 0.38, 0.18, 0.5), (0.04, 0.46, 0.13, 0.3)),
            (0.52, (-0.36, 0.56, 0.10, 0.2), (0.18, 0.38, 0.18, 0.4)),
            (0.60, (-0.37, 0.58, 0.06, 0.7), (0.19, 0.38, 0.18, 0.5)),
            (0.74, (-0.04, 0.45, 0.26, 0.7), (0.19, 0.38, 0.18, 0.5)),
            (0.82, (-0.06, 0.46, 0.15, 0.2), (0.07, 0.46, 0.16, 0.2)),
            (0.90, (-0.08, 0.46, 0.12, 0.1), (0.09, 0.46, 0.12, 0.1)),
            (1.00, (-0.20, 0.36, 0.17, 0.4), (0.22, 0.34, 0.15, 0.3)),
        ),
        carried=((0.18, 0.42, 1, "carton"), (0.60, 0.80, 0, "paper")),
        pitch_deg=((0.0, -3.0), (0.3, -3.0), (0.5, -1.0), (1.0, -3.0)),
    ),
    "inspect": Script(
        keys=(
            (0.00, _HOME_L, (0.20, 0.34, 0.06, 0.3)),
            (0.10, (-0.15, 0.31, 0.06, 0.3), (0.30, 0.46, 0.03, 0.8)),
            (0.24, (-0.09, 0.34, 0.29, 0.5), (0.07, 0.34, 0.30, 0.7)),
            (0.40, (-0.08, 0.33, 0.32, 0.6), (0.08, 0.33, 0.31, 0.6)),
            (0.56, (-0.07, 0.34, 0.30, 0.6), (0.07, 0.35, 0.33, 0.6)),
            (0.72, (-0.08, 0.33, 0.31, 0.7), (0.09, 0.34, 0.29, 0.5)),
            (0.86, (-0.33, 0.46, 0.06, 0.7), (0.17, 0.32, 0.10, 0.3)),
            (0.91, (-0.33, 0.46, 0.04, 0.1), (0.17, 0.32, 0.08, 0.3)),
            (1.00, _HOME_L, (0.20, 0.34, 0.06, 0.3)),
        ),
        carried=((0.10, 0.60, 1, "gear"), (0.60, 0.90, 0, "gear")),
        pitch_deg=((0.0, 0.0), (0.12, 0.0), (0.28, -15.0), (0.72, -15.0), (0.86, 0.0), (1.0, 0.0)),
    ),
    "wipe": Script(
        keys=(
            (0.00, (-0.20, 0.38, 0.04, 0.3), (0.06, 0.40, 0.05, 0.35)),
            (0.78, (-0.20, 0.38, 0.04, 0.3), (0.06, 0.40, 0.05, 0.35)),
            (0.88, (-0.17, 0.38, 0.14, 0.6), (0.17, 0.38, 0.15, 0.6)),
            (1.00, (-0.20, 0.38, 0.04, 0.3), (0.06, 0.40, 0.05, 0.35)),
        ),
        carried=((0.0, 1.0, 1, "cloth"),),
        pitch_deg=((0.0, 4.0), (1.0, 4.0)),
        follow=0.15,
    ),
}


def work_pose(activity: str, phase: float, cycle_number: int, offset: Array, style: Style) -> RawPose:
    """Return the pose at ``phase`` of one cycle of ``activity``; ``offset`` (2, 3) shifts the hands of this cycle."""
    script = SCRIPTS[activity]
    hands = _interpolate(script, phase)
    twist = np.zeros(2)
    if activity == "wipe" and phase < 0.8:
        strength = _bump(phase, 0.0, 0.8, 0.08)
        turn = 2 * math.pi * 3 * phase / 0.8
        hands[1, 0] += strength * 0.13 * math.sin(turn)
        hands[1, 1] += strength * 0.075 * math.cos(turn)
    if activity == "screw":
        row, column = divmod(cycle_number % 4, 2)
        hands[1, :2] += _bump(phase, 0.34, 0.88, 0.1) * np.array([0.05 * column - 0.025, 0.05 * row - 0.025])
        twist[1] = 55.0 * _bump(phase, 0.42, 0.80, 0.03) * math.sin(2 * math.pi * 9 * phase)
    if activity == "inspect":
        twist[:] = _bump(phase, 0.24, 0.76, 0.08) * np.array([40.0, -40.0]) * math.sin(2 * math.pi * 2 * (phase - 0.24))
    world = _to_world(hands, twist, style)
    world[:, :3] += offset
    items = ["", ""]
    for start, stop, hand, item in script.carried:
        if start <= phase < stop:
            items[hand] = item
    pitch = _ease_table(script.pitch_deg, phase)
    yaw = script.follow * math.degrees(math.atan2(float(world[:, 0].mean()), 0.5))
    head = np.array([0.0, 0.0, 0.0, yaw, style.pitch_deg + pitch, 0.0])
    pose = RawPose(head, world, 0.0, activity, (items[0], items[1]))
    return _mirrored(pose) if style.mirrored else pose


def rest_pose(style: Style) -> RawPose:
    """Return the pose between two works: hands lifted clear of the bench."""
    hands = np.array([(-0.24, 0.32, 0.10, 0.3), (0.24, 0.32, 0.10, 0.3)])
    head = np.array([0.0, 0.0, 0.0, 0.0, style.pitch_deg - 4.0, 0.0])
    return RawPose(head, _to_world(hands, np.zeros(2), style), 0.0, "rest", ("", ""))


def event_pose(event: Event, share: float, style: Style) -> RawPose:
    """Return the pose when ``share`` (0 to 1) of an interrupting event has passed."""
    return _EVENT_POSES[event.kind](event, share, style)


def blend(first: RawPose, second: RawPose, share: float) -> RawPose:
    """Return the pose ``share`` of the way from ``first`` to ``second``; what is held is that of ``second``."""
    return RawPose(
        first.head + share * (second.head - first.head),
        first.hands + share * (second.hands - first.hands),
        first.body_yaw_deg + share * (second.body_yaw_deg - first.body_yaw_deg),
        second.activity,
        second.items,
        second.fallen_part,
        first.sway + share * (second.sway - first.sway),
    )


def _idle(event: Event, share: float, style: Style) -> RawPose:
    hands = np.array([(-0.10, 0.20, 0.015, 0.45), (0.10, 0.20, 0.015, 0.45)])
    if event.variant:
        hands[0, :3] = (0.02, 0.23, 0.05)
    look = math.sin(2 * math.pi * share * 1.5)
    head = np.array([0.0, 0.0, -0.02, 12.0 * look * event.side, style.pitch_deg - 7.0 * abs(look), 0.0])
    return RawPose(head, _to_world(hands, np.zeros(2), style), 0.0, "idle", ("", ""), sway=1.1)


def _dropped(event: Event, share: float, style: Style) -> RawPose:
    side = float(event.side)
    down = _bump(share, 0.16, 0.82, 0.2)
    head = np.array(
        [0.10 * side * down, 0.26 * down, -0.10 * down, 24.0 * side * down, style.pitch_deg + 26.0 * down, 4.0 * down]
    )
    hands = _to_world(np.array([(-0.20, 0.26, 0.03, 0.5), (0.20, 0.26, 0.03, 0.5)]), np.zeros(2), style)
    reaching = 1 if side > 0 else 0
    landing = np.array([0.36 * side, FLOOR_DROP_M - 0.03, 0.16])
    reach = _bump(share, 0.30, 0.78, 0.16)
    hands[reaching, :3] += reach * (landing - np.array([0.0, 0.10, 0.0]) - hands[reaching, :3])
    hands[reaching, 3] = 0.15 if share < 0.52 else 0.8
    start = np.array([0.20 * side, style.bench_drop_m - 0.08, 0.22])
    fall = min(1.0, max(0.0, (share - 0.03) / 0.10))
    part = start + (landing - start) * np.array([fall, fall * fall, fall])
    held = share >= 0.55
    items = ("", "part") if reaching else ("part", "")
    return RawPose(head, hands, 12.0 * side * down, "reach", items if held else ("", ""), None if held else part)


def _walk(event: Event, share: float, style: Style) -> RawPose:
    side = float(event.side)
    there = _ease_table(((0.0, 0.0), (0.10, 0.0), (0.36, 1.0), (0.60, 1.0), (0.92, 0.0), (1.0, 0.0)), share)
    back = 0.45 * _bump(share, 0.10, 0.9, 0.2)
    yaw_keys = (
        (0.0, 0.0),
        (0.04, 0.0),
        (0.18, 62.0),
        (0.36, 92.0),
        (0.58, 92.0),
        (0.72, -38.0),
        (0.9, -8.0),
        (1.0, 0.0),
    )
    yaw = side * _ease_table(yaw_keys, share)
    pitch_keys = ((0.0, 0.0), (0.06, 0.0), (0.18, -28.0), (0.40, -32.0), (0.56, -26.0), (0.72, -22.0), (1.0, 0.0))
    walking = _bump(share, 0.10, 0.40, 0.06) + _bump(share, 0.60, 0.92, 0.06)
    step = 2 * math.pi * 15 * share
    head = np.array(
        [
            side * (SHELF_DISTANCE_M - 0.85) * there,
            0.022 * walking * math.sin(step),
            -back - 0.05 * there,
            yaw + 1.5 * walking * math.sin(step / 2),
            style.pitch_deg + _ease_table(pitch_keys, share) + 0.8 * walking * math.cos(step),
            1.5 * walking * math.sin(step / 2),
        ]
    )
    taking = _bump(share, 0.40, 0.58, 0.07)
    carrying = _bump(share, 0.50, 0.97, 0.05)
    swing = 0.10 * walking * math.sin(step / 2) * (1.0 - carrying)
    near = np.array([[-0.22, 0.52, 0.18 + swing, 0.4, 0, 0], [0.22, 0.52, 0.18 - swing, 0.4, 0, 0]])
    reach = np.array([[-0.15, 0.16, 0.58, 0.2, 0, 0], [0.15, 0.16, 0.58, 0.2, 0, 0]])
    hold = np.array([[-0.15, 0.36, 0.34, 0.6, 0, 0], [0.15, 0.36, 0.34, 0.6, 0, 0]])
    body = near + carrying * (hold - near)
    body += taking * (reach - body)
    hands = body.copy()
    angle = math.radians(yaw)
    hands[:, 0] = head[0] + body[:, 0] * math.cos(angle) + body[:, 2] * math.sin(angle)
    hands[:, 1] = head[1] + body[:, 1]
    hands[:, 2] = head[2] - body[:, 0] * math.sin(angle) + body[:, 2] * math.cos(angle)
    at_bench = 1.0 - _bump(share, 0.0, 1.0, 0.10)
    resting = _to_world(np.array([(-0.2, 0.34, 0.08, 0.4), (0.2, 0.34, 0.08, 0.4)]), np.zeros(2), style)
    hands += at_bench * (resting - hands)
    items = ("", "bin") if carrying > 0.3 else ("", "")
    return RawPose(head, hands, yaw, "walk", items, sway=1.0 + walking)


_EVENT_POSES = {"idle": _idle, "dropped_part": _dropped, "refill_walk": _walk}


def _interpolate(script: Script, phase: float) -> Array:
    keys = script.keys
    for first, second in pairwise(keys):
        if phase <= second[0]:
            share = _smooth((phase - first[0]) / (second[0] - first[0]))
            start, stop = np.array(first[1:], dtype=np.float64), np.array(second[1:], dtype=np.float64)
            return start + share * (stop - start)
    return np.array(keys[-1][1:], dtype=np.float64)


def _to_world(hands: Array, twist: Array, style: Style) -> Array:
    world = np.zeros((2, 6))
    world[:, 0] = hands[:, 0] * style.reach
    world[:, 1] = style.bench_drop_m - hands[:, 2] - 0.03
    world[:, 2] = hands[:, 1] * style.reach
    world[:, 3] = hands[:, 3]
    world[:, 4] = twist
    return world


def _mirrored(pose: RawPose) -> RawPose:
    hands = pose.hands[::-1].copy()
    hands[:, 0] *= -1.0
    hands[:, 4] *= -1.0
    head = pose.head * np.array([-1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
    return RawPose(head, hands, -pose.body_yaw_deg, pose.activity, (pose.items[1], pose.items[0]), None, pose.sway)


def _ease_table(table: tuple[tuple[float, float], ...], share: float) -> float:
    for (start, before), (stop, after) in pairwise(table):
        if share <= stop:
            return before + (after - before) * _smooth((share - start) / (stop - start))
    return table[-1][1]


def _bump(share: float, start: float, stop: float, edge: float) -> float:
    return _smooth((share - start) / edge) * _smooth((stop - share) / edge)


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)
