import dataclasses
import json
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean import errors
from egoclean.records import (
    Clip,
    FrameRecord,
    Problem,
    Severity,
    SourceClip,
    VideoHeader,
    Window,
    clip_from_plain,
    header_from_plain,
    problem_from_plain,
    to_plain,
)

TEXT = st.text(max_size=6)
CARRIED = st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(st.integers(), max_size=2), max_size=2)
FRACTIONS = st.fractions(min_value=0)


def through_json(value):
    return json.loads(json.dumps(to_plain(value), allow_nan=False))


HEADERS = st.builds(VideoHeader, duration_s=st.floats(0, 1e6), time_base=FRACTIONS, average_rate=st.none() | FRACTIONS)
PROBLEMS = st.builds(Problem, time_s=st.none() | st.floats(0, 1e6))
RECORDS = st.builds(
    FrameRecord,
    timestamps_s=st.none() | st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
    carried=CARRIED,
)
CLIPS = st.builds(
    Clip,
    source=st.builds(
        SourceClip,
        frame_records=st.lists(RECORDS, max_size=2).map(tuple),
        intrinsics=st.none(),
        carried=CARRIED,
        problems=st.lists(PROBLEMS, max_size=2).map(tuple),
    ),
    header=st.none() | HEADERS,
    problems=st.lists(PROBLEMS, max_size=2).map(tuple),
)


@given(CLIPS)
def test_a_clip_makes_the_round_trip_through_json(clip):
    assert clip_from_plain(through_json(clip)) == clip


@given(HEADERS)
def test_a_header_makes_the_round_trip_with_exact_fractions(header):
    assert header_from_plain(through_json(header)) == header


@given(PROBLEMS)
def test_a_problem_makes_the_round_trip(problem):
    assert problem_from_plain(through_json(problem)) == problem


def test_plain_data_has_words_for_enums_and_exact_fractions():
    assert to_plain({"a": (Fraction(1, 3), Severity.NOTE)}) == {"a": ["1/3", "note"]}


def test_a_clip_is_rejected_by_a_rejection_alone():
    source = SourceClip("a", "video", "file:a")
    for severity, rejected in ((Severity.NOTE, False), (Severity.WARNING, False), (Severity.REJECTION, True)):
        assert Clip(source, "", None, (Problem("x", "y", severity),)).rejected is rejected


def test_records_are_frozen_and_a_window_stands_at_its_centre():
    window = Window(0, 1.0, 3.0, 30, 90, 30, 60)
    assert window.centre_s == 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        window.index = 1


@pytest.mark.parametrize(
    "kind", [item for item in vars(errors).values() if isinstance(item, type)], ids=lambda kind: kind.__name__
)
def test_an_error_says_what_to_do_and_survives_the_way_between_processes(kind):
    error = kind("It is cut.", "Fetch it again.")
    assert str(error) == "It is cut. Fetch it again."
    assert str(kind("It is cut.")) == "It is cut."
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.hint) == (kind, "It is cut.", "Fetch it again.")
    assert error.exit_status == (2 if kind in (errors.UsageError, errors.IntrinsicsError) else 1)


def test_a_media_error_keeps_its_code_and_time():
    copy = pickle.loads(pickle.dumps(errors.MediaError("Cut.", code="truncated", time_s=1.5)))
    assert (copy.code, copy.time_s) == ("truncated", 1.5)
