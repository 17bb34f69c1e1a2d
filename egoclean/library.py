"""The reading side of a project: what pages, exporters and selections ask of the catalog and the cache."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from egoclean.config import SelectConfig, build_config
from egoclean.errors import CacheError, UsageError
from egoclean.records import Clip, clip_from_plain
from egoclean.store.cache import Cache, Entry
from egoclean.store.catalog import Catalog, ClipRow, StepRow, StepStatus
from egoclean.store.decisions import Decision, DecisionJournal
from egoclean.store.project import Project
from egoclean.store.runs import RunInfo, list_runs
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.store.tables import read_narrow_table, read_table

WINDOW_COLUMNS: Mapping[str, str] = {
    "row": "int64",
    "clip_id": "str",
    "window": "int64",
    "start_s": "float64",
    "stop_s": "float64",
    "start_pts": "int64",
    "stop_pts": "int64",
    "time_base": "str",
    "record_index": "int64",
    "factory": "str",
    "worker": "str",
    "scene": "str",
    "camera": "str",
    "space": "str",
    "score": "float64",
    "score_stderr": "float64",
    "skill": "float64",
    "change": "float64",
    "anomaly": "float64",
}
"""Columns every window has, in the order they stand in the table of windows, and their types."""

SELECTION_FILE = "latest.json"

_NARROW = frozenset(name for name, kind in WINDOW_COLUMNS.items() if kind == "str")


@dataclass(frozen=True)
class SelectionView:
    """A selection as a person looks at it.

    chosen : one row a chosen window in order: rank, row, clip_id, window, start_s, stop_s, gain, reason.
    details : counts, the calibrated values' origin, models.
    read_left_out : returns :attr:`left_out`.
    """

    config: SelectConfig
    chosen: pd.DataFrame
    details: Mapping[str, Any]
    read_left_out: Callable[[], pd.DataFrame]

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """One row a window that was not chosen, with its reason; read when it is first asked for.

        Raises
        ------
        CacheError : the selection was removed from the cache meanwhile.
        """
        return self.read_left_out()


class Library:
    """A project's clips, windows and results as they are now; cheap to build, keeps nothing in memory."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.cache = Cache(project.cache_root())
        self.catalog = Catalog(project.catalog_file())
        self._tables = project.tables()

    def clips(self) -> tuple[ClipRow, ...]:
        """Return the clips in source order."""
        return self.catalog.clips()

    def steps(self) -> tuple[StepRow, ...]:
        """Return how every verb ended for every clip."""
        return self.catalog.steps()

    def entry(self, clip_id: str, verb: str) -> Entry | None:
        """Return the result of a verb for a clip, or None when there is none (yet) or the clip was rejected."""
        step = self.catalog.step(clip_id, verb)
        if step is None or step.status is not StepStatus.DONE:
            return None
        return self.cache.find(verb, step.key)

    def clip(self, clip_id: str) -> Clip:
        """Return the whole record of a clip; raises ``UsageError`` when the project has no such clip."""
        record = self.catalog.record_of(clip_id)
        if record is None:
            raise UsageError(f"{self.project.root} has no clip {clip_id!r}.", "See: egoclean status")
        return clip_from_plain(record)

    @property
    def windows_file(self) -> Path:
        """The Parquet file of all windows; derived, made again after each run."""
        return self._tables / "windows.parquet"

    def windows(self) -> pd.DataFrame:
        """Return one row a window of every clip; no rows before anything was scored or embedded."""
        if not self.windows_file.is_file():
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in WINDOW_COLUMNS.items()})
        return read_table(self.windows_file)

    def embeddings(self, windows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the embedding of each row of ``windows``, shape ``(len(windows), d)``; NaN where there is none."""
        numbers = windows["window"].to_numpy()
        rows = np.full((len(windows), 0), np.nan, dtype=np.float32)
        for clip_id, positions in windows.groupby("clip_id", sort=False, observed=True).indices.items():
            entry = self.entry(str(clip_id), "embed")
            if entry is None:
                continue
            # Read and let go at once: a mapped file stays open, and there may be more clips than files may be.
            stored = entry.array("emb.npy")
            # A run with other settings may have replaced the entry and not yet the table of windows.
            there = positions[numbers[positions] < len(stored)]
            part = stored[numbers[there]]
            if part.shape[1] > rows.shape[1]:
                wider = np.full((len(windows), part.shape[1]), np.nan, dtype=np.float32)
                wider[:, : rows.shape[1]] = rows
                rows = wider
            rows[there, : part.shape[1]] = part
        return rows

    def selection(self, *, narrow: bool = False) -> SelectionView | None:
        """Return the last selection that was saved, or None; ``narrow`` as for :func:`selection_of`."""
        pointer = self.project.selections / SELECTION_FILE
        if not pointer.is_file():
            return None
        stored = json.loads(pointer.read_text(encoding="utf-8"))
        entry = self.cache.find("select", stored["key"])
        if entry is None:
            return None
        return selection_of(entry, build_config(SelectConfig, stored["config"], str(pointer)), narrow=narrow)

    def saved_key(self) -> str | None:
        """Return the key of the last selection that was saved, or None."""
        pointer = self.project.selections / SELECTION_FILE
        try:
            return str(json.loads(pointer.read_text(encoding="utf-8"))["key"])
        except FileNotFoundError:
            return None

    def selection_keys(self) -> frozenset[str]:
        """Return the key of the saved selection, which the project needs though its catalog may be lost; or none."""
        key = self.saved_key()
        return frozenset() if key is None else frozenset((key,))

    def decisions(self) -> dict[tuple[str, int, int, str], Decision]:
        """Return what a person decided and did not undo, by stretch of footage."""
        return DecisionJournal(self.project.decisions).current()

    def runs(self) -> tuple[RunInfo, ...]:
        """Return the runs of the project, newest first."""
        return list_runs(self.project.runs)

    def stamp(self) -> Stamp:
        """Return what changes whenever steps, windows or decisions do."""
        return (*self.catalog.stamp(), *file_stamp(self.windows_file, self.project.decisions))

    def snapshot(self) -> LibrarySnapshot:
        """Return this library as it is now; what other processes change from here on does not reach it."""
        return LibrarySnapshot(self.project)


class LibrarySnapshot(Library):
    """A library whose steps, windows and decisions were read once, so that a result is of one moment.

    windows_digest : SHA-256 of the table of windows; of no bytes when there is none.
    """

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self._steps = {(step.clip_id, step.verb): step for step in super().steps()}
        self._decisions = super().decisions()
        stored = self.windows_file.read_bytes() if self.windows_file.is_file() else b""
        self.windows_digest = hashlib.sha256(stored).hexdigest()
        self._windows = pd.read_parquet(io.BytesIO(stored)) if stored else super().windows()

    def snapshot(self) -> LibrarySnapshot:
        """Return this snapshot itself."""
        return self

    def steps(self) -> tuple[StepRow, ...]:
        """Return how every verb had ended for every clip."""
        return tuple(self._steps.values())

    def entry(self, clip_id: str, verb: str) -> Entry | None:
        """Return the result that a verb had for a clip, or None."""
        step = self._steps.get((clip_id, verb))
        return self.cache.find(verb, step.key) if step is not None and step.status is StepStatus.DONE else None

    def windows(self) -> pd.DataFrame:
        """Return the table of windows as it was: read only."""
        return self._windows

    def decisions(self) -> dict[tuple[str, int, int, str], Decision]:
        """Return the decisions that stood."""
        return self._decisions


def selection_of(entry: Entry, config: SelectConfig, *, narrow: bool = False) -> SelectionView:
    """Return the selection that an entry of ``select`` holds, made with ``config``.

    With ``narrow`` the columns of text are categories, except for the reasons: a tenth of the memory.
    """

    def table(name: str) -> pd.DataFrame:
        path = entry.path(name)
        try:
            return read_narrow_table(path, _NARROW) if narrow else read_table(path)
        except FileNotFoundError as error:
            raise CacheError(f"The selection {entry.key} is no longer in the cache.", "Choose again.") from error

    return SelectionView(config, table("chosen.parquet"), entry.details, partial(table, "left_out.parquet"))
