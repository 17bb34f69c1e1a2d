"""evaluate: does the selection pay? It beside random, uniform and top-score choices of the same size."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.budget import BudgetKind, parse_budget
from egoclean.core.evaluate import Evaluation, Standing, evaluate
from egoclean.core.metrics import Interval
from egoclean.errors import SourceError, UsageError
from egoclean.library import Library
from egoclean.verbs.selection_rows import selection_input, windows_with_probe

Rows = NDArray[np.int64]

TRUTH_FILE = "truth.json"

_LEAST_SHARE = 0.5


def evaluate_project(
    library: Library,
    config: SelectConfig,
    truth_path: Path | None = None,
    seeds: int = 5,
    windows: pd.DataFrame | None = None,
) -> Evaluation:
    """Return how the selection that ``config`` gives stands beside its rivals on the project's windows.

    Parameters
    ----------
    truth_path : a ``truth.json`` as the demo has one: ``clips`` with ``events`` (``kind``, ``start_s``, ``stop_s``) by
        clip id or its end, ``scenes`` with a list ``rare``; None where nothing is known.
    seeds : draws of random choices, and splits into held-out groups.
    windows : rows of the table of windows to compare on, such as :func:`part_of_clips` gives; all when None.

    Raises
    ------
    UsageError : there are no windows yet, or an option cannot be met with them.
    SourceError : the truth cannot be read.
    """
    windows = windows_with_probe(library, config, windows)
    if windows.empty:
        raise UsageError("There are no windows to evaluate a selection on.", "Run the project first: egoclean run")
    rare = rare_windows(windows, read_truth(truth_path)) if truth_path is not None else None
    return evaluate(selection_input(library, windows, config), config, rare=rare, seeds=seeds)


def part_of_clips(windows: pd.DataFrame, config: SelectConfig, most: int) -> tuple[pd.DataFrame, SelectConfig]:
    """Return whole clips, evenly taken, with about ``most`` windows together, and ``config`` with its budget to scale.

    Up to ``most`` windows everything is returned as it is. A share stays what it is; a number of windows, or minutes,
    becomes the same share of the part.
    """
    if len(windows) <= most:
        return windows, config
    clips = windows["clip_id"].unique()
    taken = clips[:: -(-len(windows) // most)]
    part = windows[windows["clip_id"].isin(taken)].reset_index(drop=True)
    budget, share = parse_budget(config.budget), len(part) / len(windows)
    if budget.kind is BudgetKind.COUNT:
        config = dataclasses.replace(config, budget=str(max(1, round(float(budget.amount) * share))))
    elif budget.kind is BudgetKind.DURATION:
        config = dataclasses.replace(config, budget=f"{float(budget.amount) * share / 60:.6g}min")
    return part, config


def known_truth(library: Library) -> Path | None:
    """Return the truth file that lies in a source folder of the project, as in the demo's; None where there is none."""
    project = library.project
    named = [source.partition(":") for source in project.sources()]
    folders = [
        project.demo_folder(size or "full") if (name, colon) == ("demo", ":") else Path(name + colon + size)
        for name, colon, size in named
    ]
    return next((folder / TRUTH_FILE for folder in folders if (folder / TRUTH_FILE).is_file()), None)


def read_truth(path: Path) -> dict[str, Any]:
    """Return what a truth file says.

    Raises
    ------
    SourceError : it is not there, not JSON, holds neither ``clips`` nor ``scenes``, or an event or scene in it is not
        what it must be; the sentence names the clip or the scene.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read as a truth file ({error}).", "Give the demo's truth.json.") from error
    if not isinstance(truth, dict) or not {"clips", "scenes"} & set(truth):
        raise SourceError(f"{path} holds neither clips nor scenes.", "Give a file with the demo's truth.json's keys.")
    for part in ("clips", "scenes"):
        if not isinstance(truth.get(part, {}), dict):
            raise SourceError(f"{part} in {path} is not an object.", f"Give what is known by the names of its {part}.")
    for name, facts in truth.get("clips", {}).items():
        _check_events(path, name, facts)
    for name, facts in truth.get("scenes", {}).items():
        rare = facts.get("rare", []) if isinstance(facts, dict) else None
        if not isinstance(rare, list):
            raise SourceError(f"Scene {name} in {path} has no list of its rare kinds.", 'Write {"rare": ["night"]}.')
    return truth


def truth_of_clip(clip_id: str, clips: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a truth file says of a clip, by its id or the end of it; nothing when it does not know the clip."""
    for name, facts in clips.items():
        if clip_id == name or clip_id.endswith(f"/{name}"):
            return dict(facts)
    return {}


def rare_windows(windows: pd.DataFrame, truth: Mapping[str, Any]) -> dict[str, Rows]:
    """Return for each kind of event and of rare scene the positions of the windows that show it.

    A window shows an event when they share at least half of the shorter of the two.
    """
    found: dict[str, set[int]] = {}
    starts, stops = windows["start_s"].to_numpy(), windows["stop_s"].to_numpy()
    for clip_id, positions in windows.groupby("clip_id", sort=False).indices.items():
        for event in truth_of_clip(str(clip_id), truth.get("clips", {})).get("events", ()):
            length = np.minimum(stops[positions] - starts[positions], event["stop_s"] - event["start_s"])
            shared = np.minimum(stops[positions], event["stop_s"]) - np.maximum(starts[positions], event["start_s"])
            found.setdefault(str(event["kind"]), set()).update(positions[shared >= _LEAST_SHARE * length].tolist())
    for scene, facts in truth.get("scenes", {}).items():
        positions = np.flatnonzero((windows["scene"] == scene).to_numpy())
        for kind in facts.get("rare", ()) if len(positions) else ():
            found.setdefault(str(kind), set()).update(positions.tolist())
    return {kind: np.array(sorted(rows), dtype=np.int64) for kind, rows in found.items() if rows}


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain data for ``evaluation.json``; intervals are ``[estimate, low, high]``."""
    return {
        "windows": evaluation.row_count,
        "chosen": evaluation.chosen_count,
        "radius": evaluation.radius,
        "budgets": evaluation.budgets.tolist(),
        "strategies": {name: _standing(standing) for name, standing in evaluation.standings.items()},
    }


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation as a table in text, one line a strategy."""
    columns = ("coverage", "redundancy", "group_balance", "downstream_error", "kinds_found")
    lines = [f"{evaluation.chosen_count} of {evaluation.row_count} windows; close is {evaluation.radius:.4f} or nearer"]
    lines.append(f"{'chosen by':<10}" + "".join(f"{name.replace('_', ' '):>26}" for name in columns))
    for name, standing in evaluation.standings.items():
        plain = _standing(standing)
        lines.append(f"{name:<10}" + "".join(f"{_interval_text(plain[column]):>26}" for column in columns))
        if standing.rare_rank:
            ranks = (f"{kind} {rank or 'never'}" for kind, rank in standing.rare_rank.items())
            lines.append(f"{'':<10}  first chosen as number: {', '.join(ranks)}")
    return lines


def _check_events(path: Path, clip_id: str, facts: Any) -> None:
    events = facts.get("events", []) if isinstance(facts, dict) else None
    if not isinstance(events, list):
        raise SourceError(f"Clip {clip_id} in {path} has no list of events.", 'Write {"events": []} for none.')
    for number, event in enumerate(events, 1):
        times = [event.get(key) for key in ("start_s", "stop_s")] if isinstance(event, dict) else []
        known = [time for time in times if isinstance(time, int | float) and math.isfinite(time)]
        if len(known) < 2 or "kind" not in event or not known[0] < known[1]:
            raise SourceError(
                f"Event {number} of clip {clip_id} in {path} is {json.dumps(event)}, "
                "where a kind with start_s before stop_s was expected.",
                'Write it as {"kind": "idle", "start_s": 3.0, "stop_s": 7.5}.',
            )


def _interval_text(interval: list[float] | None) -> str:
    if interval is None:
        return "-"
    value, low, high = interval
    return f"{value:.3f}" if high - low < 0.0005 else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "coverage": _interval(standing.coverage),
        "redundancy": _interval(standing.redundancy),
        "group_balance": _interval(standing.balance),
        "downstream_error": _interval(standing.error),
        "kinds_found": _interval(standing.kinds_found),
        "rare_rank": dict(standing.rare_rank),
        "curve": [round(value, 6) for value in standing.curve.tolist()],
        "curve_low": [round(value, 6) for value in standing.curve_low.tolist()],
        "curve_high": [round(value, 6) for value in standing.curve_high.tolist()],
    }


def _interval(value: Interval | None) -> list[float] | None:
    if value is None or not math.isfinite(value.value):
        return None
    return [value.value, value.low, value.high]
