"""The index of a table of windows answers as the slow and obvious way does."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from egoclean.ui.review_queue import _highest_rows
from egoclean.ui.window_index import Footage, SignalOrder, clip_places, evenly

values = st.lists(st.one_of(st.integers(0, 9), st.none()), max_size=30)
spans = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(1, 9), st.booleans()), max_size=14)


def table(rows):
    frame = pd.DataFrame(rows, columns=["clip_id", "start_s", "length", "among"])
    return frame.assign(stop_s=frame["start_s"] + frame["length"])


@given(spans, st.booleans())
def test_footage_of_a_part_counts_each_second_once(rows, narrow):
    frame = table(rows)
    frame = frame.astype({"clip_id": "category"}) if narrow else frame
    among = frame["among"].to_numpy(dtype=bool)
    seconds = {(clip, at) for clip, start, length, inside in rows if inside for at in range(start, start + length)}
    assert Footage.of(frame).seconds(among) == len(seconds)


@given(values, st.integers(-1, 10), st.integers(0, 9))
def test_an_order_parts_ranks_and_finds_neighbours(numbers, low, width):
    column = np.array([np.nan if value is None else value for value in numbers], dtype=np.float64)
    order, high = SignalOrder.of(column), low + width
    known = sorted(value for value in numbers if value is not None)
    first, last = order.between(low, high)
    assert known[first:last] == [value for value in known if low <= value <= high]
    assert order.missing == numbers.count(None)
    assert column[order.highest(3)].tolist() == known[::-1][:3]
    assert column[order.lowest(3)].tolist() == known[:3]
    below, above = [value for value in known if value < low], [value for value in known if value >= low]
    assert column[order.near(low, 2)].tolist() == below[-2:] + above[:2]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=8))
def test_each_clip_has_its_rows(runs):
    clips = [clip for clip, many in dict(runs).items() for _ in range(many)]
    places = clip_places(pd.DataFrame({"clip_id": pd.Series(clips, dtype="category")}))
    assert {clip: clips[place] for clip, place in places.items()} == {
        clip: [clip] * many for clip, many in dict(runs).items() if many
    }


@given(st.integers(0, 500), st.integers(1, 60))
def test_evenly_takes_no_more_than_asked(count, most):
    taken = list(range(count))[evenly(count, most)]
    assert len(taken) <= most
    assert len(taken) == count or len(taken) * 2 > most


@given(values, st.integers(1, 8))
def test_the_highest_rows_hold_the_values_that_sorting_all_puts_first(numbers, many):
    column = np.array([np.nan if number is None else number for number in numbers], dtype=np.float64)
    rows = _highest_rows(column, many)
    assert len(set(rows.tolist())) == len(rows)
    assert sorted(column[rows]) == sorted(sorted(number for number in numbers if number is not None)[-many:])
