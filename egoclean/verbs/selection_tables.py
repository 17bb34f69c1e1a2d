"""A selection as tables: what was chosen and what was left out, with reasons and calibrated signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.calibrate import calibrate
from egoclean.core.selection import Selection
from egoclean.library import Library, SelectionView
from egoclean.records import to_plain
from egoclean.store.catalog import StepStatus

_GROUPS = {"clip": "clip_id", "camera": "camera", "worker": "worker", "scene": "scene", "factory": "factory"}
_LEFT_OUT = ("clip_id", "window", "start_s", "stop_s", "seconds")


def group_labels(windows: pd.DataFrame, group: str) -> NDArray[np.str_]:
    """Return the camera, worker, scene, factory or clip of each window; ``none`` puts all into one group."""
    if group == "none":
        return np.full(len(windows), "all")
    column = windows[_GROUPS[group]]
    return column.fillna("unknown").to_numpy(dtype=str)


def own_seconds(windows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the seconds each window adds to the footage: up to the next window's start, at most its own length."""
    length = (windows["stop_s"] - windows["start_s"]).to_numpy(dtype=np.float64)
    step = windows.groupby("clip_id", sort=False)["start_s"].shift(-1).to_numpy(dtype=np.float64) - windows["start_s"]
    seconds: NDArray[np.float64] = np.fmin(length, step.to_numpy(dtype=np.float64))
    return seconds


def calibrated_table(windows: pd.DataFrame, signals: Sequence[str], calibrate_by: str) -> pd.DataFrame:
    """Return the windows with their own seconds and, for each signal that has values, its rank within its group."""
    groups = group_labels(windows, calibrate_by)
    ranks = {
        f"{name}_calibrated": calibrate(windows[name].to_numpy(dtype=np.float64), groups, "rank")
        for name in known_signals(windows, signals)
    }
    return windows.assign(seconds=own_seconds(windows), **ranks)


def known_signals(windows: pd.DataFrame, signals: Sequence[str]) -> list[str]:
    """Return those of ``signals`` that at least one window has."""
    return [name for name in signals if name in windows and windows[name].notna().any()]


def selection_view(
    table: pd.DataFrame, selection: Selection | None, config: SelectConfig, signals: Sequence[str], library: Library
) -> SelectionView:
    """Return a selection, or None where there were no windows to choose from, as a person looks at it.

    Parameters
    ----------
    table : the windows that were chosen from, as :func:`calibrated_table` returns them.
    signals : the signals that at least one window has.
    """
    rows = selection.rows if selection else np.zeros(0, dtype=np.int64)
    left, reasons = selection.why_left_out() if selection else (rows, np.zeros(0, dtype=np.object_))
    chosen = pd.DataFrame(
        {
            "row": rows,
            "rank": np.arange(1, len(rows) + 1),
            "gain": selection.gains[: len(rows)] if selection else np.zeros(0),
            "reason": pd.Series(selection.why_chosen() if selection else [], dtype="str"),
        }
    )
    chosen = pd.concat([chosen, table.drop(columns="row").iloc[rows].reset_index(drop=True)], axis=1)
    left_out = pd.DataFrame({"row": left, "reason": pd.Series(reasons, dtype="str")})
    left_out = pd.concat([left_out, table[list(_LEFT_OUT)].iloc[left].reset_index(drop=True)], axis=1)
    details = {
        "windows": len(table),
        "eligible": selection.eligible_count if selection else 0,
        "chosen": len(chosen),
        "chosen_s": float(chosen["seconds"].sum()),
        "total_s": float(table["seconds"].sum()),
        "left_out_by_reason": dict(selection.reason_counts()) if selection else {},
        "notes": list(selection.notes) if selection else ["There are no windows to choose from."],
        "recall": selection.recall if selection else None,
        "signals": list(signals),
        "models": _models(library),
    }
    return SelectionView(config, chosen, details, lambda: left_out)


def _models(library: Library) -> Mapping[str, Any]:
    """Return what made each signal: the model card of the first clip that has it."""
    found: dict[str, Any] = {}
    verbs = {"score": ("score", "skill"), "embed": ("change", "anomaly", "surprise")}
    for step in library.steps():
        for name in verbs.get(step.verb, ()):
            if step.status is StepStatus.DONE and name not in found and "model" in step.details:
                found[name] = to_plain(step.details["model"])
    return found
