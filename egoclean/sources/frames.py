"""Frame manifests: JSON lines, one object a line, 16 images that make one window.

Read are ``frame_paths`` or ``frames``, ``scene`` or ``scene_id``, and ``camera``; every other field is carried along
to the exported manifest. A bad line is left out with ``file:line`` and the reason, the others go on. Lines with one
scene and camera are one clip.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.errors import SourceError
from egoclean.records import ClipKind, FrameRecord, Problem, SourceClip
from egoclean.sources import frame_times
from egoclean.sources.discovery import Discovery, rejection, require_unique, warning
from egoclean.sources.strict_json import parse_json

FRAMES_PER_RECORD = 16
LINE_LIMIT_BYTES = 4 << 20
"""Longest line that is read."""

_CONSUMED = frozenset({"frame_paths", "frames", "scene", "scene_id", "camera"})


@dataclass(frozen=True, slots=True)
class _Line:
    record: FrameRecord
    scene: str | None
    camera: str | None


def read_manifest_clips(manifest: Path, data_root: Path | None = None) -> Discovery:
    """Return the clips of a frame manifest, one for each scene and camera, in order of first appearance.

    Relative paths are looked up under ``data_root`` when it is given, then beside the manifest. Records of a clip
    whose images all have times stand in order of time, others in the manifest's order. A record that holds a step
    longer than 2.5 times the clip's median step is flagged ``time_jump``.

    Raises
    ------
    SourceError : the manifest cannot be read, or holds no usable line.
    """
    roots = tuple(dict.fromkeys(str(root.resolve()) for root in (data_root, manifest.parent) if root is not None))
    lines: list[_Line] = []
    notes: list[Problem] = []
    seen: dict[tuple[Any, ...], int] = {}
    for number, raw in _numbered_lines(manifest):
        where = f"{manifest.name}:{number}"
        try:
            line = _read_line(raw, number, roots)
            key = (line.scene, line.camera, line.record.frame_paths)
            first = seen.setdefault(key, number)
            if first != number:
                raise ValueError(f"it repeats line {first}")
        except ValueError as error:
            notes.append(rejection("manifest_line", f"{where}: the line was left out: {error}."))
        else:
            lines.append(line)
    if not lines:
        detail = f" The first reason: {notes[0].message}" if notes else " It is empty."
        raise SourceError(
            f"{manifest} holds no usable line.{detail}",
            f"Each line must be a JSON object with {FRAMES_PER_RECORD} paths in frame_paths.",
        )
    clips = _group(lines, manifest)
    require_unique(clips, str(manifest))
    return Discovery(clips, tuple(notes))


def frames_clip(
    clip_id: str, source_uri: str, records: Sequence[FrameRecord], scene: str | None, camera: str | None
) -> SourceClip:
    """Return one clip of ``records``, whose ``timestamps_s`` may stand on any one clock.

    Times are moved to count from the clip's first image; jumps inside a record and times that do not rise become
    problems of the clip, the latter losing their times.
    """
    problems: list[Problem] = []
    timed = [record for record in records if record.timestamps_s is not None]
    for record in timed:
        if not frame_times.is_rising(record.timestamps_s or ()):
            message = f"line {record.line}: the times of its images do not rise; they are not used."
            problems.append(warning("time_order", message))
    if len(timed) < len(records) or problems:
        plain = tuple(dataclasses.replace(record, timestamps_s=None) for record in records)
        return _clip(clip_id, source_uri, plain, scene, camera, problems)
    ordered = sorted(timed, key=lambda record: ((record.timestamps_s or (0.0,))[0], record.line))
    start_s = (ordered[0].timestamps_s or (0.0,))[0]
    shifted = tuple(_shift(record, start_s) for record in ordered)
    return _clip(clip_id, source_uri, shifted, scene, camera, _jumps(shifted))


def _clip(
    clip_id: str,
    source_uri: str,
    records: tuple[FrameRecord, ...],
    scene: str | None,
    camera: str | None,
    problems: Sequence[Problem],
) -> SourceClip:
    return SourceClip(
        clip_id=clip_id,
        kind=ClipKind.FRAMES,
        source_uri=source_uri,
        frame_records=records,
        scene=scene,
        camera=camera,
        problems=tuple(problems),
    )


def _shift(record: FrameRecord, start_s: float) -> FrameRecord:
    times_s = tuple(round(time_s - start_s, 6) for time_s in record.timestamps_s or ())
    return dataclasses.replace(record, timestamps_s=times_s)


def _jumps(records: Sequence[FrameRecord]) -> list[Problem]:
    sequences = [record.timestamps_s or () for record in records]
    median_s = frame_times.median_step_s(sequences)
    if median_s is None:
        return []
    problems = []
    for record, times_s in zip(records, sequences, strict=True):
        index, step_s = frame_times.longest_step(times_s)
        if step_s > frame_times.GAP_FACTOR * median_s:
            message = (
                f"line {record.line}: {step_s:.3f} s lie between images {index + 1} and {index + 2}, "
                f"where {median_s:.3f} s is the usual step; the record is not one continuous sequence."
            )
            problems.append(warning("time_jump", message, times_s[index]))
    return problems


def _numbered_lines(manifest: Path) -> list[tuple[int, bytes]]:
    try:
        raw = manifest.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{manifest} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from None
    return [(number, line) for number, line in enumerate(raw.split(b"\n"), start=1) if line.strip()]


def _read_line(raw: bytes, number: int, roots: tuple[str, ...]) -> _Line:
    if len(raw) > LINE_LIMIT_BYTES:
        raise ValueError(f"it is longer than {LINE_LIMIT_BYTES} bytes")
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise ValueError(f"it must be a JSON object, found {type(value).__name__}")
    stored = _stored_paths(value)
    resolved = _resolve(stored, roots)
    times_s = frame_times.stated_times_s(value, len(stored)) or frame_times.named_times_s(stored)
    carried = {name: item for name, item in value.items() if name not in _CONSUMED}
    record = FrameRecord(resolved, stored, times_s, number, carried)
    scene = _text(value, "scene")
    return _Line(record, scene if scene is not None else _text(value, "scene_id"), _text(value, "camera"))


def _stored_paths(value: Mapping[str, Any]) -> tuple[str, ...]:
    name = "frame_paths" if "frame_paths" in value else "frames"
    paths = value.get(name)
    if paths is None:
        raise ValueError("it has neither frame_paths nor frames")
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise ValueError(f"{name} must be a list of paths")
    if len(paths) != FRAMES_PER_RECORD:
        raise ValueError(f"{name} must hold {FRAMES_PER_RECORD} paths, found {len(paths)}")
    return tuple(paths)


def _resolve(stored: Sequence[str], roots: tuple[str, ...]) -> tuple[str, ...]:
    candidates = [tuple(_under(path, root) for path in stored) for root in roots]
    existing = next((paths for paths in candidates if _is_file(paths[0])), candidates[0])
    for path, shown in zip(existing, stored, strict=True):
        if not _is_file(path):
            raise ValueError(f"the image {shown!r} does not exist")
    return existing


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  (a manifest asks this 16 times a line; pathlib takes six times as long)


def _under(path: str, root: str) -> str:
    if "\0" in path:
        raise ValueError(f"the path {path!r} holds a null character")
    if path.startswith("/"):
        return os.path.normpath(path)
    joined = os.path.normpath(f"{root}/{path}")
    if not joined.startswith(f"{root.rstrip('/')}/"):
        raise ValueError(f"the path {path!r} leads out of {root}")
    return joined


def _text(value: Mapping[str, Any], name: str) -> str | None:
    item = value.get(name)
    if item is None:
        return None
    if isinstance(item, bool) or not isinstance(item, (str, int)) or item == "":
        raise ValueError(f"{name} must be a text, found {item!r}")
    return str(item)


def _group(lines: Sequence[_Line], manifest: Path) -> tuple[SourceClip, ...]:
    groups: dict[tuple[str | None, str | None], list[FrameRecord]] = {}
    for line in lines:
        groups.setdefault((line.scene, line.camera), []).append(line.record)
    return tuple(
        frames_clip(
            f"{manifest.stem}/{scene or 'no-scene'}/{camera or 'no-camera'}", str(manifest), records, scene, camera
        )
        for (scene, camera), records in groups.items()
    )
