import dataclasses

import numpy as np
import pytest

from egoclean.demo.describe import describe_world, sample_clip
from egoclean.demo.timeline import EVENT_DURATIONS_S, PERIODS_S
from egoclean.demo.truth import clip_truth, truth_of
from egoclean.demo.world import ACTIVITIES, EVENTS, RARE_SCENES


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_full_world_holds_what_it_promises(seed):
    world = describe_world(seed, "full")
    large = [clip for clip in world.clips if clip.worker.lens.image_width == 960]
    assert len(large) >= 6
    assert all(clip.duration_s >= 40.0 for clip in world.clips)
    assert {(clip.worker.lens.image_width, clip.worker.lens.image_height) for clip in world.clips} == {
        (960, 540),
        (456, 256),
    }
    assert len({clip.worker.factory_id for clip in world.clips}) == 2
    workers = {clip.worker for clip in world.clips}
    assert len(workers) == len({worker.lens for worker in workers}) == 4
    assert {event.kind for clip in world.clips for event in clip.timeline.events} == set(EVENTS)
    assert any(not clip.timeline.events for clip in world.clips)
    assert sum(clip.duplicate_of is not None for clip in world.clips) == 1
    seen_by = {
        name: {c.worker for c in world.clips if any(a.name == name for a in c.timeline.activities)}
        for name in ACTIVITIES
    }
    assert all(len(found) >= 2 for found in seen_by.values())
    assert len(world.scenes) >= 12
    assert {kind for scene in world.scenes for kind in scene.rare} == set(RARE_SCENES)
    assert sum(bool(scene.rare) for scene in world.scenes) < len(world.scenes) / 2


@pytest.mark.parametrize("seed", range(6))
def test_timelines_are_consistent(seed):
    clip = sample_clip(seed, events=[("refill_walk", 0.2), ("light_change", 0.5), ("idle", 0.7), ("dropped_part", 0.8)])
    timeline = clip.timeline
    starts = [span.start_s for span in timeline.activities]
    stops = [span.stop_s for span in timeline.activities]
    assert starts[0] == 0.0
    assert starts[1:] == stops[:-1]
    assert stops[-1] == timeline.duration_s
    cycle_edges = [edge for cycle in timeline.cycles for edge in (cycle.start_s, cycle.stop_s)]
    assert cycle_edges == sorted(cycle_edges)
    for cycle in timeline.cycles:
        length = cycle.stop_s - cycle.start_s
        assert 0.75 * PERIODS_S[cycle.activity] < length < 1.35 * PERIODS_S[cycle.activity]
    for event in timeline.events:
        low, high = EVENT_DURATIONS_S[event.kind]
        assert low <= event.stop_s - event.start_s <= high
        inside = [c for c in timeline.cycles if c.start_s < event.stop_s - 1e-9 and c.stop_s > event.start_s + 1e-9]
        assert bool(inside) == (event.kind == "light_change")


def test_truth_of_a_near_duplicate_is_the_originals_shifted():
    world = describe_world(0, "full")
    repeat = next(clip for clip in world.clips if clip.duplicate_of)
    original = next(clip for clip in world.clips if clip.name == repeat.duplicate_of)
    offset = repeat.variation.offset_s
    ours, theirs = clip_truth(repeat), clip_truth(original)
    assert ours["duration_s"] == pytest.approx(theirs["duration_s"] - offset, abs=0.05)
    for mine, yours in zip(ours["events"], theirs["events"], strict=True):
        assert mine["kind"] == yours["kind"]
        assert mine["start_s"] == pytest.approx(yours["start_s"] - offset, abs=1e-3)
    late = [cycle for cycle in theirs["cycles"] if cycle["start_s"] >= offset]
    assert [c["start_s"] for c in ours["cycles"]] == pytest.approx([c["start_s"] - offset for c in late], abs=1e-3)


def test_the_same_seed_gives_the_same_truth_and_another_seed_another():
    first, again, other = (truth_of(describe_world(seed, "full")) for seed in (3, 3, 4))
    assert first == again
    assert first["clips"] != other["clips"]


def test_periods_of_truth_are_medians_of_its_cycles():
    clip = sample_clip(5, plan=[("press", 30.0)])
    truth = clip_truth(clip)
    lengths = [cycle["stop_s"] - cycle["start_s"] for cycle in truth["cycles"]]
    assert truth["periods"][0]["period_s"] == pytest.approx(float(np.median(lengths)), abs=0.01)
    assert np.std(lengths) > 0.0


def test_an_idle_plan_has_no_cycle():
    clip = sample_clip(5, plan=[("idle", 12.0)])
    assert clip.timeline.cycles == ()
    assert dataclasses.asdict(clip.timeline)["activities"][0]["name"] == "idle"
