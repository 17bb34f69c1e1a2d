"""``egoclean select``: on arrays from anywhere, or on a project."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput
from egoclean.core.signals import signal_names
from egoclean.errors import SourceError, UsageError
from egoclean.files.arrays import load_array
from egoclean.library import Library
from egoclean.store.atomic import write_text
from egoclean.store.project import changed_settings, open_project
from egoclean.verbs.select import select_and_save


def select_files(
    embeddings: Path | None,
    scores: Path | None,
    groups: Path | None,
    times: Path | None,
    ids: Path | None,
    out: Path | None,
    left_out: Path | None,
    config: SelectConfig,
) -> str:
    """Write one line a chosen row to ``out``, and the others to ``left_out``; return a sentence that says how many.

    Further lines say what was approximate, with its recall, or could not be used.

    Raises
    ------
    UsageError : a needed file was not named, or an option cannot be met with these rows.
    SourceError : a file that cannot be read; the sentence names it, with its line where it has lines.
    """
    if embeddings is None or out is None:
        raise UsageError("egoclean select needs --embeddings and --out, or --project.", "See: egoclean select --help")
    rows = load_array(embeddings)
    if rows.ndim != 2:
        raise SourceError(f"{embeddings} has shape {rows.shape}, expected (rows, width).")
    signals = {} if scores is None else _signals(scores, len(rows))
    if not signals and config.signal == "score":
        config = dataclasses.replace(config, signal="none")
    if not signals and signal_names(config.signal):
        raise UsageError(f"The signal {config.signal!r} needs scores.", "Give a file with --scores, or --signal none.")
    starts = None if times is None else _starts(times, len(rows))
    data = SelectionInput(
        embeddings=rows,
        signals=signals,
        ids=None if ids is None else tuple(text for _, text in _lines(ids)),
        groups=None if groups is None else _groups(groups, len(rows)),
        times_s=starts,
        durations_s=None if starts is None else _durations(starts),
    )
    selection = select(data, config)
    _write_lines(out, selection.lines())
    if left_out is not None:
        _write_lines(left_out, selection.left_out())
    return "\n".join([f"{out}: {selection.length} of {selection.row_count} rows", *selection.notes])


def select_on_project(folder: Path, given: Mapping[str, Any]) -> str:
    """Make and keep the selection of a project; return a sentence that says how many windows were chosen."""
    project = open_project(folder)
    if not project.exists:
        raise UsageError(f"There is no project at {folder}.", "Make one with: egoclean run SOURCE --project DIR")
    settings = changed_settings(project.settings(), given, ("select",))
    view = select_and_save(Library(project), settings.select)
    project.update(lambda now: changed_settings(now, given, ("select",)))
    said = [f"{len(view.chosen)} of {view.details['windows']} windows chosen"]
    covered = view.details.get("coverage")
    if covered:
        own, chance = covered["chosen"][-1], covered["random"][-1]
        said.append(f"{own:.0%} of all windows have a chosen one close to them, {chance:.0%} with as many at random")
    return "\n".join([*said, *view.details["notes"]])


def _signals(path: Path, row_count: int) -> dict[str, NDArray[np.float64]]:
    """Return every numeric field of the lines, joined by ``row`` where a line has one, else by order."""
    signals: dict[str, NDArray[np.float64]] = {}
    for place, (number, line) in enumerate(_lines(path)):
        where = f"{path}:{number}"
        record = _record(line, where)
        row = record.get("row", place)
        if not isinstance(row, int) or not 0 <= row < row_count:
            raise SourceError(f"{where}: row must be from 0 to {row_count - 1}, found {row!r}.", "Mend this line.")
        for name, value in record.items():
            if name != "row" and isinstance(value, (int, float)) and not isinstance(value, bool):
                signals.setdefault(name, np.full(row_count, math.nan))[row] = value
    return signals


def _record(line: str, where: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise SourceError(f"{where} is not JSON: {error}.", "Mend or remove this line.") from error
    if not isinstance(record, dict):
        raise SourceError(f"{where} is not a JSON object, found {line[:40]!r}.", "Mend or remove this line.")
    return record


def _groups(path: Path, row_count: int) -> NDArray[np.str_]:
    groups = [""] * row_count
    reader = csv.DictReader(text for _, text in _lines(path))
    if not {"row", "group"} <= set(reader.fieldnames or ()):
        raise SourceError(f"{path} must have the columns row,group; found {reader.fieldnames}.", "Add a header line.")
    for number, record in enumerate(reader, 2):
        text = record["row"] or ""
        if not text.strip().isdigit() or int(text) >= row_count:
            raise SourceError(f"{path}:{number}: row must be from 0 to {row_count - 1}, found {text!r}.", "Mend it.")
        groups[int(text)] = record["group"] or ""
    return np.array(groups)


def _starts(path: Path, row_count: int) -> NDArray[np.float64]:
    starts = np.asarray(load_array(path), dtype=np.float64)
    if starts.shape != (row_count,) or not np.isfinite(starts).all():
        raise SourceError(
            f"{path} must hold {row_count} finite times, one a row; found shape {starts.shape}.",
            "Give the start of each row in seconds.",
        )
    return starts


def _durations(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's seconds: the median step between rows, since times alone do not say where a clip ends."""
    steps = np.diff(starts)
    steps = steps[steps > 0]
    return np.full(len(starts), float(np.median(steps)) if len(steps) else 1.0)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are not blank with their numbers from 1; only a line feed ends one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}.", "Give a text file.") from error
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records))
