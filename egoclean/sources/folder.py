"""Folders, single videos and tar archives on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoclean.config import IngestConfig
from egoclean.errors import EgocleanError
from egoclean.records import ClipKind, MediaLocation, Problem, SourceClip
from egoclean.sources.discovery import (
    INTRINSICS_NAME,
    VIDEO_SUFFIXES,
    Discovery,
    merged,
    note,
    rejection,
    text_or_none,
)
from egoclean.sources.layout import layout_ids
from egoclean.sources.nuscenes import read_nuscenes_clips
from egoclean.sources.nuscenes_tables import table_folders
from egoclean.sources.tar import ArchiveError, TarMember, read_sidecar, read_tar_file

_COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")


@dataclass(slots=True)
class _Walk:
    """What a walk over a folder found, before it is sorted."""

    files: list[Path] = field(default_factory=list)
    nuscenes_roots: list[Path] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)
    hidden: int = 0


def video_clips(path: Path) -> Discovery:
    """Return the one clip of a video file, called by its file name."""
    return Discovery((_video_clip(path, path.name, path.parent),))


def tar_clips(path: Path) -> Discovery:
    """Return the clips of one tar archive, called ``name.tar#member``.

    Raises
    ------
    ArchiveError : the archive is refused as a whole.
    """
    return _tar_clips(path, path.name, path.parent)


def folder_clips(root: Path, config: IngestConfig) -> Discovery:
    """Return the clips under ``root`` in the order of their paths, called ``root's name/path below root``.

    Videos, tar archives and nuScenes roots count, wherever they stand; hidden files are skipped and counted, links
    that lead out of ``root`` are skipped with a note. A refused archive is a rejection among the notes and the
    others go on.
    """
    walk = _walk(root)
    parts: list[tuple[str, Discovery]] = []
    for path in walk.files:
        relative = path.relative_to(root).as_posix()
        parts.append((relative, _file_clips(path, f"{root.name}/{relative}", root)))
    for folder in walk.nuscenes_roots:
        relative = folder.relative_to(root).as_posix()
        name = root.name if folder == root else f"{root.name}/{relative}"
        parts.append((relative, _nuscenes(folder, name, config, alone=folder == root)))
    notes = list(walk.notes)
    if walk.hidden:
        notes.append(note("hidden_files", f"{root}: {walk.hidden} hidden files or folders were skipped."))
    if walk.manifests and not parts:
        message = f"It holds {len(walk.manifests)} .jsonl files; name one as a source: {walk.manifests[0]}."
        notes.append(note("manifest", message))
    ordered = [part for _, part in sorted(parts, key=lambda item: item[0])]
    return merged([*ordered, Discovery((), tuple(notes))])


def _walk(root: Path) -> _Walk:
    walk = _Walk()
    resolved_root = root.resolve()
    for folder_text, folder_names, file_names in os.walk(root, onerror=lambda error: _unreadable(walk, error)):
        folder = Path(folder_text)
        if table_folders(folder):
            walk.nuscenes_roots.append(folder)
            folder_names.clear()
            continue
        folder_names[:] = sorted(_kept_folders(walk, folder, folder_names, root))
        for name in sorted(file_names):
            path = folder / name
            if name.startswith("."):
                walk.hidden += 1
            elif name.lower().endswith(".jsonl"):
                walk.manifests.append(path.relative_to(root).as_posix())
            elif _is_source_name(name) and _is_acceptable(walk, path, root, resolved_root):
                walk.files.append(path)
    return walk


def _unreadable(walk: _Walk, error: OSError) -> None:
    walk.notes.append(rejection("unreadable", f"{error.filename} cannot be read: {error.strerror}."))


def _kept_folders(walk: _Walk, folder: Path, names: list[str], root: Path) -> Iterator[str]:
    for name in names:
        path = folder / name
        if name.startswith("."):
            walk.hidden += 1
        elif path.is_symlink():
            shown = path.relative_to(root).as_posix()
            message = f"{shown} is a link to a folder and was not followed; name its target as a source of its own."
            walk.notes.append(note("link", message))
        else:
            if Path(name).suffix.lower() in VIDEO_SUFFIXES:
                shown = path.relative_to(root).as_posix()
                walk.notes.append(note("not_a_file", f"{shown} is a folder, not a video; what is in it was read."))
            yield name


def _is_source_name(name: str) -> bool:
    lower = name.lower()
    return Path(lower).suffix in VIDEO_SUFFIXES | {".tar"} or lower.endswith(_COMPRESSED_TARS)


def _is_acceptable(walk: _Walk, path: Path, root: Path, resolved_root: Path) -> bool:
    shown = path.relative_to(root).as_posix()
    try:
        shown.encode("utf-8")
    except UnicodeEncodeError:
        readable = os.fsencode(shown).decode("utf-8", "backslashreplace")
        walk.notes.append(rejection("file_name", f"{readable}: its name is not valid UTF-8; rename the file."))
        return False
    if path.is_symlink() and not path.resolve().is_relative_to(resolved_root):
        walk.notes.append(note("link", f"{shown} is a link that leads out of {root} and was skipped."))
        return False
    if not path.is_file():
        walk.notes.append(note("not_a_file", f"{shown} is not a plain file and was skipped."))
        return False
    return True


def _file_clips(path: Path, clip_id: str, root: Path) -> Discovery:
    lower = path.name.lower()
    if lower.endswith(_COMPRESSED_TARS):
        message = f"{clip_id} is a compressed archive; a member of it cannot be read in place. Unpack it."
        return Discovery((), (rejection("archive_compressed", message),))
    if lower.endswith(".tar"):
        try:
            return _tar_clips(path, clip_id, root)
        except ArchiveError as error:
            return Discovery((), (rejection(error.code, str(error)),))
    return Discovery((_video_clip(path, clip_id, root),))


def _nuscenes(folder: Path, name: str, config: IngestConfig, *, alone: bool) -> Discovery:
    try:
        return read_nuscenes_clips(folder, name, config)
    except EgocleanError as error:
        if alone:
            raise
        return Discovery((), (rejection("nuscenes", str(error)),))


def _video_clip(path: Path, clip_id: str, root: Path) -> SourceClip:
    carried: Mapping[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    sidecar = path.with_suffix(".json")
    if sidecar.is_file():
        with sidecar.open("rb") as stream:
            carried, problems = read_sidecar(stream, 0, sidecar.stat().st_size, str(sidecar))
    location = MediaLocation(str(path))
    return _clip(clip_id, str(path), location, path, root, carried, problems)


def _tar_clips(path: Path, clip_id: str, root: Path) -> Discovery:
    index = read_tar_file(path, clip_id)
    clips = tuple(_member_clip(path, clip_id, root, member) for member in index.members)
    empty = () if clips else (note("no_video", f"{clip_id} holds no video."),)
    return Discovery(clips, (*index.notes, *empty))


def _member_clip(path: Path, clip_id: str, root: Path, member: TarMember) -> SourceClip:
    location = MediaLocation(str(path), member.offset_bytes, member.size_bytes)
    member_id = f"{clip_id}#{member.name}"
    return _clip(member_id, f"{path}#{member.name}", location, path, root, member.carried, member.problems)


def _clip(
    clip_id: str,
    source_uri: str,
    location: MediaLocation,
    path: Path,
    root: Path,
    carried: Mapping[str, Any],
    problems: tuple[Problem, ...],
) -> SourceClip:
    ids = layout_ids(source_uri)
    intrinsics = nearest_intrinsics(path, root)
    return SourceClip(
        clip_id=clip_id,
        kind=ClipKind.VIDEO,
        source_uri=source_uri,
        location=location,
        intrinsics_path=None if intrinsics is None else str(intrinsics),
        factory=ids.factory or text_or_none(carried.get("factory_id")),
        worker=ids.worker or text_or_none(carried.get("worker_id")),
        carried=carried,
        problems=problems,
    )


def nearest_intrinsics(path: Path, root: Path) -> Path | None:
    """Return the ``intrinsics.json`` of the file's folder, or of the nearest parent up to ``root``; None without."""
    for folder in path.parents:
        candidate = folder / INTRINSICS_NAME
        if candidate.is_file():
            return candidate
        if folder == root:
            return None
    return None
