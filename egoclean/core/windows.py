"""The grid of windows that every signal of a clip stands on, from presentation times alone.

Arithmetic on pts is exact (integers and fractions), so a shift of all pts changes no window and no rounding of a
frame rate can move one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from egoclean.records import DroppedWindow, FrameRecord, Window

IntArray = NDArray[np.int64]

GAP_STEPS = 2.5
"""A step longer than this many median steps is a hole in time."""

RECORD_TIME_BASE = Fraction(1, 1_000_000)
"""Time base of the pts of frame records whose times are known."""


def window_grid(
    pts: IntArray, time_base: Fraction, window_frames: int, stride_s: float
) -> tuple[list[Window], list[DroppedWindow]]:
    """Return the windows of a clip, in order, and those that its grid would hold but that cannot be filled.

    Window ``k`` stands in the cell of times ``[k stride, (k + 1) stride)``, shifted down by half a median step (at
    most half a stride) so that jitter does not move it: it starts at the cell's first frame and holds
    ``window_frames`` consecutive frames. No two windows start at one frame, and none reaches past the last frame.
    A window that holds a step of more than :data:`GAP_STEPS` median steps, or whose cell is empty because of one,
    is dropped with reason ``gap``; a cell shorter than the step between frames may be empty too, reason
    ``no_frame``.

    Parameters
    ----------
    pts : shape ``(n,)``, strictly increasing presentation times of the frames.
    time_base : seconds of one unit of pts.
    window_frames : frames of a window, at least 1.
    stride_s : seconds from one cell to the next, above zero.

    Returns
    -------
    Windows whose ``stop_pts`` is the pts of the frame after their last one, or the clip's last pts plus a median
    step. Nothing at all when the clip has fewer than ``window_frames`` frames.

    Raises
    ------
    ValueError : for pts that do not increase, and for counts, strides and time bases that are not positive.
    """
    times = _checked_pts(pts, time_base, window_frames, stride_s)
    if len(times) < max(window_frames, 1):
        return [], []
    steps = np.diff(times)
    twice_median = round(2 * float(np.median(steps))) if len(steps) else 2
    is_gap = steps > GAP_STEPS * twice_median / 2
    gaps_before = np.concatenate([[0], np.cumsum(is_gap)])
    stops = np.append(times, times[-1] + max(1, -(-twice_median // 2)))
    cell_starts = _cell_starts(times, time_base, stride_s, twice_median)
    firsts = np.searchsorted(times, np.asarray(cell_starts, dtype=np.int64))
    windows: list[Window] = []
    dropped: list[DroppedWindow] = []
    for cell, first in enumerate(firsts[:-1].tolist()):
        last = first + window_frames - 1
        if last >= len(times):
            break
        if first == firsts[cell + 1]:
            dropped.append(DroppedWindow(cell * stride_s, "gap" if is_gap[first - 1] else "no_frame"))
        elif gaps_before[last] > gaps_before[first]:
            dropped.append(DroppedWindow(_seconds(int(times[first]), time_base), "gap"))
        else:
            windows.append(
                Window(
                    index=len(windows),
                    start_s=_seconds(int(times[first]), time_base),
                    stop_s=_seconds(int(stops[last + 1]), time_base),
                    start_pts=int(pts[0] + times[first]),
                    stop_pts=int(pts[0] + stops[last + 1]),
                    first_frame=first,
                    frame_count=window_frames,
                )
            )
    return windows, dropped


def frames_spanning(pts: IntArray, time_base: Fraction, span_s: float) -> int:
    """Return how many frames a median step apart last ``span_s`` seconds, at least one.

    Parameters
    ----------
    pts : shape ``(n,)``, strictly increasing presentation times of the frames.
    time_base : seconds of one unit of pts.
    """
    if len(pts) < 2:
        return 1
    return max(1, round(span_s / (float(np.median(np.diff(pts))) * float(time_base))))


def frames_of_window(window: Window, count: int) -> IntArray:
    """Return the indices of ``count`` frames of ``window``, shape ``(count,)``, evenly spaced from its first.

    The i-th is ``first_frame + floor(i frame_count / count)``: 16 of 64 are 0, 4, ..., 60. When ``count`` exceeds
    the window's frames, each is repeated as evenly as can be.

    Raises
    ------
    ValueError : when ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, found {count}")
    return window.first_frame + np.arange(count, dtype=np.int64) * window.frame_count // count


def record_windows(records: Sequence[FrameRecord]) -> tuple[list[Window], list[DroppedWindow]]:
    """Return one window for each frame record, in order, and the records that cannot be one.

    Frames are counted through all records in order: ``first_frame`` is the number of frames in the records before.
    With times, pts are in :data:`RECORD_TIME_BASE` and a window ends one median step after its last frame; when any
    record lacks times, frames stand one unit apart: pts, and seconds alike, are the frame's index. Dropped are
    records without frames (``empty``) and with times that do not increase or do not match their frames (``times``).
    """
    timed = all(record.timestamps_s is not None for record in records)
    step_s = _median_step_s(records) if timed else 1.0
    windows: list[Window] = []
    dropped: list[DroppedWindow] = []
    first_frame = 0
    for record_index, record in enumerate(records):
        count = len(record.frame_paths)
        times = (record.timestamps_s or ()) if timed else tuple(float(first_frame + i) for i in range(count))
        unit = RECORD_TIME_BASE if timed else Fraction(1)
        if count == 0:
            dropped.append(DroppedWindow(float(first_frame), "empty"))
        elif not _increasing(times, count):
            dropped.append(DroppedWindow(times[0] if times else float(first_frame), "times"))
        else:
            stop_s = times[-1] + step_s
            window = Window(
                index=len(windows),
                start_s=times[0],
                stop_s=stop_s,
                start_pts=round(times[0] / unit),
                stop_pts=round(stop_s / unit),
                first_frame=first_frame,
                frame_count=count,
                record_index=record_index,
            )
            windows.append(window)
        first_frame += count
    return windows, dropped


def _checked_pts(pts: IntArray, time_base: Fraction, window_frames: int, stride_s: float) -> IntArray:
    if time_base <= 0 or window_frames < 1 or not (math.isfinite(stride_s) and stride_s > 0):
        raise ValueError(
            f"time_base, window_frames and stride_s must be above zero, found {time_base}, {window_frames}, {stride_s}"
        )
    times = np.asarray(pts, dtype=np.int64)
    if times.ndim != 1:
        raise ValueError(f"pts must have shape (n,), found {times.shape}")
    if np.any(np.diff(times) <= 0):
        row = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise ValueError(f"pts must increase, found {times[row - 1]} then {times[row]} at frame {row}")
    return times - times[0] if len(times) else times


def _cell_starts(times: IntArray, time_base: Fraction, stride_s: float, twice_median: int) -> list[int]:
    """Return the first pts of each cell up to one past the last frame's, rounded up to whole pts."""
    stride = Fraction(repr(stride_s)) / time_base
    shift = min(Fraction(twice_median, 4), stride / 2)
    cells = math.floor((int(times[-1]) + shift) / stride) + 1
    return [max(0, math.ceil(cell * stride - shift)) for cell in range(cells + 1)]


def _seconds(relative_pts: int, time_base: Fraction) -> float:
    return float(relative_pts * time_base)


def _median_step_s(records: Sequence[FrameRecord]) -> float:
    steps = [np.diff(record.timestamps_s or ()) for record in records]
    flat = np.concatenate(steps) if steps else np.empty(0)
    return float(np.median(flat)) if len(flat) else 1.0


def _increasing(times: tuple[float, ...], count: int) -> bool:
    steps = itertools.pairwise(times)
    return len(times) == count and all(math.isfinite(time) for time in times) and all(b > a for a, b in steps)
