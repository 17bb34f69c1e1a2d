"""What happens in a factory clip and when: cycles with jitter, interruptions between them, and ordinary distractions.

An interrupting event starts where a cycle ends, and work goes on with a new cycle after it; a light change runs over
the work without stopping it. Glances and passing shadows are ordinary: they come in every clip, and no event is
made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from egoclean.demo.world import ActivitySpan, Cycle, Event, Glance, PassingShadow, Timeline

PERIODS_S = {"press": 3.8, "screw": 4.5, "sort": 2.7, "pack": 5.0, "inspect": 5.4, "wipe": 3.2}
"""Median seconds of one cycle at tempo 1."""

EVENT_DURATIONS_S = {
    "refill_walk": (8.0, 10.0),
    "dropped_part": (4.8, 6.2),
    "idle": (6.0, 9.0),
    "light_change": (5.5, 8.0),
}
"""Shortest and longest event of each kind."""

EVENT_ACTIVITIES = {"refill_walk": "walk", "dropped_part": "reach", "idle": "idle"}
"""What the worker does during each interrupting event."""

CHANGEOVER_S = 1.4
"""Seconds between the last cycle of one work and the first of the next; the boundary is its middle."""

CYCLE_JITTER = 0.03
"""Standard deviation of a cycle's length, as a share of the period."""

GLANCES_DEG = ((-48.0, -6.0), (6.0, -31.0), (52.0, -4.0), (-16.0, 16.0))
"""Yaw and pitch of the ordinary looks away from the work."""


@dataclass
class _Draft:
    now_s: float = 0.0
    activities: list[ActivitySpan] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def extend(self, name: str, stop_s: float) -> None:
        """Let activity ``name`` last until ``stop_s``, joining it to the same activity just before."""
        start_s = self.activities[-1].stop_s if self.activities else 0.0
        if self.activities and self.activities[-1].name == name:
            start_s = self.activities.pop().start_s
        self.activities.append(ActivitySpan(name, start_s, stop_s))


def make_timeline(
    rng: np.random.Generator,
    plan: Sequence[tuple[str, float]],
    events: Sequence[tuple[str, float]] = (),
    tempo: float = 1.0,
    minimum_s: float = 0.0,
) -> Timeline:
    """Return a timeline that follows ``plan``.

    Parameters
    ----------
    rng : consumed.
    plan : ``(activity, seconds)`` in order; ``idle`` gives a stretch without cycles. Whole cycles are drawn until the
        seconds have passed, so the clip ends up to one cycle later, plus its interruptions.
    events : ``(kind, share)``, the share of the planned work after which the event comes, in ascending order.
    tempo : cycle lengths are divided by it.
    minimum_s : cycles of the last work are added until the clip is at least this long.
    """
    planned_s = sum(seconds for _, seconds in plan)
    waiting = [(kind, share * planned_s) for kind, share in events]
    draft, worked_s, until_s = _Draft(), 0.0, 0.0
    for position, (activity, seconds) in enumerate(plan):
        if position:
            _change_over(draft)
            worked_s = max(worked_s, until_s)
        until_s += seconds
        if activity == "idle":
            draft.now_s += seconds
            draft.extend("idle", draft.now_s)
            worked_s = until_s
        while worked_s < until_s - 0.01:
            length_s = _add_cycle(draft, rng, activity, tempo)
            worked_s += length_s
            while waiting and waiting[0][1] <= worked_s:
                _add_event(draft, rng, waiting.pop(0)[0], activity, length_s)
    while draft.now_s < minimum_s:
        _add_cycle(draft, rng, plan[-1][0], tempo)
    duration_s = draft.now_s
    busy = [(event.start_s, event.stop_s) for event in draft.events if event.kind in ("refill_walk", "dropped_part")]
    return Timeline(
        duration_s,
        tuple(draft.activities),
        tuple(draft.cycles),
        tuple(event for event in draft.events if event.stop_s <= duration_s),
        _glances(rng, duration_s, busy),
        _shadows(rng, duration_s),
    )


def _change_over(draft: _Draft) -> None:
    last = draft.activities[-1].name
    draft.extend(last, draft.now_s + CHANGEOVER_S / 2)
    draft.now_s += CHANGEOVER_S


def _add_cycle(draft: _Draft, rng: np.random.Generator, activity: str, tempo: float) -> float:
    length_s = PERIODS_S[activity] / tempo * (1.0 + CYCLE_JITTER * float(np.clip(rng.normal(), -2.5, 2.5)))
    draft.cycles.append(Cycle(activity, len(draft.cycles), draft.now_s, draft.now_s + length_s))
    draft.now_s += length_s
    draft.extend(activity, draft.now_s)
    return length_s


def _add_event(draft: _Draft, rng: np.random.Generator, kind: str, activity: str, cycle_s: float) -> None:
    low, high = EVENT_DURATIONS_S[kind]
    length_s = float(rng.uniform(low, high))
    side = int(rng.choice([-1, 1]))
    variant = int(rng.integers(0, 2))
    if kind == "light_change":
        start_s = max(0.0, draft.now_s - cycle_s * float(rng.uniform(0.1, 0.9)))
        draft.events.append(Event(kind, start_s, start_s + length_s, side, variant))
        return
    draft.events.append(Event(kind, draft.now_s, draft.now_s + length_s, side, variant))
    draft.now_s += length_s
    draft.extend(EVENT_ACTIVITIES[kind], draft.now_s)


def _glances(rng: np.random.Generator, duration_s: float, busy: Sequence[tuple[float, float]]) -> tuple[Glance, ...]:
    glances: list[Glance] = []
    start_s = float(rng.uniform(1.0, 4.0))
    while start_s < duration_s - 2.5:
        stop_s = start_s + float(rng.uniform(1.3, 2.4))
        yaw, pitch = GLANCES_DEG[int(rng.integers(0, len(GLANCES_DEG)))]
        scale = float(rng.uniform(0.7, 1.2))
        if all(stop_s <= first or start_s >= last for first, last in busy):
            glances.append(Glance(start_s, stop_s, yaw * scale, pitch * scale))
        start_s = stop_s + float(rng.uniform(1.8, 5.0))
    return tuple(glances)


def _shadows(rng: np.random.Generator, duration_s: float) -> tuple[PassingShadow, ...]:
    shadows: list[PassingShadow] = []
    start_s = float(rng.uniform(2.0, 9.0))
    while start_s < duration_s - 3.0:
        stop_s = start_s + float(rng.uniform(1.6, 3.2))
        shadows.append(PassingShadow(start_s, stop_s, bool(rng.integers(0, 2)), float(rng.uniform(0.3, 0.55))))
        start_s = stop_s + float(rng.uniform(5.0, 11.0))
    return tuple(shadows)
