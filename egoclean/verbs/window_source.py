"""The windows of a clip and their pictures, for videos and frame manifests alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.config import WindowConfig
from egoclean.core.windows import RECORD_TIME_BASE, frames_of_window, frames_spanning, record_windows, window_grid
from egoclean.records import Clip, ClipKind, DroppedWindow, MediaLocation, Window
from egoclean.store.cache import Cache
from egoclean.verbs.job import Job

Pictures = NDArray[np.uint8]

MOST_READING_THREADS = 8
NOT_FINITE = "the model's output is not finite"


@dataclass(frozen=True, slots=True)
class ClipWindows:
    """The windows of one clip in time order, those that could not be filled, and the time base of their pts."""

    windows: tuple[Window, ...]
    dropped: tuple[DroppedWindow, ...]
    time_base: Fraction

    @property
    def reason(self) -> str:
        """Why there is no window at all, or an empty text."""
        if self.windows:
            return ""
        return "no windows: every one holds a gap in time" if self.dropped else "no windows: shorter than one window"

    def table(self) -> pd.DataFrame:
        """Return one row a window: its number, times, pts and, for frame records, the record's index (else -1)."""
        return pd.DataFrame(
            {
                "window": np.array([window.index for window in self.windows], dtype=np.int64),
                "start_s": np.array([window.start_s for window in self.windows], dtype=np.float64),
                "stop_s": np.array([window.stop_s for window in self.windows], dtype=np.float64),
                "start_pts": np.array([window.start_pts for window in self.windows], dtype=np.int64),
                "stop_pts": np.array([window.stop_pts for window in self.windows], dtype=np.int64),
                "record_index": np.array(
                    [-1 if window.record_index is None else window.record_index for window in self.windows],
                    dtype=np.int64,
                ),
            }
        )


def clip_windows(clip: Clip, pts: NDArray[np.int64] | None, config: WindowConfig) -> ClipWindows:
    """Return the windows of ``clip``: the grid of ``config`` over ``pts``, or one window a frame record."""
    if clip.source.kind is ClipKind.FRAMES:
        windows, dropped = record_windows(clip.source.frame_records)
        timed = all(record.timestamps_s is not None for record in clip.source.frame_records)
        return ClipWindows(tuple(windows), tuple(dropped), RECORD_TIME_BASE if timed else Fraction(1))
    if clip.header is None or pts is None:
        raise ValueError(f"{clip.clip_id} has no header or no pts")
    times, time_base, count = np.asarray(pts), clip.header.time_base, config.window_frames
    if config.window_fps is not None:
        count = frames_spanning(times, time_base, count / config.window_fps)
    windows, dropped = window_grid(times, time_base, count, config.stride_s)
    return ClipWindows(tuple(windows), tuple(dropped), time_base)


def job_windows(job: Job, cache: Cache) -> ClipWindows:
    """Return the windows a job works on: those of the frames that the view holds."""
    pts = job.input_entry(cache, "rectify").array("pts.npy") if job.clip.source.kind is ClipKind.VIDEO else None
    return clip_windows(job.clip, pts, job.config)


def job_video(job: Job, cache: Cache) -> MediaLocation | None:
    """Return the video a job reads its pictures from: what the browser plays is what is scored; None for images."""
    if job.clip.source.kind is ClipKind.FRAMES:
        return None
    return MediaLocation(str(job.input_entry(cache, "rectify").path("view.mp4")))


def window_pictures(
    clip: Clip,
    video: MediaLocation | None,
    windows: Sequence[Window],
    count: int,
    size_px: int,
    crop: str,
    *,
    threads: int = 1,
) -> Iterator[Pictures]:
    """Yield ``count`` square pictures for each window, uint8 ``(count, size_px, size_px, 3)`` RGB, in order.

    Those of a video clip come from ``video``, every frame decoded once; those of frame records from their images.
    """
    if video is None:
        from egoclean.media.images import read_record

        records = clip.source.frame_records
        for window in windows:
            paths = records[window.record_index or 0].frame_paths
            yield read_record([paths[index] for index in _spread(len(paths), count)], size_px, crop)
        return
    from egoclean.media.frames import read_frames

    indices = [frames_of_window(window, count) for window in windows]
    yield from read_frames(video, indices, size_px, crop, threads=threads)


def reading_threads(device: str) -> int:
    """Return how many threads are to decode for a network on ``device``: a GPU outruns one, a CPU has none to spare."""
    return min(MOST_READING_THREADS, os.cpu_count() or 1) if device.startswith("cuda") else 1


def window_frame_count(clip: Clip, wanted: int) -> int:
    """Return how many frames of a window a model can have: at most those of a frame record."""
    if clip.source.kind is ClipKind.VIDEO:
        return wanted
    shortest = min(len(record.frame_paths) for record in clip.source.frame_records)
    return min(wanted, shortest - shortest % 2)


def _spread(available: int, count: int) -> list[int]:
    return [index * available // count for index in range(count)]


def drop_notes(windows: ClipWindows) -> list[dict[str, Any]]:
    """Return why windows are missing, as plain data."""
    return [{"start_s": item.start_s, "reason": item.reason} for item in windows.dropped]


def failed_windows(windows: Sequence[Window], numbers: NDArray[np.floating]) -> list[dict[str, Any]]:
    """Return the windows that a model failed on, as plain data: those whose row of ``numbers`` is not finite."""
    finite = np.isfinite(numbers).all(axis=tuple(range(1, numbers.ndim)))
    return [
        {"window": window.index, "start_s": window.start_s, "reason": NOT_FINITE}
        for window, good in zip(windows, finite, strict=True)
        if not good
    ]


def failure_reason(failed: Sequence[dict[str, Any]]) -> str:
    """Return in one line that windows failed, or an empty text."""
    return f"{len(failed)} of the windows failed: {NOT_FINITE}" if failed else ""
