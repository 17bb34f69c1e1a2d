"""The windows of a project as rows to choose from: embeddings, signals, groups, times, structure and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.eligibility import passing_rows, thresholds_of
from egoclean.core.selection_input import SelectionInput
from egoclean.core.signals import parse_thresholds, signal_names
from egoclean.library import Library
from egoclean.verbs.decided import decided_windows
from egoclean.verbs.probe import PROBE, project_probe
from egoclean.verbs.selection_tables import group_labels, own_seconds

SIGNALS = ("score", "skill", "surprise", "change", "anomaly", PROBE)
"""Columns of the table of windows that may weigh a choice and go into the manifest."""


def asks_probe(config: SelectConfig) -> bool:
    """Return whether the options weigh or bound the probe."""
    return PROBE in {*signal_names(config.signal), *(item.signal for item in parse_thresholds(config.thresholds))}


def windows_with_probe(library: Library, config: SelectConfig, windows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the project's windows, or those given, with the column ``probe`` where the options weigh or bound it.

    Raises
    ------
    UsageError : the probe is asked for and there is nothing it could learn from.
    """
    windows = library.windows() if windows is None else windows
    if not asks_probe(config) or windows.empty:
        return windows
    return windows.assign(**{PROBE: project_probe(library, windows).scores})


def passing_count(windows: pd.DataFrame, config: SelectConfig) -> int | None:
    """Return how many windows pass the thresholds, whatever was decided on them; None where a signal is not there."""
    thresholds = thresholds_of(config)
    names = {threshold.signal for threshold in thresholds}
    if not names <= set(windows.columns):
        return None
    signals = {name: windows[name].to_numpy(dtype=np.float64) for name in names}
    return int(passing_rows(signals, thresholds, len(windows)).sum())


def selection_input(library: Library, windows: pd.DataFrame, config: SelectConfig) -> SelectionInput:
    """Return the windows as rows to choose from: embeddings, signals, groups, times and decisions."""
    known = {**decided_flags(library, windows), **structure_flags(library, windows)}
    return windows_as_rows(windows, library.embeddings(windows), config, **known)


def decided_flags(library: Library, windows: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return which windows a person wants in any case, and which in none."""
    keep, reject = decided_windows(library, windows)
    return {"must_have": keep, "must_not": reject & ~keep}


def windows_as_rows(
    windows: pd.DataFrame, embeddings: NDArray[np.floating], config: SelectConfig, **known: NDArray[Any]
) -> SelectionInput:
    """Return the windows as rows to choose from; ``known`` goes to the input as it is, such as ``must_have``."""
    return SelectionInput(
        embeddings=embeddings,
        signals={name: windows[name].to_numpy(dtype=np.float64) for name in SIGNALS if name in windows},
        ids=tuple((windows["clip_id"] + "@" + windows["start_pts"].astype(str)).tolist()),
        space=windows["space"].fillna("").to_numpy(dtype=str),
        groups=group_labels(windows, config.calibrate_by),
        quota_groups=group_labels(windows, "worker" if windows["worker"].notna().any() else "clip"),
        clips=windows["clip_id"].to_numpy(dtype=str),
        times_s=windows["start_s"].to_numpy(dtype=np.float64),
        durations_s=own_seconds(windows),
        **known,
    )


def structure_flags(library: Library, windows: pd.DataFrame) -> dict[str, Any]:
    """Return cycle numbers, idle and anomalous flags of each window, by the spans its centre lies in."""
    centres = ((windows["start_s"] + windows["stop_s"]) / 2).to_numpy()
    cycles = np.full(len(windows), -1, dtype=np.int64)
    idle, anomalous = np.zeros(len(windows), dtype=np.bool_), np.zeros(len(windows), dtype=np.bool_)
    for clip_id, positions in windows.groupby("clip_id", sort=False).indices.items():
        entry = library.entry(str(clip_id), "structure")
        if entry is None:
            continue
        plain: Mapping[str, Any] = entry.json("structure.json")
        times = centres[positions]
        for number, span in enumerate(plain["cycles"]):
            cycles[positions[_inside(times, span)]] = number
        for span in plain["segments"]:
            if span.get("label") == "idle":
                idle[positions[_inside(times, span)]] = True
        for span in plain["anomalies"]:
            anomalous[positions[_inside(times, span)]] = True
    return {"cycles": cycles, "idle": idle, "anomalous": anomalous}


def _inside(times: NDArray[np.float64], span: Mapping[str, Any]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (times >= span["start_s"]) & (times < span["stop_s"])
    return inside
