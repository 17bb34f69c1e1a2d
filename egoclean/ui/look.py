"""What a source holds, found out without decoding: clips, bytes, hours, and how much work they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egoclean.config import ScoreConfig
from egoclean.pipeline import discover_clips
from egoclean.records import ClipKind, MediaLocation, SourceClip
from egoclean.store.project import Settings
from egoclean.ui.estimate import ASSUMED_SIZE_PX, Footage, records_footage, video_footage, whole

SAMPLED_CLIPS: Final = 48
"""Containers that are opened to learn how long clips are; the others are taken to be like them, byte for byte."""

ASSUMED_BITS_A_SECOND: Final = 3.6e6
"""Bit rate of video whose container says nothing or is not on this machine yet: about that of Egocentric-10K."""

_SAMPLED_PICTURES: Final = 400


@dataclass(frozen=True, slots=True)
class Look:
    """What a source holds. ``calibrated`` of its ``videos`` can be rectified, ``sampled`` were opened for their length.

    ``arguments`` are those that a run on it is started with.
    """

    source: str
    arguments: tuple[str, ...]
    clips: int
    videos: int
    calibrated: int
    sampled: int
    size_bytes: int
    remote: bool
    footage: Footage
    notes: tuple[str, ...]


def look(source: str, settings: Settings, clips: int | None = None) -> Look:
    """Return what ``source`` holds, of which at most ``clips`` clips are taken.

    Raises
    ------
    SourceError : as :func:`egoclean.sources.discover.discover`.
    """
    settings = settings.changed("ingest", {"clips": clips}, "this page") if clips else settings
    found, notes = discover_clips([source], settings)
    videos = [clip for clip in found if clip.kind is not ClipKind.FRAMES]
    frames = [clip for clip in found if clip.kind is ClipKind.FRAMES]
    sizes = [_size_bytes(clip) for clip in videos]
    amounts, sampled = _video_footage(videos, sizes, settings.score)
    return Look(
        source=source,
        arguments=(source, *(("--clips", str(clips)) if clips else ())),
        clips=len(found),
        videos=len(videos),
        calibrated=sum(map(_calibrated, videos)),
        sampled=sampled,
        size_bytes=sum(sizes) + _frames_bytes(frames),
        remote=any(clip.remote is not None for clip in videos),
        footage=amounts + _frames_footage(frames),
        notes=tuple(note.message for note in notes),
    )


def _video_footage(videos: Sequence[SourceClip], sizes: Sequence[int], config: ScoreConfig) -> tuple[Footage, int]:
    """Return the videos as footage, and how many of them said their length."""
    here = [index for index, clip in enumerate(videos) if clip.location is not None]
    chosen = here[:: max(1, -(-len(here) // SAMPLED_CLIPS))]
    known, known_bytes = _opened(
        [videos[index].location for index in chosen], [sizes[index] for index in chosen], config
    )
    if known_bytes:
        total = whole(known).times(sum(sizes) / known_bytes)
    else:
        total = video_footage(sum(sizes) * 8 / ASSUMED_BITS_A_SECOND, config)
    return Footage(float(len(videos)), total.megapixels, total.windows, total.duration_s), len(known)


def _opened(
    locations: Sequence[MediaLocation | None], sizes: Sequence[int], config: ScoreConfig
) -> tuple[list[Footage], int]:
    """Return the footage of those containers that say how long they are, and the bytes of those together."""
    from egoclean.media.apart import stated_lengths

    lengths = stated_lengths([location for location in locations if location is not None]) if locations else []
    known, known_bytes = [], 0
    for stated, size_bytes in zip(lengths, sizes, strict=True):
        if stated is not None:
            size = {"width": stated.width, "height": stated.height}
            known.append(video_footage(stated.duration_s, config, frame_rate=stated.frame_rate, **size))
            known_bytes += size_bytes
    return known, known_bytes


def _frames_footage(clips: Sequence[SourceClip]) -> Footage:
    """Return the clips of frame manifests as footage; all pictures are taken to be as large as the first."""
    size_px = _picture_size(clips)
    parts = []
    for clip in clips:
        times = [record.timestamps_s for record in clip.frame_records if record.timestamps_s]
        duration_s = max(map(max, times)) - min(map(min, times)) if times else 0.0
        pictures = sum(len(record.frame_paths) for record in clip.frame_records)
        parts.append(records_footage(pictures, duration_s, size_px))
    return whole(parts)


def _picture_size(clips: Sequence[SourceClip]) -> tuple[int, int]:
    from PIL import Image

    if not clips:
        return ASSUMED_SIZE_PX
    try:
        with Image.open(clips[0].frame_records[0].frame_paths[0]) as picture:
            return picture.size
    except (OSError, IndexError, Image.DecompressionBombError):
        return ASSUMED_SIZE_PX


def _calibrated(clip: SourceClip) -> bool:
    calibrations = (clip.intrinsics, clip.intrinsics_path, clip.remote.intrinsics_path if clip.remote else None)
    return any(item is not None for item in calibrations)


def _frames_bytes(clips: Sequence[SourceClip]) -> int:
    """Return the bytes of all pictures, of which a few hundred, evenly taken, are looked at."""
    paths = [path for clip in clips for record in clip.frame_records for path in record.frame_paths]
    looked_at = paths[:: max(1, -(-len(paths) // _SAMPLED_PICTURES))]
    total = sum(_file_bytes(path) for path in looked_at)
    return round(total * len(paths) / len(looked_at)) if looked_at else 0


def _size_bytes(clip: SourceClip) -> int:
    if clip.remote is not None:
        return clip.remote.size_bytes
    if clip.location is None:
        return 0
    return clip.location.size_bytes if clip.location.size_bytes is not None else _file_bytes(clip.location.path)


def _file_bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0
