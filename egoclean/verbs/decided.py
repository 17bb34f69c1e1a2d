"""Decisions of people, laid onto the windows as they are cut now."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.library import Library
from egoclean.store.decisions import Verdict


def decided_windows(library: Library, windows: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which windows a person wants kept and which rejected.

    A decision takes the window it was made on; where the grid has changed since, those whose middle it holds.
    """
    keep, reject = np.zeros(len(windows), dtype=np.bool_), np.zeros(len(windows), dtype=np.bool_)
    decisions = library.decisions()
    if not decisions:
        return keep, reject
    fingerprints = {row.clip_id: row.facts["sha256"] for row in library.clips()}
    shas = windows["clip_id"].map(fingerprints)
    middle = (windows["start_pts"] + windows["stop_pts"]) / 2
    for decision in decisions.values():
        same = (shas == decision.clip_sha256) & (windows["time_base"] == decision.time_base)
        exact = same & (windows["start_pts"] == decision.start_pts) & (windows["stop_pts"] == decision.stop_pts)
        within = same & (middle >= decision.start_pts) & (middle < decision.stop_pts)
        hit = (exact if exact.any() else within).to_numpy()
        keep |= hit & (decision.verdict is Verdict.KEEP)
        reject |= hit & (decision.verdict is Verdict.REJECT)
    return keep, reject
