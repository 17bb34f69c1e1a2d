"""What looking into a source gives: the clips it offers, and what was noticed on the way."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from egoclean.config import IngestConfig
from egoclean.errors import SourceError
from egoclean.records import Problem, Severity, SourceClip
from egoclean.sources.layout import is_wanted

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v"})
"""Endings, in lower case, that make a file a video."""

INTRINSICS_NAME = "intrinsics.json"


@dataclass(frozen=True, slots=True)
class Discovery:
    """The clips of one source in a defined order, and notes about what is not among them.

    A note of severity ``REJECTION`` is something that should have been a clip and is not: a refused archive, a bad
    line of a manifest. ``NOTE`` and ``WARNING`` are for the reader.
    """

    clips: tuple[SourceClip, ...] = ()
    notes: tuple[Problem, ...] = field(default=())


def note(code: str, message: str) -> Problem:
    """Return something worth knowing that costs nothing."""
    return Problem(code, message, Severity.NOTE)


def warning(code: str, message: str, time_s: float | None = None) -> Problem:
    """Return something that may make results worse than they look."""
    return Problem(code, message, Severity.WARNING, time_s)


def rejection(code: str, message: str) -> Problem:
    """Return the record of something that was left out because it is damaged or refused."""
    return Problem(code, message, Severity.REJECTION)


def merged(parts: Iterable[Discovery]) -> Discovery:
    """Return the clips and notes of ``parts``, in their order."""
    clips: list[SourceClip] = []
    notes: list[Problem] = []
    for part in parts:
        clips.extend(part.clips)
        notes.extend(part.notes)
    return Discovery(tuple(clips), tuple(notes))


def require_unique(clips: Iterable[SourceClip], source: str) -> None:
    """Refuse a source in which two clips would have the same id.

    Raises
    ------
    SourceError : names the id and both places.
    """
    seen: dict[str, SourceClip] = {}
    for clip in clips:
        other = seen.setdefault(clip.clip_id, clip)
        if other is not clip:
            raise SourceError(
                f"{source}: two clips would both be called {clip.clip_id!r}: {other.source_uri} and {clip.source_uri}.",
                "Rename one of them, or name the two folders as separate sources.",
            )


def is_clip_wanted(clip: SourceClip, config: IngestConfig) -> bool:
    """Whether a clip passes the filters for factory, worker and id."""
    return (
        is_wanted(clip.factory, config.factory)
        and is_wanted(clip.worker, config.worker)
        and (config.match is None or fnmatch.fnmatchcase(clip.clip_id, config.match))
    )


def source_bytes(clip: SourceClip) -> int:
    """Return how many bytes of its source a clip is: of its video, of its part of an archive, or of its images.

    Files that are gone count nothing; nothing is opened.
    """
    if clip.remote is not None:
        return clip.remote.size_bytes
    if clip.location is not None:
        location = clip.location
        return _file_bytes(location.path) if location.size_bytes is None else location.size_bytes
    return sum(_file_bytes(path) for path in {path for record in clip.frame_records for path in record.frame_paths})


def text_or_none(value: object) -> str | None:
    """Return ``value`` when it is a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def _file_bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
