"""The window grid against a slow obvious version, and its laws on any presentation times."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core.windows import GAP_STEPS, frames_of_window, frames_spanning, record_windows, window_grid
from egoclean.records import FrameRecord, Window


def slow_grid(pts, time_base, window_frames, stride_s):
    """The k-th window's first frame, None where it is dropped, one frame and one cell at a time."""
    if len(pts) < window_frames:
        return []
    steps = [b - a for a, b in itertools.pairwise(pts)]
    median = Fraction(str(float(np.median(steps)))) if steps else Fraction(1)
    stride = Fraction(repr(stride_s)) / time_base
    half = min(median, stride) / 2
    found = []
    cell = 0
    while True:
        at_or_after = [i for i, t in enumerate(pts) if t - pts[0] >= cell * stride - half]
        if not at_or_after or at_or_after[0] + window_frames > len(pts):
            return found
        first = at_or_after[0]
        in_cell = pts[first] - pts[0] < (cell + 1) * stride - half
        whole = all(s <= GAP_STEPS * median for s in steps[first : first + window_frames - 1])
        found.append(first if in_cell and whole else None)
        cell += 1


steps_strategy = st.lists(st.sampled_from([1, 2, 3, 10, 40]), min_size=0, max_size=60)


@settings(max_examples=200, deadline=None)
@given(
    steps=steps_strategy,
    window_frames=st.integers(1, 12),
    stride_s=st.sampled_from([0.05, 0.1, 0.5, 1.0, 1.5, 7.0]),
    denominator=st.sampled_from([10, 15, 30, 600]),
    offset=st.integers(-(10**9), 10**9),
)
def test_grid_equals_the_slow_one_and_ignores_the_offset(steps, window_frames, stride_s, denominator, offset):
    pts = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    time_base = Fraction(1, denominator)
    windows, dropped = window_grid(pts, time_base, window_frames, stride_s)
    expected = slow_grid(pts.tolist(), time_base, window_frames, stride_s)
    assert [w.first_frame for w in windows] == [first for first in expected if first is not None]
    assert len(dropped) == expected.count(None)
    assert {item.reason for item in dropped} <= {"gap", "no_frame"}

    moved, moved_dropped = window_grid(pts + offset, time_base, window_frames, stride_s)
    assert moved_dropped == dropped
    for window, shifted in zip(windows, moved, strict=True):
        assert (shifted.start_s, shifted.stop_s, shifted.first_frame) == (
            window.start_s,
            window.stop_s,
            window.first_frame,
        )
        assert (shifted.start_pts, shifted.stop_pts) == (window.start_pts + offset, window.stop_pts + offset)


@settings(max_examples=100, deadline=None)
@given(steps=steps_strategy, window_frames=st.integers(1, 12), stride_s=st.floats(0.05, 5.0))
def test_windows_are_half_open_sorted_and_never_exceed_the_clip(steps, window_frames, stride_s):
    pts = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    windows, _ = window_grid(pts, Fraction(1, 30), window_frames, stride_s)
    firsts = [window.first_frame for window in windows]
    assert firsts == sorted(set(firsts))
    assert [window.index for window in windows] == list(range(len(windows)))
    for window in windows:
        inside = np.flatnonzero((pts >= window.start_pts) & (pts < window.stop_pts))
        assert inside.tolist() == list(range(window.first_frame, window.first_frame + window.frame_count))
        assert window.start_pts == pts[window.first_frame]
        assert 0 <= window.start_s < window.stop_s


@pytest.mark.parametrize(
    ("step", "denominator"), [(1, 30), (1001, 30000), (512, 15360), (1, 25), (3003, 90000), (1001, 60000)]
)
def test_constant_rate_has_one_window_a_second_within_half_a_frame(step, denominator):
    pts = np.arange(20 * 60, dtype=np.int64) * step
    windows, dropped = window_grid(pts, Fraction(1, denominator), 64, 1.0)
    frame_s = step / denominator
    assert dropped == []
    assert len(windows) == int((len(pts) - 64) * frame_s + frame_s / 2) + 1
    for second, window in enumerate(windows):
        assert abs(window.start_s - second) <= frame_s / 2 + 1e-12
        assert window.stop_s - window.start_s == pytest.approx(64 * frame_s)


def test_a_hole_in_time_drops_only_the_windows_that_hold_it():
    pts = np.concatenate([np.arange(150), np.arange(300, 450)]).astype(np.int64)
    windows, dropped = window_grid(pts, Fraction(1, 30), 30, 1.0)
    assert [window.start_s for window in windows] == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert {item.reason for item in dropped} == {"gap"}
    assert [item.start_s for item in dropped] == [5, 6, 7, 8, 9]
    assert windows[4].stop_pts == 300


def test_variable_rate_windows_stand_at_true_seconds():
    pts = np.concatenate([np.arange(3) * 60, 180 + np.arange(180)]).astype(np.int64)
    windows, dropped = window_grid(pts, Fraction(1, 60), 60, 1.0)
    assert [window.start_s for window in windows] == [3, 4, 5]
    assert [window.first_frame for window in windows] == [3, 63, 123]
    assert [item.start_s for item in dropped] == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1, 63])
def test_too_few_frames_give_nothing(count):
    assert window_grid(np.arange(count, dtype=np.int64), Fraction(1, 30), 64, 1.0) == ([], [])


def test_one_frame_is_a_window_of_one():
    windows, _ = window_grid(np.array([7]), Fraction(1, 30), 1, 1.0)
    assert [(window.start_pts, window.stop_pts) for window in windows] == [(7, 8)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.array([0, 2, 2]), Fraction(1, 30), 2, 1.0), "2 then 2 at frame 2"),
        ((np.array([0, 1]), Fraction(0), 2, 1.0), "above zero"),
        ((np.array([0, 1]), Fraction(1, 30), 0, 1.0), "above zero"),
        ((np.array([0, 1]), Fraction(1, 30), 2, float("nan")), "above zero"),
        ((np.zeros((2, 2)), Fraction(1, 30), 2, 1.0), r"\(2, 2\)"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        window_grid(*arguments)


@given(first=st.integers(0, 10**6), frame_count=st.integers(1, 200), count=st.integers(1, 200))
def test_frames_of_window_are_even(first, frame_count, count):
    window = Window(0, 0.0, 1.0, 0, 1, first, frame_count)
    frames = frames_of_window(window, count)
    assert frames[0] == first
    assert frames[-1] < first + frame_count
    gaps = np.diff(frames)
    assert len(frames) == count
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_frames_of_window_of_the_published_sizes():
    window = Window(0, 0.0, 1.0, 0, 1, 30, 64)
    assert frames_of_window(window, 16).tolist() == list(range(30, 94, 4))
    with pytest.raises(ValueError, match="at least 1"):
        frames_of_window(window, 0)


def record(line, times, frames=16):
    paths = tuple(f"{line}_{i}.jpg" for i in range(frames))
    return FrameRecord(paths, paths, times, line)


def test_record_windows_with_times():
    records = [record(1, tuple(0.5 * i for i in range(16))), record(2, tuple(8 + 0.5 * i for i in range(16)))]
    windows, dropped = record_windows(records)
    assert dropped == []
    assert [(w.start_s, w.stop_s, w.start_pts, w.stop_pts) for w in windows] == [
        (0.0, 8.0, 0, 8_000_000),
        (8.0, 16.0, 8_000_000, 16_000_000),
    ]
    assert [(w.first_frame, w.frame_count, w.record_index) for w in windows] == [(0, 16, 0), (16, 16, 1)]


def test_record_windows_without_times_count_frames():
    windows, _ = record_windows([record(1, None), record(2, tuple(range(16)))])
    assert [(w.start_s, w.stop_s, w.start_pts, w.stop_pts) for w in windows] == [(0, 16, 0, 16), (16, 32, 16, 32)]


def test_records_that_cannot_be_windows_are_dropped_with_a_reason():
    backwards = tuple(float(-i) for i in range(16))
    windows, dropped = record_windows([record(1, backwards), record(2, (), 0), record(3, (0.0, 1.0)), record(4, None)])
    assert [w.record_index for w in windows] == [0, 2, 3]
    assert [item.reason for item in dropped] == ["empty"]
    windows, dropped = record_windows([record(1, backwards), record(3, (0.0, 1.0))])
    assert windows == []
    assert [item.reason for item in dropped] == ["times", "times"]


def test_frames_that_span_a_time():
    at_30 = np.arange(100, dtype=np.int64) * 512
    assert frames_spanning(at_30, Fraction(1, 15360), 16.0) == 480
    assert frames_spanning(at_30, Fraction(1, 15360), 0.001) == 1
    with_a_hole = np.concatenate([at_30, at_30 + 10**7])
    assert frames_spanning(with_a_hole, Fraction(1, 15360), 2.0) == 60
    assert frames_spanning(at_30[:1], Fraction(1, 15360), 2.0) == 1
