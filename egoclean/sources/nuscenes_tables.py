"""The JSON tables of nuScenes, reduced to what the chosen cameras need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.errors import SourceError, UsageError
from egoclean.sources.strict_json import iterate_objects

Row = Mapping[str, Any]

_IMAGE_FIELDS = (
    *("sample_token", "calibrated_sensor_token", "timestamp", "is_key_frame", "filename", "width", "height"),
)


@dataclass(frozen=True, slots=True)
class Tables:
    """One ``v1.0-*`` folder: its scenes in order, and the images of each scene and channel in order of time.

    ``logs`` and ``calibrations`` are rows by token.
    """

    folder: Path
    scenes: Sequence[Row]
    images: Mapping[tuple[str, str], Sequence[Row]]
    logs: Mapping[str, Row]
    calibrations: Mapping[str, Row]


def table_folders(root: Path) -> tuple[Path, ...]:
    """Return the ``v1.0-*`` folders of a nuScenes root, sorted; empty when ``root`` is none."""
    return tuple(sorted(path.parent for path in root.glob("v1.0-*/scene.json") if path.is_file()))


def channel_names(camera: str) -> tuple[str, ...]:
    """Return the channels that the option names, in its order.

    >>> channel_names("CAM_BACK, CAM_FRONT,CAM_BACK")
    ('CAM_BACK', 'CAM_FRONT')
    """
    return tuple(dict.fromkeys(name.strip() for name in camera.split(",") if name.strip()))


def read_tables(folder: Path, camera: str) -> Tables:
    """Return the tables in ``folder``; of ``sample_data``, the largest by far, only rows of ``camera`` are kept.

    Raises
    ------
    SourceError : a table is missing, malformed, or does not fit the others.
    UsageError : a channel is not in the tables.
    """
    try:
        return _read(folder, channel_names(camera))
    except (KeyError, TypeError) as error:
        raise SourceError(
            f"The nuScenes tables in {folder} do not fit together: {error} is missing or malformed.",
            "Unpack the metadata archive of the data set again.",
        ) from None


def _read(folder: Path, channels: Sequence[str]) -> Tables:
    calibrations = {row["token"]: row for row in _rows(folder, "calibrated_sensor")}
    channel_of_sensor = _sensors(folder, channels)
    channel_of = {
        token: channel_of_sensor[row["sensor_token"]]
        for token, row in calibrations.items()
        if row["sensor_token"] in channel_of_sensor
    }
    scene_of_sample = {row["token"]: row["scene_token"] for row in _rows(folder, "sample")}
    images: dict[tuple[str, str], list[Row]] = {}
    for row in _rows(folder, "sample_data"):
        channel = channel_of.get(row["calibrated_sensor_token"])
        if channel is not None:
            kept = {name: row[name] for name in _IMAGE_FIELDS if name in row}
            images.setdefault((scene_of_sample[row["sample_token"]], channel), []).append(kept)
    for rows in images.values():
        rows.sort(key=lambda row: row["timestamp"])
    logs = {row["token"]: row for row in _rows(folder, "log")}
    return Tables(folder, tuple(_rows(folder, "scene")), images, logs, calibrations)


def _sensors(folder: Path, channels: Sequence[str]) -> dict[str, str]:
    available = {row["token"]: row["channel"] for row in _rows(folder, "sensor")}
    unknown = sorted(set(channels) - set(available.values()))
    if unknown or not channels:
        cameras = sorted(channel for channel in set(available.values()) if channel.startswith("CAM"))
        raise UsageError(
            f"nuScenes in {folder.parent} has no camera {unknown[0] if unknown else ''!r}.",
            f"It has: {', '.join(cameras)}.",
        )
    return {token: channel for token, channel in available.items() if channel in channels}


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
