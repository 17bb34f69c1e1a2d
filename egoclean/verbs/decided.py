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
    clip_ids: dict[str, list[str]] = {}
    for row in library.clips():
        clip_ids.setdefault(row.facts["sha256"], []).append(row.clip_id)
    places = windows.groupby("clip_id", sort=False, observed=True).indices
    start, stop = windows["start_pts"].to_numpy(), windows["stop_pts"].to_numpy()
    time_base = windows["time_base"].to_numpy()
    for decision in decisions.values():
        mine = [places[clip_id] for clip_id in clip_ids.get(decision.clip_sha256, ()) if clip_id in places]
        rows = np.concatenate(mine) if mine else np.zeros(0, dtype=np.int64)
        rows = rows[time_base[rows] == decision.time_base]
        exact = (start[rows] == decision.start_pts) & (stop[rows] == decision.stop_pts)
        middle = (start[rows] + stop[rows]) / 2
        within = (middle >= decision.start_pts) & (middle < decision.stop_pts)
        hit = rows[exact if exact.any() else within]
        keep[hit] |= decision.verdict is Verdict.KEEP
        reject[hit] |= decision.verdict is Verdict.REJECT
    return keep, reject
