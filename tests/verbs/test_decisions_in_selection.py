"""What a person decided reaches the selection: its own window, or its seconds when the grid has changed."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from egoclean.store.decisions import Decision, Verdict
from egoclean.verbs.decided import decided_windows


def windows(starts: list[int], length: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip_id": "clip",
            "start_pts": starts,
            "stop_pts": [start + length for start in starts],
            "time_base": "1/30",
        }
    )


def library(verdict: Verdict) -> SimpleNamespace:
    decision = Decision("f" * 64, 60, 124, "1/30", verdict)
    row = SimpleNamespace(clip_id="clip", facts={"sha256": "f" * 64})
    return SimpleNamespace(decisions=lambda: {decision.place: decision}, clips=lambda: (row,))


@pytest.mark.parametrize("verdict", [Verdict.KEEP, Verdict.REJECT])
def test_the_decided_window_is_taken_and_no_neighbour_that_overlaps_it(verdict: Verdict):
    keep, reject = decided_windows(library(verdict), windows([0, 30, 60, 90, 120], 64))
    taken = keep if verdict is Verdict.KEEP else reject
    assert taken.tolist() == [False, False, True, False, False]
    assert not (keep & reject).any()
    assert (keep | reject).sum() == 1


def test_on_another_grid_a_decision_keeps_its_seconds():
    keep, _ = decided_windows(library(Verdict.KEEP), windows([0, 45, 75, 105, 135], 20))
    assert keep.tolist() == [False, False, True, True, False]
