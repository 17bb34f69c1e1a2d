"""Reading ahead: all in order, errors in their place, no more fetched than asked for, and an end to the thread."""

import threading
import time

import pytest

from egoclean.verbs.read_ahead import ReadAhead


def test_items_come_in_order_and_the_end_stays_the_end():
    with ReadAhead(iter(range(50)), 3) as ahead:
        assert list(ahead) == list(range(50))
        assert list(ahead) == []


def test_an_error_of_the_source_comes_where_its_item_would_have_come():
    def source():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    with ReadAhead(source(), 8) as ahead:
        assert [next(ahead), next(ahead)] == [1, 2]
        with pytest.raises(OSError, match="the disk is gone"):
            next(ahead)


def test_no_more_is_fetched_than_the_room_there_is_and_leaving_ends_the_thread():
    fetched = []

    def source():
        for index in range(1000):
            fetched.append(index)
            yield index

    before = threading.active_count()
    with ReadAhead(source(), 4) as ahead:
        next(ahead)
        deadline = time.monotonic() + 10
        while len(fetched) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(fetched) == 6
    assert threading.active_count() == before


def test_the_time_waited_is_counted():
    def slow():
        for index in range(3):
            time.sleep(0.05)
            yield index

    with ReadAhead(slow(), 2) as ahead:
        assert list(ahead) == [0, 1, 2]
    assert ahead.waited_s >= 0.1
