"""Choosing again and again among the same windows gives what choosing from nothing gives."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_copies import copy_without_selections

from egoclean.config import SelectConfig
from egoclean.core.prepare import prepare
from egoclean.errors import UsageError
from egoclean.library import Library, selection_of
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.clean import cache_use
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.store.keys import EntryKey
from egoclean.store.tables import read_table, write_table
from egoclean.verbs import graph, select
from egoclean.verbs.graph import GRAPH, graph_key
from egoclean.verbs.select import Recutter, preview_selection

BASE = SelectConfig(budget="30%")


@pytest.fixture
def library(demo_project, tmp_path):
    return copy_without_selections(demo_project, tmp_path / "copy")


@pytest.fixture
def prepared(monkeypatch):
    """The numbers of rows that were compared with each other."""
    counts = []

    def counting(data, neighbours):
        counts.append(len(data.embeddings))
        return prepare(data, neighbours)

    monkeypatch.setattr(graph, "prepare", counting)
    return counts


def assert_alike(found, expected):
    assert found.config == expected.config
    pd.testing.assert_frame_equal(found.chosen, expected.chosen)
    pd.testing.assert_frame_equal(found.left_out, expected.left_out)
    assert found.details == expected.details


def cut(recutter, config):
    return selection_of(recutter.select_into_cache(config)[1], config)


@pytest.fixture
def scores(library):
    return np.sort(library.windows()["score"].dropna().to_numpy())


def test_every_moved_option_gives_what_choosing_from_nothing_gives(library, scores, prepared):
    recutter = Recutter(library)
    moves = [
        {},
        {"budget": "20%"},
        {"budget": "60%"},
        {"budget": "0.5min"},
        {"minimum_score": float(scores[len(scores) // 3])},
        {"minimum_score": float(scores[len(scores) // 3]), "budget": "3"},
        {"maximum_score": float(scores[-3]), "cap": "60%"},
        {"value_strength": 0.9},
        {"calibrate_by": "worker"},
        {"signal": "0.5*score + 0.5*anomaly"},
        {"strategy": "random"},
        {"near_duplicates": "drop", "near_duplicate": 0.9},
        {},
    ]
    for change in moves:
        config = dataclasses.replace(BASE, **change)
        assert_alike(cut(recutter, config), preview_selection(Library(library.project), config))
    assert prepared == [len(library.windows())], "the windows are compared with each other once"


def test_a_budget_is_a_prefix_and_chooses_nothing_anew(library, monkeypatch):
    recutter, chosen = Recutter(library), []
    monkeypatch.setattr(select, "select", lambda *given: chosen.append(given[1].budget) or real(*given))
    whole = cut(recutter, dataclasses.replace(BASE, budget="60%"))
    less = cut(recutter, dataclasses.replace(BASE, budget="4"))
    assert chosen == ["60%"]
    assert less.chosen["row"].tolist() == whole.chosen["row"].tolist()[:4]
    more = cut(recutter, dataclasses.replace(BASE, budget="80%"))
    assert chosen == ["60%", "80%"]
    assert more.chosen["row"].tolist()[: len(whole.chosen)] == whole.chosen["row"].tolist()


real = select.select


def test_decisions_and_results_that_came_since_are_taken_in(library, prepared):
    recutter = Recutter(library)
    first = cut(recutter, BASE)
    row = first.chosen.iloc[0]
    sha = next(clip.facts["sha256"] for clip in library.clips() if clip.clip_id == row["clip_id"])
    place = (sha, int(row["start_pts"]), int(row["stop_pts"]), row["time_base"])
    DecisionJournal(library.project.decisions).append(Decision(*place, Verdict.REJECT))
    rejected = cut(recutter, BASE)
    assert row["row"] not in rejected.chosen["row"].tolist()
    assert_alike(rejected, preview_selection(Library(library.project), BASE))
    windows = read_table(library.windows_file)
    write_table(library.windows_file, windows.assign(score=windows["score"].to_numpy()[::-1]))
    assert_alike(cut(recutter, BASE), preview_selection(Library(library.project), BASE))
    assert len(prepared) == 1, "other scores leave the graph as it is"
    fewer = windows[windows["clip_id"] != row["clip_id"]].assign(row=lambda table: range(len(table)))
    write_table(library.windows_file, fewer)
    assert_alike(cut(recutter, BASE), preview_selection(Library(library.project), BASE))
    assert prepared == [len(windows), len(fewer)]


def test_the_graph_is_kept_needed_and_made_again_when_it_is_gone(library, prepared):
    expected = cut(Recutter(library), BASE)
    step = library.catalog.step("", GRAPH)
    folder = library.cache.find("select", step.key).folder
    assert folder not in cache_use(library.cache.root).unneeded
    seeded = dataclasses.replace(BASE, seed=1)
    assert_alike(cut(Recutter(library), seeded), dataclasses.replace(expected, config=seeded))
    assert len(prepared) == 1
    shutil.rmtree(folder)
    assert_alike(preview_selection(library, BASE), expected)
    assert len(prepared) == 2
    (folder / "order.npy").write_bytes(b"")
    assert_alike(preview_selection(library, BASE), expected)
    assert len(prepared) == 3


def test_an_option_that_cannot_be_met_leaves_the_recutter_usable(library):
    recutter = Recutter(library)
    with pytest.raises(UsageError, match="no signal 'nothing'"):
        cut(recutter, dataclasses.replace(BASE, signal="nothing"))
    assert len(cut(recutter, BASE).chosen) > 0


def test_no_windows_give_an_empty_selection(library):
    windows = read_table(library.windows_file)
    write_table(library.windows_file, windows.iloc[:0])
    view = cut(Recutter(library), BASE)
    assert (len(view.chosen), len(view.left_out)) == (0, 0)
    assert view.details["notes"] == ["There are no windows to choose from."]


@given(st.lists(st.one_of(st.none(), st.text("abc", max_size=2)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_the_key_of_a_graph_is_the_same_for_texts_and_categories(spaces):
    count = len(spaces)
    places = {"clip_id": ["a"] * count, "window": range(count), "start_pts": range(count)}
    windows = pd.DataFrame({**places, "space": pd.Series(spaces, dtype="str")})
    steps = [StepRow("a", "embed", "k", StepStatus.DONE), StepRow("a", "score", "s", StepStatus.DONE)]
    key = graph_key(steps, windows, 0)
    assert graph_key(steps[:1], windows.astype({"clip_id": "category", "space": "category"}), 0) == key
    assert graph_key(steps, windows, 5) != key
    assert graph_key([StepRow("a", "embed", "other", StepStatus.DONE)], windows, 0) != key
    assert graph_key(steps, windows.assign(window=windows["window"] + 1), 0) != key
    assert isinstance(key, EntryKey)
