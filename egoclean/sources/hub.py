"""Data sets on the hub: what they hold, listed without downloading a video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from egoclean.config import IngestConfig
from egoclean.errors import SourceError, UsageError
from egoclean.records import ClipKind, Problem, RemoteLocation, SourceClip
from egoclean.sources.discovery import (
    INTRINSICS_NAME,
    VIDEO_SUFFIXES,
    Discovery,
    is_clip_wanted,
    rejection,
    text_or_none,
)
from egoclean.sources.hub_client import HubClient, HubEntry, connect
from egoclean.sources.hub_ranges import RangeReader
from egoclean.sources.layout import is_wanted, layout_ids
from egoclean.sources.tar import ArchiveError, TarMember, read_tar_index

FILE_LIMIT = 200
"""Most files of a data set that are looked into when no number of clips was given."""

DIGEST_LOCAL = "local only"
"""``carried["digest"]`` of a clip read by range: its fingerprint is taken here, the hub has none of a member."""

DIGEST_VERIFIED = "hub sha256"
"""``carried["digest"]`` of a clip whose whole file is compared with the hub's SHA-256."""

_SOURCE = re.compile(r"hub:(?P<repository>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>\S+))?$")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A tar or video of a data set, with the intrinsics nearest to it."""

    entry: HubEntry
    intrinsics_path: str | None


def parse_hub_source(source: str) -> tuple[str, str | None]:
    """Return the repository and the revision of ``hub:OWNER/NAME`` or ``hub:OWNER/NAME@REVISION``.

    Raises
    ------
    UsageError : the text has another form.
    """
    found = _SOURCE.match(source)
    if found is None:
        raise UsageError(f"{source!r} is no hub source.", "Write hub:OWNER/NAME, or hub:OWNER/NAME@REVISION.")
    return found.group("repository"), found.group("revision")


def hub_clips(source: str, config: IngestConfig, progress: Callable[[int, int], None] | None = None) -> Discovery:
    """Return the clips of a data set that pass ``config``'s filters, at most ``config.clips`` of them.

    Folders are listed and tar headers are read by byte range; no video is downloaded. Listing stops as soon as
    enough clips are found. Clip ids are ``hub:OWNER/NAME/path#member``.

    Raises
    ------
    SourceError : the hub refuses or cannot be reached, or more than :data:`FILE_LIMIT` files would be looked into.
    """
    repository, revision = parse_hub_source(source)
    client = connect(repository, revision)
    clips: list[SourceClip] = []
    notes: list[Problem] = []
    for count, file in enumerate(hub_files(client, config), start=1):
        if config.clips is None and count > FILE_LIMIT:
            raise SourceError(
                f"{source} holds more than {FILE_LIMIT} files for these filters.",
                "Say which to take, for instance --factory 1 --worker 1 --clips 2.",
            )
        found = _clips_of_file(client, file, config)
        notes.extend(found.notes)
        clips.extend(clip for clip in found.clips if is_clip_wanted(clip, config))
        if progress is not None:
            progress(len(clips), config.clips or 0)
        if config.clips is not None and len(clips) >= config.clips:
            break
    return Discovery(tuple(clips), tuple(notes))


def hub_files(client: HubClient, config: IngestConfig) -> Iterator[HubFile]:
    """Yield the tars and videos of a data set in the order of their paths, one folder listed at a time.

    Folders of factories and workers that ``config`` does not want are not listed at all.
    """
    yield from _files_below(client, "", None, config)


def hub_ids(client: HubClient, config: IngestConfig) -> dict[str, tuple[str, ...]]:
    """Return the workers of each factory of a data set that ``config`` wants, by listing folders only."""
    workers: dict[str, set[str]] = {}
    pending = [""]
    while pending:
        for entry in client.entries(pending.pop()):
            ids = layout_ids(entry.path)
            if not entry.is_folder or not _is_folder_wanted(entry.path, config):
                continue
            if ids.factory is not None:
                workers.setdefault(ids.factory, set())
                if ids.worker is not None:
                    workers[ids.factory].add(ids.worker)
                    continue
            pending.append(entry.path)
    return {factory: tuple(sorted(names)) for factory, names in sorted(workers.items())}


def is_fetched_whole(remote: RemoteLocation, verify_source: bool) -> bool:
    """Whether the whole file is fetched for a clip: it is the file, or its source is to be verified."""
    return verify_source or (remote.offset_bytes == 0 and remote.size_bytes == remote.file_size_bytes)


def digest_words(remote: RemoteLocation, verify_source: bool) -> str:
    """Return what stands behind the fingerprint of a clip: :data:`DIGEST_VERIFIED` or :data:`DIGEST_LOCAL`."""
    verified = remote.file_sha256 is not None and is_fetched_whole(remote, verify_source)
    return DIGEST_VERIFIED if verified else DIGEST_LOCAL


def _files_below(
    client: HubClient, folder: str, intrinsics_path: str | None, config: IngestConfig
) -> Iterator[HubFile]:
    entries = client.entries(folder)
    own = next((entry.path for entry in entries if PurePosixPath(entry.path).name == INTRINSICS_NAME), None)
    nearest = own or intrinsics_path
    for entry in entries:
        name = PurePosixPath(entry.path).name
        if name.startswith("."):
            continue
        if entry.is_folder:
            if _is_folder_wanted(entry.path, config):
                yield from _files_below(client, entry.path, nearest, config)
        elif PurePosixPath(name.lower()).suffix in VIDEO_SUFFIXES | {".tar"} and _is_file_wanted(entry.path, config):
            yield HubFile(entry, nearest)


def _is_folder_wanted(path: str, config: IngestConfig) -> bool:
    ids = layout_ids(path)
    return (ids.factory is None or is_wanted(ids.factory, config.factory)) and (
        ids.worker is None or is_wanted(ids.worker, config.worker)
    )


def _is_file_wanted(path: str, config: IngestConfig) -> bool:
    return _is_folder_wanted(path, config)


def _clips_of_file(client: HubClient, file: HubFile, config: IngestConfig) -> Discovery:
    entry = file.entry
    clip_id = f"hub:{client.repository}/{entry.path}"
    if not entry.path.lower().endswith(".tar"):
        return Discovery((_clip(client, file, config, TarMember("", 0, entry.size_bytes)),))
    try:
        index = read_tar_index(RangeReader(client, entry.path, entry.size_bytes), entry.size_bytes, clip_id)
    except ArchiveError as error:
        return Discovery((), (rejection(error.code, str(error)),))
    return Discovery(tuple(_clip(client, file, config, member) for member in index.members), index.notes)


def _clip(client: HubClient, file: HubFile, config: IngestConfig, member: TarMember) -> SourceClip:
    """Return the clip of one member; a member without a name is the whole file."""
    entry = file.entry
    place = f"{entry.path}#{member.name}" if member.name else entry.path
    ids = layout_ids(place)
    remote = RemoteLocation(
        repository=client.repository,
        commit=client.commit,
        path=entry.path,
        offset_bytes=member.offset_bytes,
        size_bytes=member.size_bytes,
        file_size_bytes=entry.size_bytes,
        file_sha256=entry.sha256,
        intrinsics_path=file.intrinsics_path,
    )
    return SourceClip(
        clip_id=f"hub:{client.repository}/{place}",
        kind=ClipKind.VIDEO,
        source_uri=f"hub:{client.repository}@{client.commit}/{place}",
        factory=ids.factory or text_or_none(member.carried.get("factory_id")),
        worker=ids.worker or text_or_none(member.carried.get("worker_id")),
        licence=client.licence,
        carried={**member.carried, "digest": digest_words(remote, config.verify_source)},
        problems=member.problems,
        remote=remote,
    )
