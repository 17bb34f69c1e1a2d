"""Whole demo worlds as the models see them: every window of every clip and driving scene, drawn at model size.

    nice python bench/worlds_data.py --work FOLDER --seeds 40 41

draws what is not in FOLDER yet: for each clip and size the frames, ``NAME.SIZE.npy`` (frames, size, size, 3). Factory
clips are drawn with twice as many pixels as V-JEPA 2 takes and averaged; driving scenes as the demo writes them, front
camera, keyframes, and made square as the pipeline does it. No file is encoded or rectified on the way.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.config import WindowConfig
from egoclean.core.windows import frames_of_window, record_windows, window_grid
from egoclean.demo.describe import describe_world
from egoclean.demo.driving import DrivingRenderer
from egoclean.demo.footage import clip_id
from egoclean.demo.lenses import driving_camera, model_camera
from egoclean.demo.nuscenes import shots_of
from egoclean.demo.render import FactoryRenderer
from egoclean.demo.world import FRAME_RATE_FPS, DrivingScene, FactoryClip, World
from egoclean.media.images import square
from egoclean.models.cards import model_spec
from egoclean.records import FrameRecord, Window
from egoclean.sources.frames import FRAMES_PER_RECORD

Frames = NDArray[np.uint8]

SIZES = tuple(model_spec(model, "small").size_px for model in ("vjepa2", "videomae"))
"""Pixels across that the small models take."""
DRAWN_PX = 2 * max(SIZES)
CHANNEL = "CAM_FRONT"


def draw_world(work: Path, seed: int) -> float:
    """Draw the clips and scenes of a world that are not in ``work`` yet; return the processor seconds it took."""
    folder, start_s = work / f"world_{seed}", time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    world = describe_world(seed)
    for clip in world.clips:
        _keep(folder, clip.name, lambda clip=clip: _clip_pictures(clip))
    for scene in world.scenes:
        _keep(folder, scene.name, lambda scene=scene: _scene_pictures(scene, world))
    return time.process_time() - start_s


def windows_of(seed: int) -> tuple[pd.DataFrame, list[Window]]:
    """Return the table of a world's windows, with the columns a project's has, and the windows themselves."""
    world, rows, windows = describe_world(seed), list[dict[str, Any]](), list[Window]()
    settings = WindowConfig()
    for clip in world.clips:
        pts = np.arange(clip.frame_count)
        found, _ = window_grid(pts, Fraction(1, FRAME_RATE_FPS), settings.window_frames, settings.stride_s)
        facts = {"clip_id": clip_id(clip), "name": clip.name, "worker": clip.worker.worker_id}
        windows += found
        rows += [{**facts, "factory": clip.worker.factory_id, "scene": None, "camera": None} for _ in found]
    for scene in world.scenes:
        found, _ = record_windows(_records(scene))
        facts = {"clip_id": f"nuscenes/{scene.name}/{CHANNEL}", "name": scene.name, "worker": None, "factory": None}
        windows += found
        rows += [{**facts, "scene": scene.name, "camera": CHANNEL} for _ in found]
    table = pd.DataFrame(rows).assign(
        start_s=[window.start_s for window in windows],
        stop_s=[window.stop_s for window in windows],
        start_pts=[window.start_pts for window in windows],
        row=np.arange(len(windows)),
    )
    return table, windows


def pictures_of(work: Path, seed: int, name: str, windows: list[Window], count: int, size_px: int) -> Iterator[Frames]:
    """Yield ``count`` frames of each of the windows of one clip or scene, uint8 (count, size, size, 3)."""
    frames = np.load(work / f"world_{seed}" / f"{name}.{size_px}.npy", mmap_mode="r")
    for window in windows:
        yield np.asarray(frames[frames_of_window(window, count)])


def _keep(folder: Path, name: str, draw: Callable[[], Iterator[Frames]]) -> None:
    paths = [folder / f"{name}.{size_px}.npy" for size_px in SIZES]
    if all(path.exists() for path in paths):
        return
    columns = zip(*([square(picture, size, "center") for size in SIZES] for picture in draw()), strict=True)
    for path, column in zip(paths, columns, strict=True):
        temporary = path.with_suffix(".part.npy")
        np.save(temporary, np.stack(column))
        temporary.replace(path)


def _clip_pictures(clip: FactoryClip) -> Iterator[Frames]:
    renderer = FactoryRenderer(clip, model_camera(DRAWN_PX))
    for index in range(clip.frame_count):
        yield renderer.frame(index / FRAME_RATE_FPS)


def _scene_pictures(scene: DrivingScene, world: World) -> Iterator[Frames]:
    renderer = DrivingRenderer(scene, driving_camera(world.driving_width, world.driving_height))
    for shot in shots_of(scene):
        if shot.channel == CHANNEL and shot.keyframe:
            yield renderer.frame(shot.time_s)


def _records(scene: DrivingScene) -> list[FrameRecord]:
    times_s = [shot.time_s for shot in shots_of(scene) if shot.channel == CHANNEL and shot.keyframe]
    starts = range(0, len(times_s) - FRAMES_PER_RECORD + 1, FRAMES_PER_RECORD)
    parts = [tuple(times_s[start : start + FRAMES_PER_RECORD]) for start in starts]
    return [FrameRecord(("",) * len(part), ("",) * len(part), part, line=0) for part in parts]


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder for the frames: a gigabyte a world.")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    options = parser.parse_args()
    for seed in options.seeds:
        print(f"world {seed}: drawn in {draw_world(options.work, seed):.0f} processor seconds", flush=True)


if __name__ == "__main__":
    main()
