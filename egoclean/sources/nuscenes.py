"""nuScenes, straight from its JSON tables: clips of 16 consecutive images that never cross a scene or a gap.

Images of one camera stand in order of time within their scene. File names say the log, which many scenes share, so
scenes are read from the tables, never from names. Images are already undistorted; the calibration is a pinhole.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from egoclean.config import IngestConfig
from egoclean.errors import SourceError
from egoclean.records import CameraModel, FrameRecord, Intrinsics, Problem, SourceClip
from egoclean.sources import frame_times
from egoclean.sources.discovery import Discovery, note, rejection
from egoclean.sources.frames import FRAMES_PER_RECORD, frames_clip
from egoclean.sources.nuscenes_tables import Row, Tables, channel_names, read_tables, table_folders


def read_nuscenes_clips(root: Path, name: str, config: IngestConfig) -> Discovery:
    """Return one clip a scene and camera, with ids ``name/scene/camera``, in the order of the scene tables.

    ``config.camera`` names the channels; ``nuscenes_frames`` and ``nuscenes_rate_hz`` which images are read.
    Description, location, log, timestamps and the scene's token are carried by each record. A scene that stands in
    several tables, as those of the mini split do, is read once; scenes none of whose images are here are counted.

    Raises
    ------
    SourceError : a table is missing or malformed, or no image is there at all.
    UsageError : a channel is not in the tables.
    """
    clips: list[SourceClip] = []
    notes: list[Problem] = []
    seen: set[str] = set()
    absent: list[str] = []
    for folder in table_folders(root):
        tables = read_tables(folder, config.camera)
        for scene in (scene for scene in tables.scenes if scene["token"] not in seen):
            seen.add(scene["token"])
            for channel in channel_names(config.camera):
                rows, missing = _present(root, tables.images.get((scene["token"], channel), ()))
                if rows:
                    found = _scene_clips(root, name, tables, scene, channel, rows, missing, config)
                    clips.extend(found.clips)
                    notes.extend(found.notes)
                else:
                    absent.append(f"{scene['name']}/{channel}")
    if absent:
        message = f"{name}: no image of {len(absent)} scenes and cameras is here, the first is {absent[0]}."
        notes.append(rejection("missing_image", message))
    if not clips:
        raise SourceError(
            f"No 16 consecutive images of {config.camera} were found under {root}. "
            + " ".join(problem.message for problem in notes[-1:]),
            "Unpack the samples (and sweeps) of the data set beside its tables.",
        )
    return Discovery(tuple(clips), tuple(notes))


def _scene_clips(
    root: Path,
    name: str,
    tables: Tables,
    scene: Row,
    channel: str,
    rows: Sequence[Row],
    missing: int,
    config: IngestConfig,
) -> Discovery:
    where = f"{scene['name']}/{channel}"
    notes: list[Problem] = []
    if missing:
        message = f"{where}: {missing} of {missing + len(rows)} images are not there."
        notes.append(rejection("missing_image", message))
    pieces = list(_pieces(_chosen(rows, config)))
    if len(pieces) > 1:
        notes.append(note("time_jump", f"{where}: images are missing at {len(pieces) - 1} places; records end there."))
    carried = _carried(scene, tables.logs.get(scene["log_token"], {}), tables.folder.name)
    records = [_record(root, window, number, carried) for number, window in enumerate(_windows(pieces), start=1)]
    if not records:
        message = f"{where}: fewer than {FRAMES_PER_RECORD} consecutive images; left out."
        return Discovery((), (*notes, rejection("too_short", message)))
    clip = frames_clip(f"{name}/{where}", str(root), records, scene["name"], channel)
    intrinsics = _pinhole(tables.calibrations[rows[0]["calibrated_sensor_token"]], rows[0])
    return Discovery((dataclasses.replace(clip, carried=carried, intrinsics=intrinsics),), tuple(notes))


def _present(root: Path, rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the rows whose images are here, and how many are not."""
    present = []
    for row in rows:
        path = Path(os.path.normpath(root / row["filename"]))
        if not path.is_relative_to(root):
            raise SourceError(
                f"The nuScenes tables name an image outside {root}: {row['filename']!r}.",
                "Unpack the metadata archive of the data set again.",
            )
        if path.is_file():
            present.append(row)
    return present, len(rows) - len(present)


def _chosen(rows: Sequence[Row], config: IngestConfig) -> list[Row]:
    if config.nuscenes_rate_hz is not None:
        return _at_rate(rows, config.nuscenes_rate_hz)
    if config.nuscenes_frames == "all":
        return list(rows)
    return [row for row in rows if row["is_key_frame"]]


def _at_rate(rows: Sequence[Row], rate_hz: float) -> list[Row]:
    """Return the rows nearest to a regular grid of times, each at most once."""
    if not rows:
        return []
    times_s = [row["timestamp"] / 1e6 for row in rows]
    chosen: list[Row] = []
    index = 0
    for tick in range(int((times_s[-1] - times_s[0]) * rate_hz + 0.5) + 1):
        wanted_s = times_s[0] + tick / rate_hz
        while index + 1 < len(rows) and abs(times_s[index + 1] - wanted_s) <= abs(times_s[index] - wanted_s):
            index += 1
        if not chosen or chosen[-1] is not rows[index]:
            chosen.append(rows[index])
    return chosen


def _pieces(rows: Sequence[Row]) -> Iterator[list[Row]]:
    times_s = [row["timestamp"] / 1e6 for row in rows]
    median_s = frame_times.median_step_s([times_s])
    piece: list[Row] = []
    for index, row in enumerate(rows):
        step_s = times_s[index] - times_s[index - 1] if index else 0.0
        if piece and median_s is not None and (step_s > frame_times.GAP_FACTOR * median_s or step_s <= 0):
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _windows(pieces: Sequence[Sequence[Row]]) -> Iterator[Sequence[Row]]:
    for piece in pieces:
        for start in range(0, len(piece) - FRAMES_PER_RECORD + 1, FRAMES_PER_RECORD):
            yield piece[start : start + FRAMES_PER_RECORD]


def _carried(scene: Row, log: Row, split: str) -> dict[str, Any]:
    return {
        "source": "nuscenes",
        "scene_token": scene["token"],
        "description": scene.get("description", ""),
        "location": log.get("location", ""),
        "log": log.get("logfile", ""),
        "tables": split,
    }


def _record(root: Path, rows: Sequence[Row], number: int, carried: Mapping[str, Any]) -> FrameRecord:
    stored = tuple(row["filename"] for row in rows)
    return FrameRecord(
        frame_paths=tuple(str(root / path) for path in stored),
        stored_paths=stored,
        timestamps_s=tuple(row["timestamp"] / 1e6 for row in rows),
        line=number,
        carried={
            **carried,
            "timestamps_us": [row["timestamp"] for row in rows],
            "is_key_frame": [bool(row["is_key_frame"]) for row in rows],
        },
    )


def _pinhole(calibration: Row, image: Row) -> Intrinsics | None:
    matrix = calibration.get("camera_intrinsic")
    if not matrix or not image.get("width") or not image.get("height"):
        return None
    return Intrinsics(
        model=CameraModel.PINHOLE,
        image_width=int(image["width"]),
        image_height=int(image["height"]),
        fx=float(matrix[0][0]),
        fy=float(matrix[1][1]),
        cx=float(matrix[0][2]),
        cy=float(matrix[1][2]),
    )
