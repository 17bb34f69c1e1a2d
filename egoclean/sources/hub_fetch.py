"""Fetching clips of the hub: the bytes of one member, or whole files with the hub's digest checked.

What is fetched lies under ``folder/OWNER--NAME/COMMIT`` in flat names of our own. A file that is there is complete; a
broken fetch leaves a ``.part`` that the next one takes up, which is safe because a commit never changes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from egoclean.errors import SourceError
from egoclean.records import MediaLocation, RemoteLocation, SourceClip
from egoclean.sources.fingerprint import fingerprint_location
from egoclean.sources.hub import digest_words, is_fetched_whole
from egoclean.sources.hub_client import HubClient, client_at
from egoclean.sources.hub_ranges import stream_range
from egoclean.store.atomic import disk_errors, fsync_file, fsync_folder, process_alive

RESERVE_BYTES = 64 << 20
"""Disk space that is left free beside what is fetched."""

INTRINSICS_LIMIT_BYTES = 1 << 20

Progress = Callable[[int, int], None]

_PART = re.compile(r"\.(?P<host>[^.]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.part$")


def fetch_clip(
    clip: SourceClip, folder: Path, *, verify_source: bool = False, progress: Progress | None = None
) -> SourceClip:
    """Return ``clip`` with its bytes, and its worker's intrinsics, on this machine; local clips come back unchanged.

    Only the member's own bytes move, and the clip says ``digest: local only``, unless ``verify_source`` asks for the
    whole file, whose SHA-256 is then compared with the hub's. A video that is a file of its own is always compared.
    ``progress`` gets the bytes that are here and the bytes in all.

    Raises
    ------
    SourceError : the hub refuses or cannot be reached, the digest differs, or the disk has too little room.
    """
    remote = clip.remote
    if remote is None:
        return clip
    client = client_at(remote.repository, remote.commit)
    place = folder / remote.repository.replace("/", "--") / remote.commit[:12]
    is_whole_file = is_fetched_whole(remote, verify_source=False)
    if is_fetched_whole(remote, verify_source):
        target = place / _flat_name(remote.path)
        _fetch(client, remote, 0, remote.file_size_bytes, target, remote.file_sha256, progress)
        location = _location_in(target, remote, is_whole_file)
    else:
        target = place / _flat_name(clip.clip_id.removeprefix(f"hub:{remote.repository}/"))
        _fetch(client, remote, remote.offset_bytes, remote.offset_bytes + remote.size_bytes, target, None, progress)
        location = MediaLocation(str(target))
    intrinsics = _fetch_intrinsics(client, remote, place)
    return dataclasses.replace(
        clip,
        location=location,
        intrinsics_path=None if intrinsics is None else str(intrinsics),
        expected_sha256=remote.file_sha256 if is_whole_file else None,
        carried={**clip.carried, "digest": digest_words(remote, verify_source)},
    )


def discard_fetched(clips: Sequence[SourceClip], folder: Path) -> int:
    """Delete what :func:`fetch_clip` fetched for ``clips`` into ``folder``; returns the bytes freed.

    A whole archive is shared by its members: pass all of them, when none is needed any more. Nothing outside
    ``folder`` is ever deleted.
    """
    root = folder.resolve()
    paths = {clip.location.path for clip in clips if clip.remote is not None and clip.location is not None}
    freed_bytes = 0
    for path in sorted(Path(path).resolve() for path in paths):
        if path.is_relative_to(root) and path.is_file():
            freed_bytes += path.stat().st_size
            path.unlink()
    return freed_bytes


def _location_in(target: Path, remote: RemoteLocation, is_whole_file: bool) -> MediaLocation:
    if is_whole_file:
        return MediaLocation(str(target))
    return MediaLocation(str(target), remote.offset_bytes, remote.size_bytes)


def _flat_name(path: str) -> str:
    """Return a file name of our own for a path: safe characters, a digest of the whole path, the ending kept."""
    digest = hashlib.sha256(path.encode("utf-8")).hexdigest()[:12]
    name = PurePosixPath(path.replace("#", "/")).name
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".")
    return f"{digest}-{plain[-80:]}"


def _fetch_intrinsics(client: HubClient, remote: RemoteLocation, place: Path) -> Path | None:
    if remote.intrinsics_path is None:
        return None
    target = place / _flat_name(remote.intrinsics_path)
    if target.is_file():
        return target
    parent = str(PurePosixPath(remote.intrinsics_path).parent)
    entries = client.entries("" if parent == "." else parent)
    size_bytes = next((entry.size_bytes for entry in entries if entry.path == remote.intrinsics_path), None)
    if size_bytes is None or size_bytes > INTRINSICS_LIMIT_BYTES:
        raise SourceError(
            f"{remote.intrinsics_path} of {remote.repository} is missing or too large for a calibration.",
            "Check the data set on the hub.",
        )
    whole = dataclasses.replace(remote, path=remote.intrinsics_path, file_size_bytes=size_bytes)
    _fetch(client, whole, 0, size_bytes, target, None, None)
    return target


def _fetch(
    client: HubClient,
    remote: RemoteLocation,
    start: int,
    stop: int,
    target: Path,
    sha256: str | None,
    progress: Progress | None,
) -> None:
    if target.is_file() and target.stat().st_size == stop - start:
        return
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _own_part(target) as part:
            _fill(client, remote, start, stop, part, progress)
            if sha256 is not None:
                _require_digest(part, sha256, remote)
            fsync_file(part)
            part.replace(target)
            fsync_folder(target.parent)


def _fill(
    client: HubClient, remote: RemoteLocation, start: int, stop: int, part: Path, progress: Progress | None
) -> None:
    with part.open("ab") as stream:
        if stream.tell() > stop - start:
            stream.truncate(0)
        here_bytes = stream.tell()
        _require_room(part.parent, stop - start - here_bytes, remote)

        def shifted(done: int, _: int) -> None:
            if progress is not None:
                progress(here_bytes + done, stop - start)

        stream_range(client, remote.path, start + here_bytes, stop, remote.file_size_bytes, stream.write, shifted)


def _require_room(folder: Path, needed_bytes: int, remote: RemoteLocation) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes + RESERVE_BYTES:
        raise SourceError(
            f"{remote.path} of {remote.repository} needs {needed_bytes / 1e6:.0f} MB, "
            f"and {folder} has {free_bytes / 1e6:.0f} MB left.",
            "Free some space, choose a cache on another disk with EGOCLEAN_CACHE, or take fewer clips.",
        )


def _require_digest(part: Path, sha256: str, remote: RemoteLocation) -> None:
    found = fingerprint_location(MediaLocation(str(part)))
    if found != sha256:
        part.unlink()
        raise SourceError(
            f"checksum_mismatch: {remote.path} of {remote.repository} arrived with SHA-256 {found[:12]}..., "
            f"the hub says {sha256[:12]}...; it was deleted.",
            "Run again; if it stays so, the file on the hub or the network is damaged.",
        )


@contextmanager
def _own_part(target: Path) -> Iterator[Path]:
    """Yield a partial file that only this call writes: the longest that a dead or failed fetch left, or a new one."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "host"
    part = _part_name(target, host, os.getpid())
    for abandoned in _abandoned_parts(target, host):
        if part.exists():
            abandoned.unlink(missing_ok=True)
            continue
        try:
            abandoned.rename(part)
        except FileNotFoundError:
            continue
    try:
        yield part
    finally:
        if part.exists() and part.stat().st_size:
            part.rename(_part_name(target, host, 0))
        part.unlink(missing_ok=True)


def _part_name(target: Path, host: str, pid: int) -> Path:
    return target.with_name(f".{target.name}.{host}.{pid}.{uuid.uuid4().hex[:8]}.part")


def _abandoned_parts(target: Path, host: str) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for path in target.parent.iterdir():
        match = _PART.search(path.name) if path.name.startswith(f".{target.name}.") else None
        if match is None or match.group("host") != host:
            continue
        pid = int(match.group("pid"))
        if pid == 0 or not process_alive(pid):
            found.append((-path.stat().st_size, path))
    return [path for _, path in sorted(found)]
