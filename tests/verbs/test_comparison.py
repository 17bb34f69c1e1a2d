"""What explains a clip's change signal, and which clips it is compared with."""

import numpy as np
import pandas as pd
import pytest

from egoclean.core.similarity import regress_out
from egoclean.store.catalog import ClipRow
from egoclean.verbs.comparison import change_causes, other_clips


def windows_of(turn, blur, starts):
    return pd.DataFrame({"start_s": starts, "turn": turn, "blur": blur})


def test_causes_stand_between_two_windows_and_are_matched_by_their_start():
    rng = np.random.default_rng(0)
    turn, blur = rng.random(40), rng.random(40)
    starts = np.arange(40.0)
    between = (turn[1:] + turn[:-1]) / 2
    change = [None, *(0.3 + 2 * between).tolist()]
    found = change_causes({"starts_s": starts.tolist(), "change": change}, windows_of(turn, blur, starts)[::-1])
    assert found.causes == ("turn", "blur")
    assert found.explained == pytest.approx(1.0)
    assert found.by_cause["turn"] == pytest.approx(1.0)
    assert found.by_cause["blur"] < 0.3
    assert np.isnan(found.left[0])
    assert np.allclose(found.left[1:], np.mean(change[1:]))


def test_a_window_without_a_cause_leaves_its_changes_unknown():
    rng = np.random.default_rng(1)
    starts, turn, change = np.arange(20.0), rng.random(20), rng.random(20)
    change[0] = np.nan
    table = windows_of(turn, np.nan, starts).drop(index=7)
    structure = {"starts_s": starts.tolist(), "change": [None, *change[1:].tolist()]}
    found = change_causes(structure, table)
    assert found.causes == ("turn",)
    assert np.flatnonzero(np.isnan(found.left)).tolist() == [0, 7, 8]
    between = np.array([np.nan, *(turn[1:] + turn[:-1]) / 2])
    between[[7, 8]] = np.nan
    left, share = regress_out(change, between)
    assert np.allclose(found.left, left, equal_nan=True)
    assert found.explained == found.by_cause["turn"] == pytest.approx(share)


def test_nothing_known_explains_nothing():
    structure = {"starts_s": [0.0, 1.0], "change": [None, 0.5]}
    assert change_causes(structure, pd.DataFrame({"start_s": [0.0, 1.0]})) is None
    assert change_causes({}, windows_of([], [], [])) is None


def row(name, sha256, factory="f", worker="w"):
    return ClipRow(name, {"sha256": sha256, "factory": factory, "worker": worker}, {})


def test_other_clips_are_the_same_workers_and_not_the_same_bytes():
    mine = row("a", "1")
    clips = [mine, row("c", "2"), row("b", "3"), row("copy", "1"), row("d", "4", "other"), row("e", "5", worker="v")]
    assert other_clips(clips, mine) == ["b", "c"]
    nobody = row("x", "9", worker=None)
    assert other_clips([*clips, nobody, row("y", "8", worker=None)], nobody) == []
