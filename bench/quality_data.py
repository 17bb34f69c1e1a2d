"""Held-out demo worlds, rectified and cut into windows as the pipeline does it, kept on disk between runs."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.config import RectifyConfig
from egoclean.core.windows import frames_of_window, window_grid
from egoclean.demo.describe import describe_world
from egoclean.demo.footage import clip_id
from egoclean.demo.write import build_demo
from egoclean.media.frames import read_frames
from egoclean.media.rectify import rectify_video
from egoclean.models.cards import model_spec
from egoclean.records import MediaLocation

ORDINARY, EDGE = "ordinary", "edge"
SIZES_PX = (model_spec("videomae", "small").size_px, model_spec("vjepa2", "small").size_px)


@dataclass(frozen=True, slots=True)
class ClipData:
    """The windows of one clip, 16 frames for VideoMAE and 64 for V-JEPA 2, and what is true of each.

    ``events`` names the event that fills at least half of a window, ``edge`` where one only touches it, else
    ``ordinary``; ``activities`` names the work that fills all of it, else is empty.
    """

    name: str
    worker: str
    starts_s: NDArray[np.float64]
    start_pts: list[int]
    small: NDArray[np.uint8]
    large: NDArray[np.uint8]
    events: list[str]
    activities: list[str]


def prepare(work: Path, seed: int) -> list[ClipData]:
    """Return the clips of the full demo world of ``seed``, near-duplicates left out, made once in ``work``."""
    demo = work / f"demo_{seed}"
    build_demo(demo, "full", seed)
    truth = json.loads((demo / "truth.json").read_text(encoding="utf-8"))
    folder = work / f"windows_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    clips = [clip for clip in describe_world(seed, "full").clips if clip.duplicate_of is None]
    return [_clip(clip, demo, folder, truth["clips"][clip_id(clip)]) for clip in clips]


def _clip(clip: Any, demo: Path, folder: Path, truth: dict[str, Any]) -> ClipData:
    table = folder / f"{clip.name}.json"
    paths = [folder / f"{clip.name}.{size}px.npy" for size in SIZES_PX]
    if not table.exists():
        _write_windows(clip, demo, folder, table, paths)
    kept = json.loads(table.read_text(encoding="utf-8"))
    spans = list(zip(kept["starts_s"], kept["stops_s"], strict=True))
    return ClipData(
        clip.name,
        truth["worker"],
        np.array(kept["starts_s"]),
        kept["start_pts"],
        np.load(paths[0], mmap_mode="r"),
        np.load(paths[1], mmap_mode="r"),
        [_event(start, stop, truth["events"]) for start, stop in spans],
        [_activity(start, stop, truth) for start, stop in spans],
    )


def _write_windows(clip: Any, demo: Path, folder: Path, table: Path, paths: list[Path]) -> None:
    archive_path, member = clip_id(clip).split("#")
    source = folder / f"{clip.name}.mp4"
    with tarfile.open(demo / archive_path) as archive:
        stored = archive.extractfile(member)
        assert stored is not None
        source.write_bytes(stored.read())
    result = rectify_video(MediaLocation(str(source)), clip.worker.lens, RectifyConfig(), folder, clip.name)
    windows, _ = window_grid(result.pts, result.header.time_base, 64, 1.0)
    for path, size_px, count in zip(paths, SIZES_PX, (16, 64), strict=True):
        indices = [frames_of_window(window, count) for window in windows]
        np.save(path, np.stack(list(read_frames(result.view_path, indices, size_px))))
    rows = {
        "starts_s": [window.start_s for window in windows],
        "stops_s": [window.stop_s for window in windows],
        "start_pts": [window.start_pts for window in windows],
    }
    table.write_text(json.dumps(rows), encoding="utf-8")


def _event(start_s: float, stop_s: float, events: list[dict[str, Any]]) -> str:
    shares = {event["kind"]: _overlap(start_s, stop_s, event) for event in events}
    kind = max(shares, key=lambda name: shares[name], default="")
    if kind and shares[kind] >= 0.5:
        return kind
    return EDGE if any(shares.values()) else ORDINARY


def _activity(start_s: float, stop_s: float, truth: dict[str, Any]) -> str:
    for span in truth["activities"]:
        if _overlap(start_s, stop_s, span) > 0.999:
            return str(span["name"])
    return ""


def _overlap(start_s: float, stop_s: float, span: dict[str, Any]) -> float:
    return max(0.0, min(stop_s, span["stop_s"]) - max(start_s, span["start_s"])) / (stop_s - start_s)
