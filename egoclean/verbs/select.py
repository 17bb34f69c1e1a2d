"""select: which windows to train on, in order, and why the others are left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.budget import parse_budget
from egoclean.core.calibrate import calibrate
from egoclean.core.select import select
from egoclean.core.selection import Selection
from egoclean.core.selection_input import SelectionInput
from egoclean.core.signals import parse_thresholds, signal_names
from egoclean.library import SELECTION_FILE, Library, LibrarySnapshot, SelectionView, selection_of
from egoclean.records import to_plain
from egoclean.store.atomic import write_json
from egoclean.store.cache import Entry
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.decisions import Decision, Verdict
from egoclean.store.keys import EntryKey, digest, entry_key
from egoclean.store.tables import write_table
from egoclean.verbs.decided import decided_windows
from egoclean.verbs.probe import PROBE, project_probe

SIGNALS = ("score", "skill", "surprise", "change", "anomaly", PROBE)
"""Columns of the table of windows that may weigh a choice and go into the manifest."""

_GROUPS = {"clip": "clip_id", "camera": "camera", "worker": "worker", "scene": "scene", "factory": "factory"}


def check_options(config: SelectConfig) -> None:
    """Refuse options that no footage could meet, before hours are spent on it.

    Raises
    ------
    UsageError : a budget, an expression over signals or a threshold that cannot be read.
    """
    parse_budget(config.budget)
    parse_thresholds(config.thresholds)
    signal_names(config.signal)


def select_and_save(library: Library, config: SelectConfig) -> SelectionView:
    """Choose, keep the result in the cache and make it the project's selection.

    Raises
    ------
    UsageError : an option that cannot be met with these windows.
    """
    key, entry = select_into_cache(library, config)
    save_choice(library, key, config)
    return selection_of(entry, config)


def save_choice(library: Library, key: EntryKey, config: SelectConfig) -> None:
    """Make the selection that stands in the cache under ``key`` the project's."""
    pointer = library.project.selections / SELECTION_FILE
    pointer.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(pointer.with_name(f".{pointer.name}.lock")):
        write_json(pointer, {"key": key.key, "config": dataclasses.asdict(config)})
        library.catalog.record([StepRow("", "select", key.key, StepStatus.DONE)])


def select_into_cache(library: Library, config: SelectConfig) -> tuple[EntryKey, Entry]:
    """Choose and keep the result in the cache; the project's selection stays as it is. What is there is not made again.

    Raises
    ------
    UsageError : an option that cannot be met with these windows.
    """
    now = library.snapshot()
    key = selection_key(now, config)
    with library.cache.lock(key):
        entry = library.cache.get(key)
        if entry is None:
            view = preview_selection(now, config)
            with library.cache.building(key) as folder:
                write_table(folder / "chosen.parquet", view.chosen)
                write_table(folder / "left_out.parquet", view.left_out)
                entry = library.cache.publish(key, folder, view.details)
    return key, entry


def preview_selection(library: Library, config: SelectConfig) -> SelectionView:
    """Return the selection that ``config`` gives on the project's windows as they are, without keeping it."""
    windows = windows_with_probe(library, config)
    if windows.empty:
        return _view(windows, None, config, library)
    return _view(windows, select(selection_input(library, windows, config), config), config, library)


def windows_with_probe(library: Library, config: SelectConfig, windows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the project's windows, or those given, with the column ``probe`` where the options weigh or bound it.

    Raises
    ------
    UsageError : the probe is asked for and there is nothing it could learn from.
    """
    windows = library.windows() if windows is None else windows
    asked = {*signal_names(config.signal), *(item.signal for item in parse_thresholds(config.thresholds))}
    if PROBE not in asked or windows.empty:
        return windows
    return windows.assign(**{PROBE: project_probe(library, windows).scores})


def selection_key(now: LibrarySnapshot, config: SelectConfig) -> EntryKey:
    """Return the address of a selection: the results it is made from, the decisions that hold, and the options.

    The table of windows counts beside the steps, since it is written later than they are recorded.
    """
    return key_of_parts(steps_digest(now.steps()), decided_digest(now.decisions().values()), now.windows_digest, config)


def key_of_parts(steps: str, decided: str, windows: str, config: SelectConfig) -> EntryKey:
    """Return :func:`selection_key` from the digests of the steps, of the decisions and of the table of windows."""
    return entry_key("select", inputs=[steps, decided, windows], config=config)


def steps_digest(steps: Iterable[StepRow]) -> str:
    """Return a digest of which results there are."""
    return digest(
        sorted((row.clip_id, row.verb, row.key) for row in steps if row.status is StepStatus.DONE and row.clip_id)
    )


def decided_digest(decisions: Iterable[Decision]) -> str:
    """Return a digest of the decisions that hold; a stretch that is only sent to the review is not decided on."""
    verdicts = ((item.place, item.verdict) for item in decisions if item.verdict is not Verdict.NONE)
    return digest(sorted((place, str(verdict)) for place, verdict in verdicts))


def selection_input(library: Library, windows: pd.DataFrame, config: SelectConfig) -> SelectionInput:
    """Return the windows as rows to choose from: embeddings, signals, groups, times and decisions."""
    keep, reject = decided_windows(library, windows)
    structure = _structure_flags(library, windows)
    known = {"must_have": keep, "must_not": reject & ~keep, **structure}
    return windows_as_rows(windows, library.embeddings(windows), config, **known)


def windows_as_rows(
    windows: pd.DataFrame, embeddings: NDArray[np.floating], config: SelectConfig, **known: NDArray[Any]
) -> SelectionInput:
    """Return the windows as rows to choose from; ``known`` goes to the input as it is, such as ``must_have``."""
    return SelectionInput(
        embeddings=embeddings,
        signals={name: windows[name].to_numpy(dtype=np.float64) for name in SIGNALS if name in windows},
        ids=tuple((windows["clip_id"] + "@" + windows["start_pts"].astype(str)).tolist()),
        space=windows["space"].fillna("").to_numpy(dtype=str),
        groups=_labels(windows, config.calibrate_by),
        quota_groups=_labels(windows, "worker" if windows["worker"].notna().any() else "clip"),
        clips=windows["clip_id"].to_numpy(dtype=str),
        times_s=windows["start_s"].to_numpy(dtype=np.float64),
        durations_s=_own_seconds(windows),
        **known,
    )


def _view(windows: pd.DataFrame, selection: Selection | None, config: SelectConfig, library: Library) -> SelectionView:
    signals = [name for name in SIGNALS if name in windows and windows[name].notna().any()]
    lines = pd.DataFrame(list(selection.lines()) if selection else [], columns=["row", "rank", "gain", "reason"])
    left = pd.DataFrame(list(selection.left_out()) if selection else [], columns=["row", "reason"])
    table = windows.assign(seconds=_own_seconds(windows))
    groups = _labels(windows, config.calibrate_by)
    for name in signals:
        table[f"{name}_calibrated"] = calibrate(windows[name].to_numpy(dtype=np.float64), groups, "rank")
    chosen = lines.astype({"row": "int64"}).merge(table, on="row", how="left")
    left_out = left.astype({"row": "int64"}).merge(
        table[["row", "clip_id", "window", "start_s", "stop_s", "seconds"]], on="row", how="left"
    )
    details = {
        "windows": len(windows),
        "eligible": selection.eligible_count if selection else 0,
        "chosen": len(chosen),
        "chosen_s": float(chosen["seconds"].sum()),
        "total_s": float(table["seconds"].sum()),
        "left_out_by_reason": dict(selection.reason_counts()) if selection else {},
        "notes": list(selection.notes) if selection else ["There are no windows to choose from."],
        "recall": selection.recall if selection else None,
        "signals": signals,
        "models": _models(library),
    }
    return SelectionView(config, chosen, left_out, details)


def _own_seconds(windows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the seconds each window adds to the footage: up to the next window's start, at most its own length."""
    length = (windows["stop_s"] - windows["start_s"]).to_numpy(dtype=np.float64)
    step = windows.groupby("clip_id", sort=False)["start_s"].shift(-1).to_numpy(dtype=np.float64) - windows["start_s"]
    seconds: NDArray[np.float64] = np.fmin(length, step.to_numpy(dtype=np.float64))
    return seconds


def _labels(windows: pd.DataFrame, group: str) -> NDArray[np.str_]:
    if group == "none":
        return np.full(len(windows), "all")
    column = windows[_GROUPS[group]]
    return column.fillna("unknown").to_numpy(dtype=str)


def _structure_flags(library: Library, windows: pd.DataFrame) -> dict[str, Any]:
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


def _models(library: Library) -> dict[str, Any]:
    """Return what made each signal: the model card of the first clip that has it."""
    found: dict[str, Any] = {}
    verbs = {"score": ("score", "skill"), "embed": ("change", "anomaly", "surprise")}
    for step in library.steps():
        for name in verbs.get(step.verb, ()):
            if step.status is StepStatus.DONE and name not in found and "model" in step.details:
                found[name] = to_plain(step.details["model"])
    return found
