import dataclasses

import numpy as np
import pytest

from egoclean.demo.describe import describe_world, sample_clip, sample_scene
from egoclean.demo.driving import DrivingRenderer
from egoclean.demo.lenses import NARROWING, driving_camera, model_camera, scaled
from egoclean.demo.render import FactoryRenderer

SMALL = model_camera(64)


def test_frames_are_a_pure_function_of_clip_camera_and_time():
    clip = sample_clip(11, plan=[("press", 8.0)])
    one, other = FactoryRenderer(clip, SMALL), FactoryRenderer(clip, SMALL)
    later = one.frame(4.0).copy()
    first = one.frame(1.0)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, other.frame(1.0))
    assert np.array_equal(later, other.frame(4.0))
    assert not np.array_equal(first, later)


def test_pixels_past_the_lens_are_black():
    frame = FactoryRenderer(sample_clip(2), scaled(NARROWING, 240, 136)).frame(3.0)
    corner = frame[:6, :6].astype(float).mean()
    assert corner < 6.0
    assert frame[60:90, 100:140].astype(float).mean() > 30.0


def test_cycles_repeat_and_the_idle_stretch_does_not_move_the_hands():
    clip = sample_clip(21, plan=[("press", 24.0)], events=[("idle", 0.5)])
    renderer = FactoryRenderer(clip, SMALL)
    first, second = clip.timeline.cycles[1], clip.timeline.cycles[2]
    middle = renderer._movement.pose(first.start_s + 0.4 * (first.stop_s - first.start_s)).hands
    same = renderer._movement.pose(second.start_s + 0.4 * (second.stop_s - second.start_s)).hands
    opposite = renderer._movement.pose(second.start_s + 0.9 * (second.stop_s - second.start_s)).hands
    assert np.abs(middle - same)[:, :3].max() < 0.06 < np.abs(middle - opposite)[:, :3].max()
    idle = next(event for event in clip.timeline.events if event.kind == "idle")
    during = [renderer._movement.pose(t).hands[:, :3] for t in np.linspace(idle.start_s + 1.0, idle.stop_s - 0.2, 9)]
    assert np.ptp(np.array(during), axis=0).max() < 0.03


def test_a_walk_leaves_the_bench_and_comes_back():
    clip = sample_clip(22, plan=[("sort", 16.0)], events=[("refill_walk", 0.5)])
    movement = FactoryRenderer(clip, SMALL)._movement
    walk = next(event for event in clip.timeline.events if event.kind == "refill_walk")
    away = movement.pose((walk.start_s + walk.stop_s) / 2).head
    back = movement.pose(walk.stop_s + 0.8).head
    assert abs(away[0]) > 1.0
    assert abs(back[0]) < 0.1


def test_a_near_duplicate_looks_like_its_original_later():
    world = describe_world(0, "full")
    repeat = next(clip for clip in world.clips if clip.duplicate_of)
    original = next(clip for clip in world.clips if clip.name == repeat.duplicate_of)
    ours = FactoryRenderer(repeat, SMALL).frame(2.0).astype(float)
    theirs = FactoryRenderer(original, SMALL)
    then = theirs.frame(2.0 + repeat.variation.offset_s).astype(float)
    unrelated = theirs.frame(2.0).astype(float)
    assert not np.array_equal(ours, then)
    assert np.corrcoef(ours.ravel(), then.ravel())[0, 1] > np.corrcoef(ours.ravel(), unrelated.ravel())[0, 1]


@pytest.mark.parametrize("rare", [(), ("night",), ("rain",), ("crossing_pedestrian",)])
def test_driving_frames_are_pure_and_night_is_dark(rare):
    scene = sample_scene(5, rare)
    camera = driving_camera(96, 54)
    one, other = DrivingRenderer(scene, camera), DrivingRenderer(scene, camera)
    late = one.frame(6.0)
    assert np.array_equal(late, other.frame(6.0))
    assert not np.array_equal(one.frame(1.0), late)
    assert (late.mean() < 60) == ("night" in rare)


def test_the_pedestrian_is_in_the_picture_only_while_crossing():
    scene = sample_scene(9, ("crossing_pedestrian",))
    camera = driving_camera(160, 90)
    without = dataclasses.replace(scene, pedestrian_s=(1000.0, 1004.0))
    walker = DrivingRenderer(scene, camera)._walker
    assert scene.pedestrian_s is not None
    start_s, stop_s = scene.pedestrian_s
    x_start, x_stop = walker(start_s)[0], walker(stop_s)[0]
    assert x_start > 4.0
    assert x_stop < -4.0
    assert DrivingRenderer(without, camera).scene.pedestrian_s == (1000.0, 1004.0)
