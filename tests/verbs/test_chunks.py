"""Chunks: what is finished is never computed again, and batches do not depend on where a run was cut."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.records import Window
from egoclean.verbs.chunks import CHUNK_WINDOWS, windows_in_chunks


def windows_of(count):
    return [Window(index, float(index), index + 1.0, index, index + 1, index, 1) for index in range(count)]


class Work:
    """Squares the window's number, and dies after ``limit`` batches."""

    def __init__(self, limit=None):
        self.batches, self.read, self.limit, self.progress = [], [], limit, []

    def pictures(self, windows):
        for window in windows:
            self.read.append(window.index)
            yield window.index

    def compute(self, windows, pictures):
        if self.limit is not None and len(self.batches) == self.limit:
            raise KeyboardInterrupt
        assert [window.index for window in windows] == pictures
        self.batches.append(tuple(pictures))
        return {"square": np.array(pictures) ** 2, "pair": np.array([[item, -item] for item in pictures])}

    def run(self, folder, count, batch):
        report = lambda done, total: self.progress.append((done, total))  # noqa: E731
        return windows_in_chunks(folder, windows_of(count), batch, self.pictures, self.compute, report).columns


@given(count=st.integers(0, 70), batch=st.integers(1, 20), limit=st.integers(0, 8))
def test_a_resumed_job_gives_the_rows_and_batches_of_an_undisturbed_one(tmp_path_factory, count, batch, limit):
    whole = Work()
    expected = whole.run(tmp_path_factory.mktemp("whole"), count, batch)
    folder = tmp_path_factory.mktemp("cut")
    first, second = Work(limit), Work()
    with contextlib.suppress(KeyboardInterrupt):
        first.run(folder, count, batch)
    found = second.run(folder, count, batch)
    assert found.keys() == expected.keys() == (set() if count == 0 else {"square", "pair"})
    assert all(np.array_equal(found[name], expected[name]) for name in found)
    if count:
        assert found["square"].tolist() == [index**2 for index in range(count)]
        assert whole.progress[-1] == (count, count)
    assert set(first.batches) | set(second.batches) == set(whole.batches)
    kept = len(list(folder.glob("chunk-*.npz"))) and sum(len(items) for items in first.batches) // CHUNK_WINDOWS
    assert min(second.read, default=count) >= min(count, kept * CHUNK_WINDOWS)
    assert max((len(items) for items in whole.batches), default=0) <= batch


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 torn", None], ids=["empty", "torn", "cut"])
def test_a_damaged_chunk_is_computed_again(tmp_path, data):
    expected = Work().run(tmp_path, 40, 4)
    chunk = sorted(tmp_path.glob("chunk-*.npz"))[1]
    chunk.write_bytes(chunk.read_bytes()[:-30] if data is None else data)
    again = Work()
    found = again.run(tmp_path, 40, 4)
    assert np.array_equal(found["square"], expected["square"])
    assert again.read[0] == CHUNK_WINDOWS


def test_a_batch_is_begun_before_the_one_before_is_taken(tmp_path):
    order = []

    class Ahead(Work):
        def compute(self, windows, pictures):
            order.append(("begun", pictures[0]))
            columns = super().compute(windows, pictures)

            def wait():
                order.append(("taken", pictures[0]))
                return columns

            return wait

    found = Ahead().run(tmp_path / "ahead", 12, 4)
    assert order == [("begun", 0), ("begun", 4), ("taken", 0), ("begun", 8), ("taken", 4), ("taken", 8)]
    at_once = Work().run(tmp_path / "at once", 12, 4)
    assert all(np.array_equal(found[name], at_once[name]) for name in at_once)


def test_a_batch_that_was_begun_and_not_taken_is_computed_again(tmp_path):
    class Dying(Work):
        def compute(self, windows, pictures):
            columns = super().compute(windows, pictures)
            return lambda: columns

    first, second = Dying(limit=5), Dying()
    with pytest.raises(KeyboardInterrupt):
        first.run(tmp_path, 40, 4)
    found = second.run(tmp_path, 40, 4)
    assert found["square"].tolist() == [index**2 for index in range(40)]
    assert second.read[0] == CHUNK_WINDOWS
