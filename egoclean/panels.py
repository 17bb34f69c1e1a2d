"""Truth-against-prediction panels, and the resident process that draws them: ``python -m egoclean.panels PROJECT``.

The process reads one JSON request a line from standard input and answers one JSON object a line on standard output.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path
from typing import Any

from egoclean.config import ScoreConfig, build_config
from egoclean.errors import EgocleanError, UsageError
from egoclean.library import Library
from egoclean.records import Clip, ClipKind, MediaLocation
from egoclean.store.atomic import write_bytes
from egoclean.store.project import open_project

IDLE_S = 300.0


def make_panel(library: Library, clip_id: str, number: int, frame: int | None = None) -> Path:
    """Return the PNG panel of window ``number`` of a clip, drawn now unless it was drawn before.

    Raises
    ------
    UsageError : there is no such clip or window, or it has not been scored.
    """
    from egoclean.media.images import png_bytes
    from egoclean.verbs.score import masks_of, panel_of, shared_scorer
    from egoclean.verbs.window_source import clip_windows, window_pictures

    entry = library.entry(clip_id, "score")
    if entry is None:
        raise UsageError(f"{clip_id} has not been scored.", "Run the pipeline first.")
    path = library.cache.root / "panels" / entry.key[:32] / f"{number:06d}-{'middle' if frame is None else frame}.png"
    if path.is_file():
        return path
    clip, config = library.clip(clip_id), build_config(ScoreConfig, entry.material["config"], clip_id)
    pts, video = _times_and_video(library, clip)
    windows = clip_windows(clip, pts, config).windows
    if not 0 <= number < len(windows):
        raise UsageError(f"{clip_id} has no window {number}.", f"It has {len(windows)}, counted from 0.")
    window = windows[number]
    scorer = shared_scorer(config.models, config.device, entry.material["extra"]["dtype"])
    pictures = window_pictures(clip, video, [window], scorer.frame_count, scorer.size_px, config.crop)
    mask = masks_of(scorer.mask_shape, clip.sha256, window, config)[0]
    drawn = scorer.reconstruct(next(iter(pictures)), mask, frame)
    write_bytes(path, png_bytes(panel_of(drawn, scorer.card)))
    return path


def _times_and_video(library: Library, clip: Clip) -> tuple[Any, MediaLocation | None]:
    if clip.source.kind is ClipKind.FRAMES:
        return None, None
    rectified = library.entry(clip.clip_id, "rectify")
    if rectified is None:
        raise UsageError(f"The pictures of {clip.clip_id} are no longer in the cache.", "Run the pipeline again.")
    return rectified.array("pts.npy"), MediaLocation(str(rectified.path("view.mp4")))


def main() -> None:
    """Answer requests until the input ends or nothing was asked for :data:`IDLE_S` seconds."""
    library = Library(open_project(Path(sys.argv[1])))
    while select.select([sys.stdin], [], [], IDLE_S)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        sys.stdout.write(json.dumps(_answer(library, json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(library: Library, request: dict[str, Any]) -> dict[str, str]:
    try:
        return {"path": str(make_panel(library, request["clip_id"], request["window"], request["frame"]))}
    except EgocleanError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main()
