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
from egoclean.demo.render import FactoryRenderer
from egoclean.demo.timeline import EVENT_ACTIVITIES, EVENT_DURATIONS_S
from egoclean.demo.world import ACTIVITIES, RARE_SCENES, FactoryClip, Timeline, rng_for

Frames = NDArray[np.uint8]

SPANS, FRAMES = 3, 96
SIDE_PX, DRAWN_PX = 160, 224
RATE_FPS, DRIVING_RATE_FPS = 30, 12
FIRST_SEED = 1_000_000
"""Training seeds start here; held-out ones at ``HELD_OUT_SEED``; demo worlds are made from small seeds."""
HELD_OUT_SEED = 2_000_000
COUNTS = {"factory": 540, "driving": 40}
HELD_OUT_COUNTS = {"factory": 40, "driving": 0}

CLASSES = (*ACTIVITIES, *sorted(set(EVENT_ACTIVITIES.values())), "rest")
"""What a frame of a workplace can be of: a work, an interruption, or the moment between two works."""
TRUTH = ("class", "phase", "light", *RARE_SCENES)
"""Columns of a truth file: index in ``CLASSES`` or -1 for a drive, the share of the cycle or event that has passed,
how far a light change is on, 0 to 1, and which rare traits a drive has."""


@dataclass(frozen=True)
class Kept:
    """One file of footage: ``frames`` (SPANS, FRAMES, SIDE_PX, SIDE_PX, 3), ``truth`` (SPANS, FRAMES, columns)."""

    frames: Frames
    truth: NDArray[np.float32]


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
    return Kept(np.stack(frames).reshape(shape).astype(np.uint8), truth.reshape(SPANS, FRAMES, len(TRUTH)))


def draw_factory(seed: int) -> tuple[Frames, NDArray[np.float32]]:
    """Return spans of a new workplace, seen at 48 to 105 degrees across: around an event, of work, and of anything."""
    rng = rng_for(seed, "training footage")
    names = [str(name) for name in rng.permutation(ACTIVITIES)[: int(rng.integers(1, 3))]]
    kind = str(rng.choice(list(EVENT_DURATIONS_S)))
    clip = sample_clip(seed, [(name, 12.0) for name in names], [(kind, float(rng.uniform(0.3, 0.7)))])
    renderer = FactoryRenderer(clip, model_camera(DRAWN_PX, float(rng.uniform(48.0, 105.0))))
    starts = _starts(rng, clip)
    moments = np.concatenate([start_s + np.arange(FRAMES) / RATE_FPS for start_s in starts])
    frames = np.stack([_stored(renderer.frame(moment)) for moment in moments])
    return frames, np.stack([_factory_truth(clip.timeline, moment) for moment in moments])


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
