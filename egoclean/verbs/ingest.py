"""ingest: what is in a clip, without decoding it: fingerprint, header facts, presentation times."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egoclean.config import IngestConfig
from egoclean.core.intrinsics import parse_intrinsics_text
from egoclean.errors import EgocleanError, IntrinsicsError, MediaError
from egoclean.records import (
    Clip,
    ClipKind,
    MediaLocation,
    Problem,
    Severity,
    SourceClip,
    VideoHeader,
    header_from_plain,
    problem_from_plain,
)
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import EntryKey, entry_key
from egoclean.store.memo import FingerprintMemo
from egoclean.verbs.job import Job, Made, ProgressCallback
from egoclean.verbs.remote import fetched, remember, remembered

if TYPE_CHECKING:
    from egoclean.media.probe import ProbeResult

MEMO_FILE = "fingerprints.sqlite"


def fingerprinted(source: SourceClip, cache_root: Path | None = None, config: IngestConfig | None = None) -> Clip:
    """Return the clip with the SHA-256 of its bytes and its calibration; a clip that cannot be read is rejected.

    Fingerprints of files that have not changed are remembered below ``cache_root``; clips of the hub are fetched into
    it unless their fingerprint is known.
    """
    problems = list(source.problems)
    try:
        source, sha256 = _known_bytes(source, cache_root, config)
    except (EgocleanError, OSError) as error:
        problems.append(Problem("unreadable", str(error), Severity.REJECTION))
        sha256 = ""
    try:
        intrinsics = _calibration(source)
    except (IntrinsicsError, OSError) as error:
        problems.append(Problem("bad_intrinsics", str(error), Severity.REJECTION))
        intrinsics = None
    if source.expected_sha256 and sha256 and sha256 != source.expected_sha256:
        message = f"{source.clip_id} has SHA-256 {sha256[:12]}, its source promises {source.expected_sha256[:12]}."
        problems.append(Problem("checksum_mismatch", message + " Fetch it again.", Severity.REJECTION))
    return Clip(dataclasses.replace(source, intrinsics=intrinsics), sha256, None, tuple(problems))


def _known_bytes(source: SourceClip, cache_root: Path | None, config: IngestConfig | None) -> tuple[SourceClip, str]:
    from egoclean.sources.fingerprint import fingerprint_clip

    if cache_root is None:
        return source, fingerprint_clip(source, None)
    memo = FingerprintMemo(cache_root / MEMO_FILE)
    verified = config is not None and config.verify_source
    known = remembered(source, memo, verified=verified)
    if known is not None:
        return known
    source = fetched(source, cache_root, config)
    sha256 = fingerprint_clip(source, memo)
    remember(source, sha256, memo, verified=verified)
    return source, sha256


def key(clip: Clip, inputs: Mapping[str, str], config: IngestConfig) -> EntryKey:
    """Return the address of what is known of the clip's bytes."""
    records = [len(record.frame_paths) for record in clip.source.frame_records]
    times = [record.timestamps_s for record in clip.source.frame_records]
    extra = {"kind": clip.source.kind, "records": records, "times": times}
    return entry_key("ingest", inputs=[clip.sha256], config=config, extra=extra)


def make(job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
    """Write ``pts.npy`` for a video; find out the header facts, or the size of the pictures of a frame manifest."""
    source = fetched(job.clip.source, cache.root)
    if source.kind is ClipKind.FRAMES:
        return Made(_frame_facts(source, progress))
    if source.location is None:
        raise MediaError(f"{source.clip_id} has no bytes.", "Fetch the source again.", code="not_video")
    location, found = probed_or_salvaged(source.location, job.config)
    save_array(folder / "pts.npy", np.asarray(found.pts, dtype=np.int64))
    return Made(
        {
            "header": found.header,
            "problems": list(found.problems),
            "reason": salvage_reason(found.problems),
            "salvage": job.config.salvage,
            "last_pts": location.last_pts,
        }
    )


def salvage_reason(problems: Sequence[Problem]) -> str:
    """Return why only the first part of a clip is used, or an empty text."""
    return next((problem.message for problem in problems if problem.code == "salvaged"), "")


def probed_or_salvaged(location: MediaLocation, config: IngestConfig) -> tuple[MediaLocation, ProbeResult]:
    """Return what is read of a video and its facts: the whole, or with ``salvage`` what stands before the damage.

    Raises
    ------
    MediaError : it cannot be read, and nothing of it is to be or can be salvaged.
    """
    from egoclean.media.probe import probe
    from egoclean.media.salvage import good_part

    try:
        return location, probe(location)
    except MediaError as error:
        if config.salvage != "prefix":
            raise
        return good_part(location, error)


@dataclass(frozen=True, slots=True)
class IngestFacts:
    """What ingest found out: the header of a video, the size of a manifest's images, problems.

    ``last_pts`` is the last frame that is used of a video whose rest is missing or cannot be read, None for a whole
    one; ``salvage`` is what later verbs do when they come upon damage.
    """

    header: VideoHeader | None
    width: int
    height: int
    problems: tuple[Problem, ...]
    salvage: str = "none"
    last_pts: int | None = None

    @property
    def frame_count(self) -> int | None:
        """Frames of a video by its packets, None for images."""
        return self.header.packet_count if self.header else None


def read_facts(details: Mapping[str, Any]) -> IngestFacts:
    """Return the details of an ingest entry as records."""
    header = header_from_plain(details["header"]) if details.get("header") else None
    width = header.width if header else details["width"]
    height = header.height if header else details["height"]
    problems = tuple(problem_from_plain(item) for item in details["problems"])
    return IngestFacts(header, width, height, problems, details.get("salvage", "none"), details.get("last_pts"))


def _calibration(source: SourceClip) -> Any:
    if source.intrinsics is not None or source.intrinsics_path is None:
        return source.intrinsics
    path = Path(source.intrinsics_path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise IntrinsicsError(
            f"{path} is not a text file: {error}.", "Put the camera's intrinsics.json there."
        ) from error
    return parse_intrinsics_text(text, str(path))


def _frame_facts(source: SourceClip, progress: ProgressCallback | None) -> dict[str, Any]:
    from egoclean.media.images import read_image

    sizes: dict[tuple[int, int], str] = {}
    pictures = [(path, record.line) for record in source.frame_records for path in record.frame_paths]
    for done, (path, line) in enumerate(pictures, 1):
        height, width = read_image(Path(path)).shape[:2]
        sizes.setdefault((width, height), f"{path} (line {line})")
        if progress:
            progress(done, len(pictures))
    if len(sizes) > 1:
        (first, where), (other, odd) = list(sizes.items())[:2]
        raise MediaError(
            f"{source.clip_id} mixes image sizes: {where} is {first[0]}x{first[1]}, {odd} is {other[0]}x{other[1]}.",
            "Give the cameras different names, or make the images one size.",
            code="mixed_sizes",
        )
    width, height = next(iter(sizes))
    return {"width": width, "height": height, "problems": []}
