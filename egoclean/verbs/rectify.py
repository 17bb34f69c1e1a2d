"""rectify: the view that models see and browsers play, and on request the full-size video, from one decode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from egoclean.config import RectifyConfig
from egoclean.records import Clip, ClipKind, SourceClip, to_plain
from egoclean.store.atomic import write_json
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import EntryKey, entry_key
from egoclean.verbs.ingest import IngestFacts, read_facts, salvage_reason
from egoclean.verbs.job import Job, Made, ProgressCallback
from egoclean.verbs.remote import fetched

POSTER_WIDTH_PX = 320
STILL_WIDTH_PX = 960
SPRITE_PICTURES, SPRITE_WIDTH_PX, SPRITE_QUALITY = 16, 240, 75
"""The sheet of small pictures over which a pointer scrubs: how many, how wide each, and how it is compressed."""
UNTIMED_RATE = Fraction(10)
"""Playing rate of frame records whose times are not known."""


def key(clip: Clip, inputs: Mapping[str, str], config: RectifyConfig) -> EntryKey:
    """Return the address of the clip's pictures: its bytes, its calibration and the geometry asked for."""
    return entry_key("rectify", inputs=[inputs["ingest"]], config=config, extra={"intrinsics": clip.source.intrinsics})


def make(job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
    """Write ``view.mp4``, ``poster.jpg``, ``sprite.jpg`` and ``rectification.json``; a video's stills too.

    ``pts.npy`` holds the pts of a video's frames in its view: windows stand on them, so that none reaches past the
    good part of a damaged clip.
    """
    if job.clip.source.kind is ClipKind.FRAMES:
        return _frames_view(job, folder, progress)
    facts = read_facts(job.input_entry(cache, "ingest").details)
    return _video_view(job, fetched(job.clip.source, cache.root), facts, folder, progress)


def _video_view(
    job: Job, source: SourceClip, facts: IngestFacts, folder: Path, progress: ProgressCallback | None
) -> Made:
    from egoclean.media.images import narrowed, sprite_sheet, write_jpeg
    from egoclean.media.rectify import rectify_video
    from egoclean.media.sample import before_after

    if source.location is None:
        raise ValueError(f"{source.clip_id} has no bytes")
    result = rectify_video(
        dataclasses.replace(source.location, last_pts=facts.last_pts),
        job.clip.source.intrinsics,
        job.config,
        folder,
        "clip",
        progress,
        workers=job.workers,
        salvage=facts.salvage == "prefix",
        picture_count=SPRITE_PICTURES,
    )
    save_array(folder / "pts.npy", result.pts)
    result.view_path.rename(folder / "view.mp4")
    if result.full_path is not None:
        result.full_path.rename(folder / "rectified.mp4")
    middle_s = float((result.pts[len(result.pts) // 2] - result.pts[0]) * result.header.time_base)
    location = dataclasses.replace(source.location, last_pts=int(result.pts[-1]))
    before, after, _ = before_after(location, job.clip.source.intrinsics, job.config, middle_s, result.header)
    write_jpeg(folder / "before.jpg", narrowed(before, STILL_WIDTH_PX))
    write_jpeg(folder / "after.jpg", narrowed(after, STILL_WIDTH_PX))
    write_jpeg(folder / "poster.jpg", narrowed(after, POSTER_WIDTH_PX))
    write_jpeg(folder / "sprite.jpg", sprite_sheet(result.pictures, SPRITE_WIDTH_PX), SPRITE_QUALITY)
    write_json(folder / "rectification.json", result.report)
    if result.intrinsics is not None:
        write_json(folder / "intrinsics.json", result.intrinsics)
    details = {
        "rectified": bool(result.report["rectified"]),
        "summary": {name: value for name, value in result.report.items() if name != "source_calibration"},
        "problems": to_plain(result.problems),
        "reason": salvage_reason(result.problems),
        "decoded_frames": len(result.pts),
        "has_full": result.full_path is not None,
        "sprite_pictures": len(result.pictures),
    }
    return Made(details)


def _frames_view(job: Job, folder: Path, progress: ProgressCallback | None) -> Made:
    from egoclean.media.images import narrowed, read_image, sprite_sheet, write_image_view, write_jpeg

    records = job.clip.source.frame_records
    paths = [path for record in records for path in record.frame_paths]
    pictures = write_image_view(
        paths,
        folder / "view.mp4",
        job.config,
        rate=_playing_rate(job.clip),
        progress=progress,
        picture_count=SPRITE_PICTURES,
    )
    write_jpeg(folder / "sprite.jpg", sprite_sheet(pictures, SPRITE_WIDTH_PX), SPRITE_QUALITY)
    write_jpeg(folder / "poster.jpg", narrowed(read_image(paths[len(paths) // 2]), POSTER_WIDTH_PX))
    report = {"rectified": False, "reason": "Frame manifests are used as they are."}
    write_json(folder / "rectification.json", report)
    details = {"rectified": False, "summary": report, "problems": [], "decoded_frames": len(paths), "has_full": False}
    return Made({**details, "sprite_pictures": len(pictures)})


def _playing_rate(clip: Clip) -> Fraction:
    times = [np.diff(record.timestamps_s) for record in clip.source.frame_records if record.timestamps_s]
    steps = np.concatenate(times) if times else np.empty(0)
    median_s = float(np.median(steps)) if len(steps) else 0.0
    return Fraction(1 / median_s).limit_denominator(1000) if median_s > 0 else UNTIMED_RATE
