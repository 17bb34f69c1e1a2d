"""The demo worlds by seed and size, and single clips for training and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from egoclean.demo.lenses import EQUIDISTANT, LENSES, MILD, NARROWING, WIDE_SMALL, scaled
from egoclean.demo.timeline import make_timeline
from egoclean.demo.world import (
    ACTIVITIES,
    DrivingScene,
    FactoryClip,
    Size,
    Variation,
    Worker,
    World,
    rng_for,
)
from egoclean.records import Intrinsics

Plan = Sequence[tuple[str, float]]

_MINIMUM_S = 40.1
_DUPLICATE_OFFSET_S = 3.2

_FULL_PLANS: tuple[tuple[int, Plan, Plan], ...] = (
    (1, (("press", 24.0),), (("refill_walk", 0.35), ("dropped_part", 0.8))),
    (1, (("screw", 17.0), ("pack", 19.0)), (("light_change", 0.62),)),
    (2, (("sort", 13.0), ("inspect", 16.0)), (("idle", 0.6),)),
    (2, (("press", 36.0),), ()),
    (3, (("pack", 17.0), ("wipe", 15.0)), (("dropped_part", 0.4), ("light_change", 0.78))),
    (4, (("wipe", 12.0), ("screw", 14.0)), (("refill_walk", 0.25), ("idle", 0.8))),
    (4, (("inspect", 19.0), ("sort", 14.0)), (("dropped_part", 0.7),)),
)
_TINY_PLANS: tuple[tuple[int, Plan, Plan], ...] = (
    (1, (("press", 5.0),), (("dropped_part", 0.4),)),
    (1, (("sort", 7.0),), ()),
    (2, (("wipe", 7.0),), ()),
)
_TINY_WIDTH, _TINY_HEIGHT = 320, 180

_WEATHER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Parked cars along the road, light traffic", ()),
    ("Following a van past offices", ()),
    ("Night, light traffic under street lamps", ("night",)),
    ("Oncoming cars, tall buildings", ()),
    ("Wide road with trees, following a car", ()),
    ("Rain, following a car, wet road", ("rain",)),
    ("Residential street, parked cars", ()),
    ("Pedestrian crossing in front of the ego vehicle", ("crossing_pedestrian",)),
    ("Light traffic, many buildings", ()),
    ("Trees on both sides, oncoming van", ()),
    ("Night, rain, pedestrian crossing between parked cars", ("night", "rain", "crossing_pedestrian")),
    ("Following a slow car, road works cones", ()),
    ("Empty road, low buildings", ()),
    ("Oncoming traffic, parked vans", ()),
)


def describe_world(seed: int = 0, size: Size = "full") -> World:
    """Return the world of ``seed``: eight clips and fourteen scenes, or three and three for ``tiny``."""
    if size == "tiny":
        workers = (
            _worker(seed, 1, 1, scaled(NARROWING, _TINY_WIDTH, _TINY_HEIGHT)),
            _worker(seed, 2, 2, scaled(EQUIDISTANT, _TINY_WIDTH, _TINY_HEIGHT)),
        )
        clips = _clips(seed, workers, _TINY_PLANS, 8.0)
        return World(seed, size, clips, _scenes(seed, (0, 2, 7), 16.5), 320, 180)
    lenses = (NARROWING, EQUIDISTANT, MILD, WIDE_SMALL)
    workers4 = tuple(_worker(seed, 1 + index // 2, index + 1, lens) for index, lens in enumerate(lenses))
    clips = _clips(seed, workers4, _FULL_PLANS, _MINIMUM_S)
    original = next(clip for clip in clips if clip.worker.worker_number == 3)
    duplicate = replace(
        original,
        video_index=1,
        variation=Variation(offset_s=_DUPLICATE_OFFSET_S, crop_share=0.015, gain=1.07, noise_seed=1),
        duplicate_of=original.name,
    )
    ordered = tuple(sorted((*clips, duplicate), key=lambda clip: clip.name))
    return World(seed, size, ordered, _scenes(seed, range(len(_WEATHER)), 16.5), 640, 360)


def sample_clip(seed: int, plan: Plan | None = None, events: Plan = ()) -> FactoryClip:
    """Return one clip of a workplace that no demo world has: for training and for benchmarks.

    ``plan`` and ``events`` are those of :func:`egoclean.demo.timeline.make_timeline`; without a plan, one or two
    activities of about 20 s each are drawn.
    """
    rng = rng_for(seed, "sample")
    worker = _worker(seed, 90, int(rng.integers(1, 1000)), LENSES[int(rng.integers(0, len(LENSES)))])
    if plan is None:
        names = rng.permutation(ACTIVITIES)[: int(rng.integers(1, 3))]
        plan = [(str(name), float(rng.uniform(16.0, 24.0))) for name in names]
    tempo = float(rng_for(worker.seed, "tempo").uniform(0.85, 1.18))
    return FactoryClip(worker, 0, int(rng.integers(0, 2**31)), make_timeline(rng, plan, events, tempo))


def sample_scene(seed: int, rare: tuple[str, ...] = ()) -> DrivingScene:
    """Return one driving scene with the named rare traits, of no demo world."""
    description = "Ordinary road" if not rare else ", ".join(rare).replace("_", " ")
    return _scene(seed, seed, description, rare, 16.5)


def _worker(seed: int, factory: int, number: int, lens: Intrinsics) -> Worker:
    return Worker(factory, number, lens, int(rng_for(seed, "worker", number).integers(0, 2**31)))


def _clips(
    seed: int, workers: Sequence[Worker], plans: Sequence[tuple[int, Plan, Plan]], minimum_s: float
) -> tuple[FactoryClip, ...]:
    clips: list[FactoryClip] = []
    for number, plan, events in plans:
        worker = workers[number - 1]
        index = sum(clip.worker == worker for clip in clips)
        rng = rng_for(seed, "clip", number, index)
        tempo = float(rng_for(worker.seed, "tempo").uniform(0.88, 1.15))
        least_s = minimum_s + (_DUPLICATE_OFFSET_S if number == 3 else 0.0)
        timeline = make_timeline(rng, plan, events, tempo, least_s)
        clips.append(FactoryClip(worker, index, int(rng.integers(0, 2**31)), timeline))
    return tuple(clips)


def _scenes(seed: int, numbers: Sequence[int], duration_s: float) -> tuple[DrivingScene, ...]:
    return tuple(
        _scene(seed, number, _WEATHER[number][0], _WEATHER[number][1], duration_s, sweeps=position == 0)
        for position, number in enumerate(numbers)
    )


def _scene(
    seed: int, number: int, description: str, rare: tuple[str, ...], duration_s: float, sweeps: bool = False
) -> DrivingScene:
    rng = rng_for(seed, "scene", number)
    crossing = None
    if "crossing_pedestrian" in rare:
        start_s = float(rng.uniform(4.0, 7.0))
        crossing = (start_s, start_s + float(rng.uniform(4.0, 6.0)))
    return DrivingScene(
        name=f"scene-{number + 1:04d}",
        seed=int(rng.integers(0, 2**31)),
        description=description,
        duration_s=duration_s,
        rare=rare,
        log_number=number // 4,
        pedestrian_s=crossing,
        sweeps=sweeps,
    )
