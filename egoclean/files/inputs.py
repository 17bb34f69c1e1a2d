"""Clips from sources named on the command line, read where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from egoclean.config import IngestConfig, WindowConfig
from egoclean.errors import MediaError, SourceError
from egoclean.pipeline import discover_clips
from egoclean.records import Clip, ClipKind, MediaLocation, Severity
from egoclean.report import Reporter
from egoclean.store.project import Settings
from egoclean.verbs.ingest import fingerprinted, probed_or_salvaged, salvage_reason
from egoclean.verbs.window_source import ClipWindows, clip_windows

if TYPE_CHECKING:
    from egoclean.media.probe import ProbeResult


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
            clip = _readable(fingerprinted(source), names[source.clip_id], settings.ingest, config, reporter)
        except MediaError as error:
            refused += 1
            reporter.note(f"rejected: {source.clip_id}: {error}")
            continue
        clips.append(clip)
        if clip.found.reason:
            reporter.note(f"{source.clip_id}: {clip.found.reason}")
    if not clips:
        raise SourceError("None of the sources could be read.", "The lines above say why.")
    return clips, refused


def work_through(
    clips: Sequence[PlainClip],
    work: Callable[[PlainClip], None],
    settings: Settings,
    config: WindowConfig,
    reporter: Reporter,
) -> int:
    """Call ``work`` on one clip after the other; return how many were refused because they do not decode.

    With ``--salvage prefix`` such a clip is worked on once more, up to its first damage.
    """
    refused = 0
    for item in clips:
        try:
            try:
                work(item)
            except MediaError as error:
                work(_salvaged(item, error, settings.ingest, config, reporter))
        except MediaError as error:
            refused += 1
            reporter.note(f"rejected: {item.clip.clip_id}: {error}")
    return refused


def exit_status(refused: int) -> int:
    """Return 3 when something was refused, else 0."""
    return 3 if refused else 0


def batches(count: int, batch: int) -> Iterator[slice]:
    """Yield slices that cover ``count`` rows, at most ``batch`` each."""
    for start in range(0, count, batch):
        yield slice(start, min(count, start + batch))


def _readable(clip: Clip, name: str, ingest: IngestConfig, config: WindowConfig, reporter: Reporter) -> PlainClip:
    rejection = next((item for item in clip.problems if item.severity is Severity.REJECTION), None)
    if rejection is not None:
        raise MediaError(rejection.message, code=rejection.code)
    if clip.source.kind is ClipKind.FRAMES:
        return PlainClip(clip, clip_windows(clip, None, config), name)
    if clip.source.location is None:
        raise MediaError(f"{clip.clip_id} is not on this machine.", "Fetch it first: egoclean ingest.", code="remote")
    location, probed = probed_or_salvaged(clip.source.location, ingest)
    return _as_probed(clip, name, location, probed, config, reporter)


def _salvaged(
    item: PlainClip, damage: MediaError, ingest: IngestConfig, config: WindowConfig, reporter: Reporter
) -> PlainClip:
    from egoclean.media.salvage import good_part

    location = item.clip.source.location
    if ingest.salvage != "prefix" or location is None or location.last_pts is not None:
        raise damage
    return _as_probed(item.clip, item.name, *good_part(location, damage), config, reporter)


def _as_probed(
    clip: Clip, name: str, location: MediaLocation, probed: ProbeResult, config: WindowConfig, reporter: Reporter
) -> PlainClip:
    if reason := salvage_reason(probed.problems):
        reporter.note(f"salvaged: {clip.clip_id}: {reason}")
    clip = replace(clip, source=replace(clip.source, location=location), header=probed.header)
    return PlainClip(clip, clip_windows(clip, probed.pts, config), name)


def _names(clip_ids: Sequence[str]) -> dict[str, str]:
    """Return a file name's stem for each clip: the shortest tail of its id that no other clip shares."""
    parts = {clip_id: Path(clip_id.replace("#", "/")).with_suffix("").parts for clip_id in clip_ids}
    for depth in range(1, 1 + max((len(part) for part in parts.values()), default=0)):
        names = {clip_id: "_".join(part[-depth:]) for clip_id, part in parts.items()}
        if len(set(names.values())) == len(names):
            return names
    return {clip_id: f"{'_'.join(part)}_{number}" for number, (clip_id, part) in enumerate(parts.items())}
