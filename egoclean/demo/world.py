"""The synthetic world, described: who works where, what happens in each clip and when, from a seed alone.

Nothing here draws. A description is small, frozen and complete: the truth file is written from it, and a renderer
given the same description makes the same pixels. Times are seconds from the clip's first frame; angles are degrees,
yaw positive to the right, pitch positive down.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from egoclean.records import Intrinsics

WORLD_VERSION = 1
"""Version of the world: raised when the same seed gives another truth or other pixels."""

FRAME_RATE_FPS = 30

Size = Literal["full", "tiny"]

ACTIVITIES = ("press", "screw", "sort", "pack", "inspect", "wipe")
"""Work that repeats in cycles at the bench."""

EVENTS = ("refill_walk", "dropped_part", "idle", "light_change")
"""What interrupts or disturbs the work."""

RARE_SCENES = ("night", "rain", "crossing_pedestrian")
"""What makes a driving scene rare; every other scene is ordinary."""


def rng_for(seed: int, *names: str | float) -> np.random.Generator:
    """Return the generator of one named choice: other names or another seed give independent draws."""
    text = "/".join(str(name) for name in (seed, *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))


@dataclass(frozen=True, slots=True)
class ActivitySpan:
    """``[start_s, stop_s)`` of one activity: work, or ``walk``, ``reach`` and ``idle`` while an event interrupts it."""

    name: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """One repetition of an activity; ``number`` counts from 0 within the clip."""

    activity: str
    number: int
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """One disturbance; ``side`` is -1 (left) or 1 (right), ``variant`` chooses among looks of its kind."""

    kind: str
    start_s: float
    stop_s: float
    side: int = 1
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Glance:
    """An ordinary turn of the head away from the work and back."""

    start_s: float
    stop_s: float
    yaw_deg: float
    pitch_deg: float


@dataclass(frozen=True, slots=True)
class PassingShadow:
    """An ordinary shadow that crosses the picture; ``depth`` is the share of light it takes."""

    start_s: float
    stop_s: float
    from_left: bool
    depth: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that happens in a clip. ``activities`` partition ``[0, duration_s)``; cycles never overlap."""

    duration_s: float
    activities: tuple[ActivitySpan, ...]
    cycles: tuple[Cycle, ...]
    events: tuple[Event, ...]
    glances: tuple[Glance, ...]
    shadows: tuple[PassingShadow, ...]


@dataclass(frozen=True, slots=True)
class Worker:
    """One head-mounted camera and the person under it; ``seed`` decides workplace, clothes, light and tempo."""

    factory_number: int
    worker_number: int
    lens: Intrinsics
    seed: int

    @property
    def factory_id(self) -> str:
        """The factory's folder name, ``factory_001``."""
        return f"factory_{self.factory_number:03d}"

    @property
    def worker_id(self) -> str:
        """The worker's folder name, ``worker_001``."""
        return f"worker_{self.worker_number:03d}"


@dataclass(frozen=True, slots=True)
class Variation:
    """How a near-duplicate differs from its original: later start, tighter crop, other gain and sensor noise."""

    offset_s: float = 0.0
    crop_share: float = 0.0
    gain: float = 1.0
    noise_seed: int = 0


@dataclass(frozen=True, slots=True)
class FactoryClip:
    """One factory clip. ``timeline`` is that of the footage before ``variation.offset_s`` is cut off its start.

    ``duplicate_of`` is the ``name`` of the clip that this one repeats, or None.
    """

    worker: Worker
    video_index: int
    seed: int
    timeline: Timeline
    variation: Variation = Variation()
    duplicate_of: str | None = None

    @property
    def name(self) -> str:
        """The file stem, ``factory001_worker001_00000``."""
        worker = self.worker
        return f"factory{worker.factory_number:03d}_worker{worker.worker_number:03d}_{self.video_index:05d}"

    @property
    def duration_s(self) -> float:
        """Seconds of footage in the clip."""
        return self.frame_count / FRAME_RATE_FPS

    @property
    def frame_count(self) -> int:
        """Frames of the clip at its own rate of 30 a second."""
        return int((self.timeline.duration_s - self.variation.offset_s) * FRAME_RATE_FPS + 1e-6)


@dataclass(frozen=True, slots=True)
class DrivingScene:
    """One drive along a straight road, ``duration_s`` long; ``rare`` names what is rare in it, or is empty.

    ``pedestrian_s`` is when somebody crosses, or None.
    """

    name: str
    seed: int
    description: str
    duration_s: float
    rare: tuple[str, ...]
    log_number: int
    pedestrian_s: tuple[float, float] | None = None
    sweeps: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """A whole demo: factory clips and driving scenes of one seed and size."""

    seed: int
    size: Size
    clips: tuple[FactoryClip, ...]
    scenes: tuple[DrivingScene, ...]
    driving_width: int
    driving_height: int
