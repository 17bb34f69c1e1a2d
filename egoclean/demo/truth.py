"""The truth file: everything that happens in a world, by clip id and scene name."""

from __future__ import annotations

from typing import Any

from egoclean.demo.footage import clip_id
from egoclean.demo.nuscenes import CHANNELS
from egoclean.demo.timeline import PERIODS_S
from egoclean.demo.world import ACTIVITIES, EVENTS, RARE_SCENES, WORLD_VERSION, FactoryClip, World


def truth_of(world: World) -> dict[str, Any]:
    """Return the truth as JSON-ready data; see docs/demo.md for its fields. Times are seconds in each clip."""
    ids = {clip.name: clip_id(clip) for clip in world.clips}
    return {
        "world_version": WORLD_VERSION,
        "size": world.size,
        "seed": world.seed,
        "activities": list(ACTIVITIES),
        "event_kinds": list(EVENTS),
        "rare_kinds": list(RARE_SCENES),
        "clips": {clip_id(clip): clip_truth(clip) for clip in world.clips},
        "duplicates": [
            {
                "clip": clip_id(clip),
                "of": ids[clip.duplicate_of],
                "offset_s": clip.variation.offset_s,
                "crop_share": clip.variation.crop_share,
                "gain": clip.variation.gain,
            }
            for clip in world.clips
            if clip.duplicate_of is not None
        ],
        "scenes": {
            scene.name: {
                "description": scene.description,
                "rare": list(scene.rare),
                "cameras": list(CHANNELS),
                "duration_s": scene.duration_s,
                "pedestrian": list(scene.pedestrian_s) if scene.pedestrian_s else None,
            }
            for scene in world.scenes
        },
    }


def clip_truth(clip: FactoryClip) -> dict[str, Any]:
    """Return one clip's truth; spans are cut to the clip, cycles that it does not hold whole are left out."""
    timeline, offset_s, stop_s = clip.timeline, clip.variation.offset_s, clip.duration_s

    def cut(start: float, stop: float) -> dict[str, float]:
        return {"start_s": round(max(0.0, start - offset_s), 4), "stop_s": round(min(stop_s, stop - offset_s), 4)}

    activities = [
        {"name": span.name, **cut(span.start_s, span.stop_s)} for span in timeline.activities if span.stop_s > offset_s
    ]
    cycles = [
        {"activity": cycle.activity, **cut(cycle.start_s, cycle.stop_s)}
        for cycle in timeline.cycles
        if cycle.start_s >= offset_s - 1e-6 and cycle.stop_s - offset_s <= stop_s + 0.05
    ]
    return {
        "factory": clip.worker.factory_id,
        "worker": clip.worker.worker_id,
        "duration_s": round(stop_s, 4),
        "activities": activities,
        "boundaries_s": [span["start_s"] for span in activities[1:]],
        "cycles": cycles,
        "periods": _periods(clip),
        "events": [
            {"kind": event.kind, **cut(event.start_s, event.stop_s)}
            for event in timeline.events
            if event.stop_s > offset_s
        ],
    }


def _periods(clip: FactoryClip) -> list[dict[str, Any]]:
    periods = []
    for activity in PERIODS_S:
        lengths = sorted(c.stop_s - c.start_s for c in clip.timeline.cycles if c.activity == activity)
        if lengths:
            middle = len(lengths) // 2
            median = lengths[middle] if len(lengths) % 2 else (lengths[middle - 1] + lengths[middle]) / 2
            periods.append({"activity": activity, "period_s": round(median, 4), "cycles": len(lengths)})
    return periods
