"""From the name of a source to its clips, without decoding anything.

A source is a folder, a video file, a tar archive, a frame manifest (``.jsonl``), a nuScenes root, or
``hub:OWNER/NAME``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from egoclean.config import IngestConfig
from egoclean.errors import SourceError
from egoclean.records import Severity, SourceClip
from egoclean.sources.discovery import VIDEO_SUFFIXES, Discovery, is_clip_wanted, require_unique
from egoclean.sources.folder import folder_clips, tar_clips, video_clips
from egoclean.sources.frames import read_manifest_clips

HUB_PREFIX = "hub:"

_KINDS = "a folder, a video, a .tar, a .jsonl manifest, a nuScenes root, or hub:OWNER/NAME"


def discover(
    source: str, config: IngestConfig | None = None, progress: Callable[[int, int], None] | None = None
) -> Discovery:
    """Return the clips that ``source`` offers under ``config``'s filters, in a defined order with unique ids.

    Nothing is decoded and no video's bytes are read. Clips of the hub have a ``remote`` place and no ``location``
    until :func:`egoclean.sources.hub_fetch.fetch_clip` fetched them. ``progress`` counts the clips found on the hub.

    Raises
    ------
    SourceError : the source is not there, is of no known kind, is refused as a whole, or offers no clip and no
        reason why not.
    UsageError : a filter names something the source cannot have.
    """
    settings = config or IngestConfig()
    found = _hub(source, settings, progress) if source.startswith(HUB_PREFIX) else _local(source, settings)
    clips = tuple(_filled(clip, settings) for clip in found.clips)
    require_unique(clips, source)
    wanted = [clip for clip in clips if is_clip_wanted(clip, settings)]
    kept = tuple(wanted if settings.clips is None else wanted[: settings.clips])
    refused = any(problem.severity is Severity.REJECTION for problem in found.notes)
    if not kept and not refused:
        noticed = " ".join(problem.message for problem in found.notes)
        raise SourceError(f"{source} holds no clip{_filters(settings)}. {noticed}".strip(), f"A source is {_KINDS}.")
    return Discovery(kept, found.notes)


def _local(source: str, config: IngestConfig) -> Discovery:
    path = Path(os.path.normpath(Path.cwd() / Path(source).expanduser()))
    if "\0" in source or not path.exists():
        raise SourceError(f"{source} does not exist or cannot be read.", f"A source is {_KINDS}.")
    if path.is_dir():
        return folder_clips(path, config)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise SourceError(f"{source} is not a plain file.", f"A source is {_KINDS}.")
    if suffix == ".jsonl":
        root = Path(config.data_root).expanduser() if config.data_root else None
        return read_manifest_clips(path, root)
    if suffix in VIDEO_SUFFIXES:
        return video_clips(path)
    if suffix == ".tar" or path.name.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        return tar_clips(path)
    raise SourceError(f"{source} is of no kind that egoclean reads.", f"A source is {_KINDS}.")


def _hub(source: str, config: IngestConfig, progress: Callable[[int, int], None] | None) -> Discovery:
    from egoclean.sources.hub import hub_clips

    return hub_clips(source, config, progress)


def _filled(clip: SourceClip, config: IngestConfig) -> SourceClip:
    return dataclasses.replace(clip, licence=config.licence) if config.licence is not None else clip


def _filters(config: IngestConfig) -> str:
    given = [
        f"{name} {value}" for name in ("factory", "worker", "match") if (value := getattr(config, name)) is not None
    ]
    return f" of {', '.join(given)}" if given else ""
