"""Clips from sources named on the command line, read where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoclean.config import WindowConfig
from egoclean.errors import MediaError, SourceError
from egoclean.pipeline import discover_clips
from egoclean.records import Clip, ClipKind, Severity
from egoclean.report import Reporter
from egoclean.store.project import Settings
from egoclean.verbs.ingest import fingerprinted
from egoclean.verbs.window_source import ClipWindows, clip_windows


@dataclass(frozen=True, slots=True)
class PlainClip:
    """A clip ready to be read: its record, its video (None for images) and the windows of the grid."""

    clip: Clip
    found: ClipWindows
    name: str


def read_clips(
    sources: Sequence[str], settings: Settings, config: WindowConfig, reporter: Reporter
) -> tuple[list[PlainClip], int]:
    """Return the clips of ``sources`` that can be read, and how many clips or manifest lines were refused.

    Each refusal is told to ``reporter``.

    Raises
    ------
    SourceError : a source is not there, or nothing at all could be read.
    """
    source_clips, notes = discover_clips(sources, settings)
    for note in notes:
        reporter.note(note.message)
    refused = sum(note.severity is Severity.REJECTION for note in notes)
    clips: list[PlainClip] = []
    names = _names([source.clip_id for source in source_clips])
    for source in source_clips:
        try:
            clip, pts = _probed(fingerprinted(source))
        except MediaError as error:
            refused += 1
            reporter.note(f"rejected: {source.clip_id}: {error}")
            continue
        clips.append(PlainClip(clip, clip_windows(clip, pts, config), names[source.clip_id]))
        if clips[-1].found.reason:
            reporter.note(f"{source.clip_id}: {clips[-1].found.reason}")
    if not clips:
        raise SourceError("None of the sources could be read.", "The lines above say why.")
    return clips, refused


def exit_status(refused: int) -> int:
    """Return 3 when something was refused, else 0."""
    return 3 if refused else 0


def batches(count: int, batch: int) -> Iterator[slice]:
    """Yield slices that cover ``count`` rows, at most ``batch`` each."""
    for start in range(0, count, batch):
        yield slice(start, min(count, start + batch))


def _probed(clip: Clip) -> tuple[Clip, NDArray[np.int64] | None]:
    rejection = next((item for item in clip.problems if item.severity is Severity.REJECTION), None)
    if rejection is not None:
        raise MediaError(rejection.message, code=rejection.code)
    if clip.source.kind is ClipKind.FRAMES:
        return clip, None
    from egoclean.media.probe import probe

    if clip.source.location is None:
        raise MediaError(f"{clip.clip_id} is not on this machine.", "Fetch it first: egoclean ingest.", code="remote")
    found = probe(clip.source.location)
    return replace(clip, header=found.header), found.pts


def _names(clip_ids: Sequence[str]) -> dict[str, str]:
    """Return a file name's stem for each clip: the shortest tail of its id that no other clip shares."""
    parts = {clip_id: Path(clip_id.replace("#", "/")).with_suffix("").parts for clip_id in clip_ids}
    for depth in range(1, 1 + max((len(part) for part in parts.values()), default=0)):
        names = {clip_id: "_".join(part[-depth:]) for clip_id, part in parts.items()}
        if len(set(names.values())) == len(names):
            return names
    return {clip_id: f"{'_'.join(part)}_{number}" for number, (clip_id, part) in enumerate(parts.items())}
