"""How the worker moves: head and both hands at any moment, in closed form from the clip's description.

World axes, metres: x right along the bench, y down, z away from the worker; the origin is the resting head.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.demo import scripts
from egoclean.demo.style import Style
from egoclean.demo.timeline import EVENT_ACTIVITIES
from egoclean.demo.world import Cycle, Event, FactoryClip, rng_for

Array = NDArray[np.float64]

BLEND_S = 0.55
"""Seconds over which one movement passes into the next."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The body at one moment.

    ``head`` is ``x y z yaw pitch roll`` (m, degrees). ``hands`` is (2, 6), left then right:
    ``x y z grip twist_deg lift``. ``items`` names what each hand holds. ``phase`` is the share of the cycle done.
    """

    head: Array
    hands: Array
    body_yaw_deg: float
    activity: str
    phase: float
    cycle_number: int
    items: tuple[str, str]
    fallen_part: Array | None
    fixture: str
    fixture_slide: float


@dataclass(frozen=True, slots=True)
class _Regime:
    start_s: float
    stop_s: float
    cycle: Cycle | None
    event: Event | None
    fixture: str
    slide_from: float = 0.0
    slide_to: float = 0.0


class Movement:
    """The movement of one clip: :meth:`pose` is a pure function of time."""

    def __init__(self, clip: FactoryClip, style: Style) -> None:
        self._clip = clip
        self._style = style
        self._regimes = _regimes(clip)
        self._starts = [regime.start_s for regime in self._regimes]
        rng = rng_for(clip.seed, "head")
        self._wave_hz = np.concatenate([rng.uniform(0.05, 0.35, 9), rng.uniform(1.75, 2.25, 4)])
        self._wave_phase = rng.uniform(0, 2 * math.pi, 13)
        self._cycle_offsets = rng_for(clip.seed, "hands").normal(0.0, 0.008, (len(clip.timeline.cycles) + 1, 2, 3))

    def pose(self, time_s: float) -> Pose:
        """Return the pose ``time_s`` seconds into the timeline (not yet shifted by the clip's variation)."""
        index = max(0, bisect_right(self._starts, time_s) - 1)
        regime = self._regimes[index]
        raw = self._raw(regime, time_s)
        share = (time_s - regime.start_s) / BLEND_S
        if index and share < 1.0:
            before = self._regimes[index - 1]
            earlier = self._raw(before, before.stop_s - 1e-6)
            raw = scripts.blend(earlier, raw, smooth(share))
        head = raw.head + self._head_waves(time_s, raw.sway)
        head[3:5] += self._glance(time_s)
        through = smooth((time_s - regime.start_s) / max(regime.stop_s - regime.start_s, 1e-6))
        slide = regime.slide_from + (regime.slide_to - regime.slide_from) * through
        hands = raw.hands + self._tremor(time_s)
        phase, number = 0.0, 0
        if regime.cycle is not None:
            phase = min(1.0, (time_s - regime.cycle.start_s) / (regime.cycle.stop_s - regime.cycle.start_s))
            number = regime.cycle.number
        activity = regime.cycle.activity if regime.cycle else raw.activity
        return Pose(
            head,
            hands,
            raw.body_yaw_deg,
            activity,
            phase,
            number,
            raw.items,
            raw.fallen_part,
            regime.fixture,
            slide,
        )

    def _raw(self, regime: _Regime, time_s: float) -> scripts.RawPose:
        if regime.cycle is not None:
            cycle = regime.cycle
            phase = (time_s - cycle.start_s) / (cycle.stop_s - cycle.start_s)
            offset = self._cycle_offsets[cycle.number]
            return scripts.work_pose(cycle.activity, min(max(phase, 0.0), 1.0), cycle.number, offset, self._style)
        if regime.event is not None:
            share = (time_s - regime.event.start_s) / (regime.event.stop_s - regime.event.start_s)
            return scripts.event_pose(regime.event, min(max(share, 0.0), 1.0), self._style)
        return scripts.rest_pose(self._style)

    def _head_waves(self, time_s: float, sway: float) -> Array:
        waves = np.sin(2 * math.pi * self._wave_hz * time_s + self._wave_phase)
        slow, fast = waves[:9], waves[9:]
        bob = self._style.head_bob
        return np.array(
            [
                0.012 * slow[0] + 0.004 * slow[1],
                0.010 * slow[2] + 0.004 * bob * sway * fast[0],
                0.012 * slow[3],
                2.6 * slow[4] + 1.4 * slow[5] + 0.35 * bob * sway * fast[1],
                2.0 * slow[6] + 0.55 * bob * sway * fast[2],
                1.6 * slow[7] + 0.30 * bob * sway * fast[3],
            ]
        )

    def _glance(self, time_s: float) -> Array:
        turn = np.zeros(2)
        for glance in self._clip.timeline.glances:
            if glance.start_s < time_s < glance.stop_s:
                edge_s = 0.45
                rise = smooth(min(time_s - glance.start_s, glance.stop_s - time_s) / edge_s)
                turn += rise * np.array([glance.yaw_deg, glance.pitch_deg])
        return turn

    def _tremor(self, time_s: float) -> Array:
        tremor = np.zeros((2, 6))
        for hand in range(2):
            for axis in range(3):
                tremor[hand, axis] = 0.0025 * math.sin(2 * math.pi * (0.9 + 0.37 * axis + 0.21 * hand) * time_s + axis)
        return tremor


def smooth(share: float) -> float:
    """Return the smooth step of ``share``: 0 below 0, 1 above 1, no corner between."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _regimes(clip: FactoryClip) -> list[_Regime]:
    timeline = clip.timeline
    stops: list[tuple[float, float, Cycle | None, Event | None]] = [
        (cycle.start_s, cycle.stop_s, cycle, None) for cycle in timeline.cycles
    ]
    stops += [(e.start_s, e.stop_s, None, e) for e in timeline.events if e.kind in EVENT_ACTIVITIES]
    stops.sort(key=lambda stop: stop[0])
    regimes: list[_Regime] = []
    fixture = timeline.cycles[0].activity if timeline.cycles else "inspect"
    clock = 0.0
    for start_s, stop_s, cycle, event in stops:
        coming = cycle.activity if cycle else fixture
        if start_s > clock + 1e-6:
            middle = (clock + start_s) / 2
            regimes += [_Regime(clock, start_s, None, None, fixture)] if coming == fixture else []
            if coming != fixture:
                regimes.append(_Regime(clock, middle, None, None, fixture, 0.0, 1.0))
                regimes.append(_Regime(middle, start_s, None, None, coming, 1.0, 0.0))
        fixture = coming
        regimes.append(_Regime(start_s, stop_s, cycle, event, fixture))
        clock = stop_s
    if clock < timeline.duration_s - 1e-6 or not regimes:
        regimes.append(_Regime(clock, timeline.duration_s, None, None, fixture))
    return regimes
