"""``egoclean rectify`` on plain files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoclean.config import RectifyConfig
from egoclean.core.intrinsics import parse_intrinsics_text
from egoclean.errors import IntrinsicsError, MediaError, UsageError
from egoclean.records import Intrinsics, MediaLocation
from egoclean.report import Reporter
from egoclean.store.atomic import write_json
from egoclean.verbs.ingest import salvage_reason


def rectify_files(
    videos: Sequence[Path],
    intrinsics_path: Path | None,
    out: Path,
    config: RectifyConfig,
    reporter: Reporter,
    *,
    salvage: bool = False,
) -> int:
    """Write view, camera and report of each video into ``out``; return the exit status: 3 when a video was rejected.

    With ``salvage`` a damaged video is used up to its first damage.

    Raises
    ------
    UsageError : two videos of one name, or an output that would replace an input.
    IntrinsicsError : the calibration is impossible.
    """
    _refuse_clashes(videos, intrinsics_path, out)
    intrinsics = None if intrinsics_path is None else read_intrinsics(intrinsics_path)
    rejected, cameras = 0, []
    for number, video in enumerate(videos, 1):
        try:
            place = f"{number}/{len(videos)}"
            cameras.append(_rectify_one(video, intrinsics, out, config, reporter, place, salvage))
        except (MediaError, IntrinsicsError) as error:
            rejected += 1
            reporter.note(f"rejected: {video}: {error}")
    if cameras and cameras[0] is not None and all(camera == cameras[0] for camera in cameras):
        write_json(out / "intrinsics.json", cameras[0])
    return 3 if rejected else 0


def read_intrinsics(path: Path) -> Intrinsics:
    """Return the calibration in a file; raises ``IntrinsicsError`` naming the file and the field."""
    try:
        return parse_intrinsics_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise IntrinsicsError(f"{path} cannot be read: {error}.", "Give the camera's intrinsics.json.") from error


def _rectify_one(
    video: Path,
    intrinsics: Intrinsics | None,
    out: Path,
    config: RectifyConfig,
    reporter: Reporter,
    place: str,
    salvage: bool,
) -> dict[str, Any] | None:
    from egoclean.media.rectify import rectify_video

    out.mkdir(parents=True, exist_ok=True)
    result = rectify_video(
        MediaLocation(str(video)),
        intrinsics,
        config,
        out,
        video.stem,
        lambda done, total: reporter.stage(f"rectify {place}", done, total, "frames"),
        salvage=salvage,
    )
    reason = salvage_reason(result.problems)
    if reason:
        reporter.note(f"salvaged: {video}: {reason}")
    write_json(out / f"{video.stem}.rectification.json", result.report)
    if result.intrinsics is not None:
        write_json(out / f"{video.stem}.intrinsics.json", result.intrinsics)
    if not result.report["rectified"]:
        reporter.note(f"{video}: {result.report['reason']}")
    return result.intrinsics


def _refuse_clashes(videos: Sequence[Path], intrinsics_path: Path | None, out: Path) -> None:
    stems: dict[str, Path] = {}
    inputs = {path.resolve() for path in [*videos, *([intrinsics_path] if intrinsics_path else [])]}
    for video in videos:
        if video.stem in stems:
            raise UsageError(
                f"{stems[video.stem]} and {video} would both write {video.stem}.view.mp4.", "Run them apart."
            )
        stems[video.stem] = video
        outputs = [
            f"{video.stem}.{end}" for end in ("view.mp4", "rectified.mp4", "intrinsics.json", "rectification.json")
        ]
        taken = next((name for name in (*outputs, "intrinsics.json") if (out / name).resolve() in inputs), None)
        if taken is not None:
            raise UsageError(f"Writing {out / taken} would replace an input.", "Give another folder with --out.")
