"""The probe on a project: it learns from decisions, becomes a signal, and proposes what to label next."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from egoclean.config import SelectConfig
from egoclean.errors import UsageError
from egoclean.store.decisions import Decision, Verdict
from egoclean.verbs.evaluate import rare_windows, read_truth
from egoclean.verbs.probe import project_probe, proposed_windows, window_labels
from egoclean.verbs.selection_rows import windows_with_probe

CLIPS, EACH = 6, 20


def windows() -> pd.DataFrame:
    count = CLIPS * EACH
    starts = np.tile(np.arange(EACH) * 30, CLIPS)
    return pd.DataFrame(
        {
            "row": np.arange(count),
            "clip_id": np.repeat([f"clip{number}" for number in range(CLIPS)], EACH),
            "start_pts": starts,
            "stop_pts": starts + 64,
            "start_s": starts / 30,
            "stop_s": (starts + 64) / 30,
            "time_base": "1/30",
            "space": np.where(np.arange(count) < (CLIPS - 1) * EACH, "a", "b"),
            "scene": None,
        }
    )


def wanted(table: pd.DataFrame) -> np.ndarray:
    return (table["row"].to_numpy() % 4) == 0


def library(labelled: list[int]) -> SimpleNamespace:
    table = windows()
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(len(table), 16)).astype(np.float32)
    rows[:, 0] += 4 * wanted(table)
    decisions = {}
    for row in labelled:
        line = table.iloc[row]
        verdict = Verdict.KEEP if wanted(table)[row] else Verdict.REJECT
        made = Decision(line["clip_id"], int(line["start_pts"]), int(line["stop_pts"]), "1/30", verdict)
        decisions[made.place] = made
    clips = tuple(SimpleNamespace(clip_id=name, facts={"sha256": name}) for name in table["clip_id"].unique())
    return SimpleNamespace(
        windows=windows,
        decisions=lambda: decisions,
        clips=lambda: clips,
        embeddings=lambda part: rows[part["row"].to_numpy()],
    )


def test_the_probe_ranks_what_a_person_would_keep_and_leaves_other_spaces_alone():
    found = library(list(range(40)))
    probe = project_probe(found, windows())
    known = (windows()["space"] == "a").to_numpy()
    assert np.isfinite(probe.scores[known]).all()
    assert np.isnan(probe.scores[~known]).all()
    unseen = known & (np.arange(len(known)) >= 40)
    kept = wanted(windows())
    assert probe.scores[unseen & kept].mean() > probe.scores[unseen & ~kept].mean() + 0.3
    assert (probe.kept, probe.rejected) == (10, 30)


def test_the_probe_is_a_column_only_where_it_is_asked_for():
    found = library(list(range(40)))
    assert "probe" not in windows_with_probe(found, SelectConfig())
    assert "probe" in windows_with_probe(found, SelectConfig(signal="0.5*score + probe"))
    assert "probe" in windows_with_probe(found, SelectConfig(thresholds="probe >= 0.5"))


@pytest.mark.parametrize("labelled", [[], [0, 4, 8], [1, 2, 3]], ids=["none", "kept only", "rejected only"])
def test_labels_of_one_kind_teach_nothing(labelled):
    with pytest.raises(UsageError, match="needs windows kept and windows rejected"):
        project_probe(library(labelled), windows())


@pytest.mark.parametrize("labelled", [[], list(range(40))], ids=["first round", "second round"])
def test_proposed_windows_are_new_different_and_from_every_space(labelled):
    found = library(labelled)
    rows, probe = proposed_windows(found, windows(), 12)
    assert len(rows) == len(set(rows.tolist())) == 12
    assert (window_labels(found, windows())[rows] == -1).all()
    assert set(windows()["space"].iloc[rows]) == {"a", "b"}
    assert (probe is None) == (not labelled)


def test_rare_windows_share_half_with_an_event_and_scenes_are_rare_whole():
    table = windows().assign(scene=["night" if row < 3 else None for row in range(CLIPS * EACH)])
    truth = {
        "clips": {"clip1": {"events": [{"kind": "drop", "start_s": 5.0, "stop_s": 6.0}]}},
        "scenes": {"night": {"rare": ["dark"]}, "gone": {"rare": ["rain"]}},
    }
    found = rare_windows(table, truth)
    starts, stops = table["start_s"].to_numpy(), table["stop_s"].to_numpy()
    shared = np.minimum(stops, 6.0) - np.maximum(starts, 5.0)
    expected = np.flatnonzero((table["clip_id"] == "clip1").to_numpy() & (shared >= 0.5))
    assert found["drop"].tolist() == expected.tolist()
    assert found["dark"].tolist() == [0, 1, 2]
    assert set(found) == {"drop", "dark"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"frames": 3}',
        '{"clips": []}',
        '{"clips": {"a": {"events": [{"kind": "drop", "start_s": 2.0}]}}}',
        '{"clips": {"a": {"events": [{"kind": "drop", "start_s": 2.0, "stop_s": "3"}]}}}',
        '{"clips": {"a": {"events": [{"kind": "drop", "start_s": 3.0, "stop_s": 2.0}]}}}',
        '{"clips": {"a": {"events": {"kind": "drop"}}}}',
        '{"scenes": {"a": {"rare": "night"}}}',
    ],
)
def test_a_truth_file_that_says_nothing_is_refused_by_name(tmp_path, text):
    from egoclean.errors import SourceError

    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(SourceError, match=r"truth\.json"):
        read_truth(tmp_path / "truth.json")
