"""Footage the small models are trained on: short spans of synthetic workplaces, drives and moving patterns.

Every workplace and drive is one H.264 file of ``SPANS`` spans of ``FRAMES`` frames, ``SIDE_PX`` pixels square, drawn
from a seed that no demo world has; beside it lies what is true of each frame (:class:`FrameTruth`). Patterns are drawn
when they are asked for. A file that is there is not drawn again, so a run that was stopped goes on where it was.

    python bench/training_footage.py FOLDER [--share 0 2]      draw every second file, for two processes side by side
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.demo.describe import sample_clip, sample_scene
from egoclean.demo.driving import DrivingRenderer
from egoclean.demo.lenses import model_camera
from egoclean.demo.motion import Movement
from egoclean.demo.render import FactoryRenderer
from egoclean.demo.style import workplace_style
from egoclean.demo.timeline import EVENT_ACTIVITIES, EVENT_DURATIONS_S
from egoclean.demo.world import ACTIVITIES, RARE_SCENES, FactoryClip, Timeline, rng_for
from egoclean.media.canvas import Lens, View, rotation_of
from egoclean.records import Intrinsics

Frames = NDArray[np.uint8]

SPANS, FRAMES = 3, 96
SIDE_PX, DRAWN_PX = 160, 224
RATE_FPS, DRIVING_RATE_FPS = 30, 12
FIRST_SEED = 1_000_000
"""Training seeds start here; held-out ones at ``HELD_OUT_SEED``; demo worlds are made from small seeds."""
HELD_OUT_SEED = 2_000_000
COUNTS = {"factory": 540, "driving": 40}
HELD_OUT_COUNTS = {"factory": 40, "driving": 0}
NEAREST_M = 0.05
"""A hand nearer than this to the camera's plane is not in the picture."""

CLASSES = (*ACTIVITIES, *sorted(set(EVENT_ACTIVITIES.values())), "rest")
"""What a frame of a workplace can be of: a work, an interruption, or the moment between two works."""
TRUTH = ("class", "phase", "light", *RARE_SCENES)
"""Columns of a truth file: index in ``CLASSES`` or -1 for a drive, the share of the cycle or event that has passed,
how far a light change is on, 0 to 1, and which rare traits a drive has."""


HANDS = ("x_m", "y_m", "z_m", "across", "down", "seen")
"""Of each hand, left and right: where it is at the bench, where in the picture (-1 to 1), and whether it is in it."""


@dataclass(frozen=True)
class Kept:
    """One file of footage: ``frames`` (SPANS, FRAMES, SIDE_PX, SIDE_PX, 3), ``truth`` (SPANS, FRAMES, columns) and
    ``hands`` (SPANS, FRAMES, 2, columns), zero for a drive.
    """

    frames: Frames
    truth: NDArray[np.float32]
    hands: NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What a workplace's file shows: the clip, the camera, and the moments of all its frames, in seconds."""

    clip: FactoryClip
    camera: Intrinsics
    moments_s: NDArray[np.float64]


def make_footage(folder: Path, counts: dict[str, int], first_seed: int, share: tuple[int, int] = (0, 1)) -> list[Path]:
    """Draw the files of ``counts`` that are not in ``folder`` yet and return the paths of all.

    ``share`` is ``(index, of)``: draw only every ``of``-th file, for several processes side by side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind, count in counts.items():
        for number in range(count):
            path = folder / f"{kind}_{first_seed + number}.mp4"
            paths.append(path)
            if not path.exists() and len(paths) % share[1] == share[0]:
                frames, truth = DRAW[kind](first_seed + number)
                np.save(path.with_suffix(".npy"), truth.astype(np.float16))
                _write(path, frames)
    return paths


def read_footage(path: Path) -> Kept:
    """Return a file's spans and truth."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, picture = capture.read()
        if not more:
            break
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    truth = np.load(path.with_suffix(".npy")).astype(np.float32)
    shape = (SPANS, FRAMES, SIDE_PX, SIDE_PX, 3)
    kind, seed = path.stem.split("_")
    hands = hands_of(int(seed)) if kind == "factory" else np.zeros((SPANS * FRAMES, 2, len(HANDS)), np.float32)
    return Kept(
        np.stack(frames).reshape(shape).astype(np.uint8),
        truth.reshape(SPANS, FRAMES, len(TRUTH)),
        hands.reshape(SPANS, FRAMES, 2, len(HANDS)),
    )


def plan_factory(seed: int) -> Plan:
    """Return spans of a new workplace, seen at 48 to 105 degrees across: around an event, of work, and of anything."""
    rng = rng_for(seed, "training footage")
    names = [str(name) for name in rng.permutation(ACTIVITIES)[: int(rng.integers(1, 3))]]
    kind = str(rng.choice(list(EVENT_DURATIONS_S)))
    clip = sample_clip(seed, [(name, 12.0) for name in names], [(kind, float(rng.uniform(0.3, 0.7)))])
    camera = model_camera(DRAWN_PX, float(rng.uniform(48.0, 105.0)))
    starts = _starts(rng, clip)
    return Plan(clip, camera, np.concatenate([start_s + np.arange(FRAMES) / RATE_FPS for start_s in starts]))


def draw_factory(seed: int) -> tuple[Frames, NDArray[np.float32]]:
    """Return the pictures and the truth of a workplace's file."""
    plan = plan_factory(seed)
    renderer = FactoryRenderer(plan.clip, plan.camera)
    frames = np.stack([_stored(renderer.frame(moment)) for moment in plan.moments_s])
    return frames, np.stack([_factory_truth(plan.clip.timeline, moment) for moment in plan.moments_s])


def hands_of(seed: int) -> NDArray[np.float32]:
    """Return where both hands of a workplace's file are, (SPANS * FRAMES, 2, columns): it follows from the seed."""
    plan = plan_factory(seed)
    lens, movement = Lens(plan.camera), Movement(plan.clip, workplace_style(plan.clip.worker.seed))
    found = np.zeros((len(plan.moments_s), 2, len(HANDS)), dtype=np.float32)
    for row, moment_s in zip(found, plan.moments_s, strict=True):
        pose = movement.pose(moment_s)
        points = pose.hands[:, :3]
        seen_from = View(lens, pose.head[:3], rotation_of(*pose.head[3:6])).camera_points(points)
        places = (lens.pixels(seen_from) + 0.5) / DRAWN_PX * 2 - 1
        inside = (seen_from[:, 2] > NEAREST_M) & (np.abs(places).max(axis=1) < 1)
        row[:] = np.column_stack([points, places, inside])
    return found


def draw_driving(seed: int) -> tuple[Frames, NDArray[np.float32]]:
    """Return spans of a drive at 12 frames a second, two in five with a rare trait."""
    rng = rng_for(seed, "training footage")
    rare = (str(rng.choice(RARE_SCENES)),) if rng.random() < 0.4 else ()
    scene = sample_scene(seed, rare)
    renderer = DrivingRenderer(scene, model_camera(DRAWN_PX, float(rng.uniform(38.0, 75.0))))
    starts = rng.uniform(0.0, scene.duration_s - FRAMES / DRIVING_RATE_FPS - 0.1, SPANS)
    moments = np.concatenate([start_s + np.arange(FRAMES) / DRIVING_RATE_FPS for start_s in starts])
    row = np.array([-1.0, 0.0, 0.0, *(float(name in rare) for name in RARE_SCENES)], dtype=np.float32)
    return np.stack([_stored(renderer.frame(moment)) for moment in moments]), np.tile(row, (len(moments), 1))


DRAW = {"factory": draw_factory, "driving": draw_driving}


def _starts(rng: np.random.Generator, clip: FactoryClip) -> list[float]:
    length_s = FRAMES / RATE_FPS
    last_s = clip.duration_s - length_s - 0.1
    starts = [float(rng.uniform(0.0, last_s)) for _ in range(SPANS)]
    for event in clip.timeline.events[:1]:
        around = rng.uniform(event.start_s - 0.3 * length_s, max(event.start_s, event.stop_s - 0.7 * length_s))
        starts[0] = float(np.clip(around, 0.0, last_s))
    return starts


def _factory_truth(timeline: Timeline, time_s: float) -> NDArray[np.float32]:
    row = np.zeros(len(TRUTH), dtype=np.float32)
    row[0] = CLASSES.index("rest")
    for cycle in timeline.cycles:
        if cycle.start_s <= time_s < cycle.stop_s:
            row[:2] = CLASSES.index(cycle.activity), (time_s - cycle.start_s) / (cycle.stop_s - cycle.start_s)
    for event in timeline.events:
        if event.start_s <= time_s < event.stop_s:
            if event.kind in EVENT_ACTIVITIES:
                share = (time_s - event.start_s) / (event.stop_s - event.start_s)
                row[:2] = CLASSES.index(EVENT_ACTIVITIES[event.kind]), share
            else:
                row[2] = 1.0
    return row


def _stored(picture: Frames) -> Frames:
    return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _write(path: Path, frames: Frames) -> None:
    temporary = path.with_name(f".{os.getpid()}_{path.name}")
    with av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE_FPS)
        stream.width, stream.height, stream.pix_fmt = SIDE_PX, SIDE_PX, "yuv420p"
        stream.options = {"preset": "faster", "crf": "24", "threads": "1"}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    temporary.replace(path)


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=int, nargs=2, default=(0, 1))
    options = parser.parse_args()
    share = (options.share[0], options.share[1])
    make_footage(options.folder / "footage", COUNTS, FIRST_SEED, share)
    make_footage(options.folder / "held_out", HELD_OUT_COUNTS, HELD_OUT_SEED, share)


if __name__ == "__main__":
    main()
