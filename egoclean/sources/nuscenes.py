"""nuScenes, straight from its JSON tables: clips of 16 consecutive images that never cross a scene or a gap.

Images of one camera stand in order of time within their scene. File names say the log, which many scenes share, so
scenes are read from the tables, never from names. Images are already undistorted; the calibration is a pinhole.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.config import IngestConfig
from egoclean.errors import SourceError, UsageError
from egoclean.records import CameraModel, FrameRecord, Intrinsics, Problem, SourceClip
from egoclean.sources import frame_times
from egoclean.sources.discovery import Discovery, note, rejection
from egoclean.sources.frames import FRAMES_PER_RECORD, frames_clip
from egoclean.sources.strict_json import iterate_objects

_TABLES = ("scene", "sample", "calibrated_sensor", "sensor", "log")
_IMAGE_FIELDS = (
    *("sample_token", "calibrated_sensor_token", "timestamp", "is_key_frame", "filename", "width", "height"),
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Tables:
    folder: Path
    rows: Mapping[str, Sequence[Row]]

    def by_token(self, table: str) -> dict[str, Row]:
        return {row["token"]: row for row in self.rows[table]}


def table_folders(root: Path) -> tuple[Path, ...]:
    """Return the ``v1.0-*`` folders of a nuScenes root, sorted; empty when ``root`` is none."""
    return tuple(sorted(path.parent for path in root.glob("v1.0-*/scene.json") if path.is_file()))


def read_nuscenes_clips(root: Path, name: str, config: IngestConfig) -> Discovery:
    """Return one clip a scene and camera, with ids ``name/scene/camera``, in the order of the scene table.

    ``config.camera`` names the channels; ``nuscenes_frames`` and ``nuscenes_rate_hz`` which images are read.
    Description, location, log, split and the images' tokens are carried by each record.

    Raises
    ------
    SourceError : a table is missing or malformed, or no image is there at all.
    UsageError : a channel is not in the tables.
    """
    folders = table_folders(root)
    clips: list[SourceClip] = []
    notes: list[Problem] = []
    for folder in folders:
        try:
            tables = _read_tables(folder, config.camera)
            found = _clips_of_tables(tables, root, name, config)
        except (KeyError, TypeError) as error:
            raise SourceError(
                f"The nuScenes tables in {folder} do not fit together: {error} is missing or malformed.",
                "Unpack the metadata archive of the data set again.",
            ) from None
        clips.extend(found.clips)
        notes.extend(found.notes)
    if not clips:
        first = f" {notes[0].message}" if notes else ""
        raise SourceError(
            f"No images of {config.camera} were found under {root}.{first}",
            "Unpack the samples (and sweeps) of the data set beside its tables.",
        )
    return Discovery(tuple(clips), tuple(notes))


def _read_tables(folder: Path, camera: str) -> _Tables:
    rows = {table: list(_rows(folder, table)) for table in _TABLES}
    tables = _Tables(folder, rows)
    calibrations = _channel_of_calibration(tables, camera)
    images = [
        {name: row[name] for name in _IMAGE_FIELDS if name in row}
        for row in _rows(folder, "sample_data")
        if row["calibrated_sensor_token"] in calibrations
    ]
    return _Tables(folder, {**rows, "sample_data": images})


def _rows(folder: Path, table: str) -> Iterator[Row]:
    path = folder / f"{table}.json"
    try:
        yield from iterate_objects(path)
    except OSError as error:
        raise SourceError(
            f"The nuScenes table {path} cannot be read: {error.strerror}.", "Unpack the metadata archive again."
        ) from None
    except ValueError as error:
        raise SourceError(f"The nuScenes table {path} is malformed: {error}.", "Unpack it again.") from None


def _clips_of_tables(tables: _Tables, root: Path, name: str, config: IngestConfig) -> Discovery:
    channel_of = _channel_of_calibration(tables, config.camera)
    calibrations = tables.by_token("calibrated_sensor")
    scene_of_sample = {row["token"]: row["scene_token"] for row in tables.rows["sample"]}
    images: dict[tuple[str, str], list[Row]] = {}
    for row in tables.rows["sample_data"]:
        channel = channel_of.get(row["calibrated_sensor_token"])
        if channel is not None:
            images.setdefault((scene_of_sample[row["sample_token"]], channel), []).append(row)
    logs = tables.by_token("log")
    clips: list[SourceClip] = []
    notes: list[Problem] = []
    for scene in tables.rows["scene"]:
        for channel in _names(config.camera):
            rows = sorted(images.get((scene["token"], channel), []), key=lambda row: row["timestamp"])
            clip, clip_notes = _scene_clip(tables, root, name, scene, channel, rows, logs, calibrations, config)
            notes.extend(clip_notes)
            if clip is not None:
                clips.append(clip)
    return Discovery(tuple(clips), tuple(notes))


def _channel_of_calibration(tables: _Tables, wanted: str) -> dict[str, str]:
    channels = _channels(tables, wanted)
    return {
        row["token"]: channels[row["sensor_token"]]
        for row in tables.rows["calibrated_sensor"]
        if row["sensor_token"] in channels
    }


def _names(wanted: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))


def _channels(tables: _Tables, wanted: str) -> dict[str, str]:
    available = {row["token"]: row["channel"] for row in tables.rows["sensor"]}
    names = _names(wanted)
    unknown = sorted(set(names) - set(available.values()))
    if unknown:
        cameras = sorted(channel for channel in set(available.values()) if channel.startswith("CAM"))
        raise UsageError(
            f"nuScenes in {tables.folder.parent} has no camera {unknown[0]!r}.", f"It has: {', '.join(cameras)}."
        )
    token_of = {channel: token for token, channel in available.items()}
    return {token_of[channel]: channel for channel in names}


def _scene_clip(
    tables: _Tables,
    root: Path,
    name: str,
    scene: Row,
    channel: str,
    rows: Sequence[Row],
    logs: Mapping[str, Row],
    calibrations: Mapping[str, Row],
    config: IngestConfig,
) -> tuple[SourceClip | None, list[Problem]]:
    where = f"{scene['name']}/{channel}"
    present, notes = _present(root, where, rows)
    chosen = _chosen(present, config)
    pieces = list(_pieces(chosen))
    if len(pieces) > 1:
        notes.append(note("time_jump", f"{where}: images are missing at {len(pieces) - 1} places; clips end there."))
    carried = _carried(scene, logs.get(scene["log_token"], {}), tables.folder.name)
    records = [_record(root, window, number, carried) for number, window in enumerate(_windows(pieces), start=1)]
    if not records:
        notes.append(rejection("too_short", f"{where}: fewer than {FRAMES_PER_RECORD} consecutive images; left out."))
        return None, notes
    clip = frames_clip(f"{name}/{where}", str(root), records, scene["name"], channel)
    intrinsics = _pinhole(calibrations[chosen[0]["calibrated_sensor_token"]], chosen[0])
    return dataclasses.replace(clip, carried=carried, intrinsics=intrinsics), notes


def _present(root: Path, where: str, rows: Sequence[Row]) -> tuple[list[Row], list[Problem]]:
    present = []
    missing = 0
    for row in rows:
        path = Path(os.path.normpath(root / row["filename"]))
        if not path.is_relative_to(root):
            raise SourceError(f"{where}: the image path {row['filename']!r} leads out of {root}.")
        if path.is_file():
            present.append(row)
        else:
            missing += 1
    notes = [rejection("missing_image", f"{where}: {missing} of {len(rows)} images are not there.")] if missing else []
    return present, notes


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
