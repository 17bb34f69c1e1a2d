"""Plain functions behind the pages' tables, each beside a slow obvious one."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from egoclean.library import Library
from egoclean.store.catalog import ClipRow, StepRow, StepStatus
from egoclean.ui.columns import SIGNALS, column_config
from egoclean.ui.filters import matching, with_signals
from egoclean.ui.loaders import ClipSteps
from egoclean.ui.review_queue import queue_of
from egoclean.ui.summary import needs_attention
from egoclean.ui.tables import (
    clip_table,
    footage_s,
    source_table,
    spans_table,
    status_table,
)

spans = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(1, 9)), max_size=12)


def frame(rows):
    table = pd.DataFrame(rows, columns=["clip_id", "start_s", "length"])
    return table.assign(stop_s=table["start_s"] + table["length"])


@given(spans)
def test_footage_counts_each_second_once(rows):
    seconds = {(clip, second) for clip, start, length in rows for second in range(start, start + length)}
    assert footage_s(frame(rows)) == len(seconds)


def test_footage_of_nothing_is_nothing():
    assert footage_s(frame([])) == 0.0


def clip(clip_id, status=StepStatus.DONE, **facts):
    steps = {"ingest": StepRow(clip_id, "ingest", "k", status, "" if status is StepStatus.DONE else "cut short")}
    return ClipSteps(ClipRow(clip_id, {"duration_s": 10.0, **facts}), steps, clip_id)


def test_the_status_table_says_what_is_missing():
    found = {"a": clip("a"), "b": clip("b", StepStatus.REJECTED)}
    table = status_table(found)
    assert table["ingest"].tolist() == ["✓ done", "✕ rejected"]
    assert table["score"].tolist() == ["· waiting", "· waiting"]
    assert table["reason"].tolist() == ["", "cut short"]
    assert needs_attention(table).tolist() == [True, True]


def test_clips_are_summed_by_origin():
    facts = {"factory": "f1", "worker": "w1", "size_bytes": 2_000_000, "calibrated": True}
    table = source_table(
        [ClipRow("a", {**facts, "duration_s": 3}), ClipRow("b", {**facts, "status": "rejected"}), ClipRow("c", {})]
    )
    assert table["origin"].tolist() == ["f1 / w1", "no group stated"]
    assert table["clips"].tolist() == [2, 1]
    assert table["rejected"].tolist() == [1, 0]
    assert table["size_mb"].iloc[0] == 4.0
    assert np.isnan(table["size_mb"].iloc[1])


def test_clips_are_searched_by_any_part_of_their_id_and_filtered():
    table = clip_table({name: clip(name, worker=worker) for name, worker in (("x/one", "w1"), ("x/two", None))})
    assert matching(table, "ONE", {}).tolist() == [True, False]
    assert matching(table, "x/", {"worker": ["none"]}).tolist() == [False, True]
    assert matching(table, "[", {}).tolist() == [False, False]


def test_each_signal_of_a_clips_windows_is_in_the_table_of_clips():
    table = clip_table({"a": clip("a"), "b": clip("b")})
    windows = pd.DataFrame({"clip_id": ["a", "a"], **{name: [1.0, 2.0] for name in SIGNALS[1:]}, SIGNALS[0]: np.nan})
    found = with_signals(table, windows).set_index("clip_id")
    means = [f"mean {name}" for name in SIGNALS[1:]]
    assert found.loc["a", means].tolist() == [1.5] * len(means)
    assert found.loc["b", means].isna().all()
    assert f"mean {SIGNALS[0]}" not in found
    assert all(column_config(found)[name]["help"] for name in means)


def test_the_signals_of_the_pages_are_columns_of_a_finished_project(finished_project):
    columns = Library(finished_project).windows().columns
    assert set(SIGNALS) - set(columns) <= {"surprise"}


def test_spans_become_a_table_with_their_evidence():
    table = spans_table([{"start_s": 1.0, "stop_s": 3.5, "label": "idle", "details": {"motion": 0.1}}])
    assert table.to_dict("records") == [
        {"start_s": 1.0, "stop_s": 3.5, "length_s": 2.5, "label": "idle", "motion": 0.1}
    ]
    assert list(spans_table([]).columns) == ["start_s", "stop_s", "length_s"]


def test_the_queue_starts_with_the_strangest_and_passes_over_overlaps():
    windows = pd.DataFrame(
        {
            "row": range(4),
            "clip_id": ["a", "a", "a", "b"],
            "start_s": [0.0, 1.0, 2.0, 0.0],
            "stop_s": [2.0, 3.0, 4.0, 2.0],
            "start_pts": [0, 10, 20, 0],
            "stop_pts": [20, 30, 40, 20],
            "time_base": "1/10",
            "anomaly": [0.5, 0.9, 0.8, np.nan],
        }
    )
    queue = queue_of(windows, "anomaly", {"a": "sha-a", "b": "sha-b"})
    assert [(item.start_s, item.place) for item in queue] == [(1.0, ("sha-a", 10, 30, "1/10"))]
    assert len(queue_of(windows.assign(anomaly=1.0), "anomaly", {"a": "sha-a", "b": "sha-b"}, length=2)) == 2
