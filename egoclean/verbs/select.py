"""select: which windows to train on, in order, and why the others are left out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.budget import parse_budget
from egoclean.core.coverage_curve import CoverageCurves
from egoclean.core.prepare import Prepared
from egoclean.core.select import needs_graph, select
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
from egoclean.store.stamps import Stamp
from egoclean.store.tables import write_table
from egoclean.verbs.graph import kept_graph
from egoclean.verbs.selection_rows import (
    SIGNALS,
    asks_probe,
    decided_flags,
    structure_flags,
    windows_as_rows,
    windows_with_probe,
)
from egoclean.verbs.selection_tables import calibrated_table, known_signals, selection_view


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
    return Recutter(library).select_into_cache(config)


def preview_selection(library: Library, config: SelectConfig) -> SelectionView:
    """Return the selection that ``config`` gives on the project's windows as they are, without keeping it.

    Raises
    ------
    UsageError : an option that cannot be met with these windows.
    """
    return _Moment(library.snapshot()).view(config)


class Recutter:
    """Chooses from a project's windows again and again: what no option changes is read and compared once.

    A moved budget takes a prefix of the last order where that is long enough; anything else chooses anew on the kept
    graph. Results and decisions that came since are taken in.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._stamp: Stamp = ()
        self._moment: _Moment | None = None

    def select_into_cache(self, config: SelectConfig) -> tuple[EntryKey, Entry]:
        """As :func:`select_into_cache`."""
        moment = self._now()
        key, cache = moment.key(config), self._library.cache
        with cache.lock(key):
            entry = cache.get(key)
            if entry is None:
                view = moment.view(config)
                with cache.building(key) as folder:
                    write_table(folder / "chosen.parquet", view.chosen)
                    write_table(folder / "left_out.parquet", view.left_out)
                    entry = cache.publish(key, folder, view.details)
        return key, entry

    def warm(self, config: SelectConfig) -> None:
        """Read and compare what choosing with ``config``, or options like it, will need.

        Raises
        ------
        UsageError : an option that cannot be met with these windows.
        """
        self._now().warm(config)

    def _now(self) -> _Moment:
        stamp = self._library.stamp()
        if self._moment is None or stamp != self._stamp:
            self._moment = _Moment(self._library.snapshot(), self._moment)
            self._stamp = stamp
        return self._moment


class _Moment:
    """A project as it is at one moment, and what was worked out of it so far.

    What ``before`` worked out is taken over as far as nothing of that has changed since.
    """

    def __init__(self, now: LibrarySnapshot, before: _Moment | None = None) -> None:
        self._library = now
        self._steps, self._decided = steps_digest(now.steps()), decided_digest(now.decisions().values())
        self._results, self._rows = _Results(now), dict[tuple[str, bool], _Rows]()
        self._last: tuple[SelectConfig, Selection] | None = None
        if before is not None and (before._steps, before._windows) == (self._steps, self._windows):
            self._results = before._results
            if before._decided == self._decided:
                self._rows, self._last = before._rows, before._last

    @property
    def _windows(self) -> str:
        return self._library.windows_digest

    def key(self, config: SelectConfig) -> EntryKey:
        """Return the address of the selection that ``config`` gives."""
        return key_of_parts(self._steps, self._decided, self._windows, config)

    def view(self, config: SelectConfig) -> SelectionView:
        """Return the selection that ``config`` gives."""
        rows = self._rows_for(config)
        if rows.table.empty:
            return selection_view(rows.table, None, config, rows.signals, self._library)
        selection = self._selection(rows.data, config)
        view = selection_view(rows.table, selection, config, rows.signals, self._library)
        if not needs_graph(config):
            return view
        curve = self._results.curves(rows.data, config.neighbours).of(selection.rows)
        return dataclasses.replace(view, details={**view.details, "coverage": to_plain(curve)})

    def warm(self, config: SelectConfig) -> None:
        """Work out what :meth:`view` will need."""
        rows = self._rows_for(config)
        if needs_graph(config) and not rows.table.empty:
            self._results.graph(rows.data, config.neighbours)

    def _selection(self, data: SelectionInput, config: SelectConfig) -> Selection:
        budget, others = parse_budget(config.budget), dataclasses.replace(config, budget="")
        if self._last is not None and self._last[0] == others and self._last[1].holds(budget):
            return self._last[1].cut(budget).trimmed()
        prepared = self._results.graph(data, config.neighbours) if needs_graph(config) else None
        selection = select(data, config, prepared)
        self._last = others, selection
        return selection

    def _rows_for(self, config: SelectConfig) -> _Rows:
        wanted = config.calibrate_by, asks_probe(config)
        if wanted not in self._rows:
            windows = windows_with_probe(self._library, config, self._results.windows)
            known = {**self._results.structure, **decided_flags(self._library, windows)}
            signals = known_signals(windows, SIGNALS)
            data = windows_as_rows(windows, self._results.embeddings, config, **known)
            self._rows = {wanted: _Rows(data, calibrated_table(windows, signals, config.calibrate_by), signals)}
        return self._rows[wanted]


@dataclasses.dataclass(frozen=True, slots=True)
class _Rows:
    """Windows to choose from, as rows and as a table with calibrated signals, and which signals have values."""

    data: SelectionInput
    table: pd.DataFrame
    signals: list[str]


class _Results:
    """What a project's results say of its windows, whatever was decided and whatever the options are."""

    def __init__(self, now: LibrarySnapshot) -> None:
        self._library = now
        self._graphs: dict[int, Prepared] = {}
        self._curves: dict[int, CoverageCurves] = {}

    @functools.cached_property
    def windows(self) -> pd.DataFrame:
        return self._library.windows()

    @functools.cached_property
    def embeddings(self) -> NDArray[np.float32]:
        return self._library.embeddings(self.windows)

    @functools.cached_property
    def structure(self) -> dict[str, NDArray[Any]]:
        return structure_flags(self._library, self.windows)

    def graph(self, data: SelectionInput, neighbours: int) -> Prepared:
        """Return the graph of the windows, which ``data`` has as rows."""
        if neighbours not in self._graphs:
            self._graphs = {neighbours: kept_graph(self._library, self.windows, data, neighbours)}
        return self._graphs[neighbours]

    def curves(self, data: SelectionInput, neighbours: int) -> CoverageCurves:
        """Return what draws the coverage of choices among the windows."""
        if neighbours not in self._curves:
            self._curves = {neighbours: CoverageCurves(self.embeddings, self.graph(data, neighbours))}
        return self._curves[neighbours]


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
