"""Cached reading: what a page needs of the project, read again only when the files behind it have changed.

Everything returned here is shared by all viewers: treat it as read-only.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from egoclean.library import WINDOW_COLUMNS, Library, SelectionView
from egoclean.store.cache import Entry
from egoclean.store.catalog import ClipRow, StepRow
from egoclean.store.decisions import Decision, DecisionJournal
from egoclean.store.project import Project
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.store.tables import read_narrow_table
from egoclean.ui.format import short_names
from egoclean.ui.project import current_project
from egoclean.ui.window_index import Footage, SignalOrder, clip_places
from egoclean.verbs.select import decided_digest

NOT_CONSIDERED, LEFT_OUT, CHOSEN = 0, 1, 2
"""How a window stands in the saved selection, as :func:`standing` has it."""

_TEXTS = frozenset(name for name, kind in WINDOW_COLUMNS.items() if kind == "str")


@dataclass(frozen=True, slots=True)
class ClipSteps:
    """A clip, how each verb ended for it, by the verb's name, and the short name that tells it from the others.

    The steps come without their details.
    """

    clip: ClipRow
    steps: dict[str, StepRow]
    name: str


def open_library() -> Library:
    """Return the reading side of the project the dashboard shows."""
    return _library(str(current_project().root), str(current_project().cache_root()))


def clips(library: Library) -> tuple[ClipRow, ...]:
    """Return the clips in source order."""
    return _clips(library, str(library.project.root), library.catalog.stamp())


def clip_steps(library: Library) -> dict[str, ClipSteps]:
    """Return every clip with its steps, by clip id, in source order."""
    return _clip_steps(library, str(library.project.root), library.catalog.stamp())


def names(library: Library) -> dict[str, str]:
    """Return the short name of each clip, by its id."""
    return _names(library, str(library.project.root), library.catalog.stamp())


def clip_of_print(library: Library) -> dict[str, str]:
    """Return the id of the clip that has each fingerprint; of clips with the same one the last."""
    return _clip_of_print(library, str(library.project.root), library.catalog.stamp())


def model_card(library: Library, verb: str) -> Mapping[str, Any] | None:
    """Return the card of the model behind ``verb``, from the first clip it is done for; None where it used none."""
    return _model_card(library, str(library.project.root), library.catalog.stamp(), verb)


def first_repeating(library: Library) -> str | None:
    """Return the id of the first clip in which something repeats, or None."""
    return _first_repeating(library, str(library.project.root), library.catalog.stamp())


def windows(library: Library) -> pd.DataFrame:
    """Return the table of windows; its texts are categories."""
    return _windows(library, str(library.project.root), file_stamp(library.windows_file))


def clip_windows(library: Library, clip_id: str) -> pd.DataFrame:
    """Return the windows of one clip; no rows for a clip without."""
    places = _clip_places(library, str(library.project.root), file_stamp(library.windows_file))
    return windows(library).iloc[places.get(clip_id, slice(0, 0))]


def window_rows(library: Library, places: Sequence[tuple[str | None, int]]) -> list[int | None]:
    """Return the row of each window in the table, told by its clip and its first pts; None where there is none."""
    clip_rows = _clip_places(library, str(library.project.root), file_stamp(library.windows_file))
    pts = windows(library)["start_pts"].to_numpy()
    found: list[int | None] = []
    for clip_id, start_pts in places:
        mine = clip_rows.get(clip_id or "", slice(0, 0))
        hits = np.flatnonzero(pts[mine] == start_pts)
        found.append(int(mine.start + hits[0]) if len(hits) else None)
    return found


def window_footage(library: Library) -> Footage:
    """Return where all windows lie in time: asked for seconds, it counts overlapping ones once."""
    return _footage(library, str(library.project.root), file_stamp(library.windows_file))


def window_seconds(library: Library) -> float:
    """Return the seconds of footage that all windows cover."""
    return _window_seconds(library, str(library.project.root), file_stamp(library.windows_file))


def signal_order(library: Library, signal: str) -> SignalOrder:
    """Return the rows of the table of windows in order of a signal."""
    return _signal_order(library, str(library.project.root), file_stamp(library.windows_file), signal)


def known_signals(library: Library, names: Sequence[str]) -> list[str]:
    """Return those of ``names``, in order, that are columns of the table of windows with at least one value."""
    return list(_known_signals(library, str(library.project.root), file_stamp(library.windows_file), tuple(names)))


def order_signals(library: Library, signals: Sequence[str]) -> None:
    """Begin to order the windows by each signal, so that none is waited for when a person asks for it."""
    _order_signals(library, str(library.project.root), file_stamp(library.windows_file), tuple(signals))


def selection(library: Library) -> SelectionView | None:
    """Return the last saved selection, or None; its texts but the reasons are categories."""
    return _selection(library, str(library.project.root), _selection_stamp(library))


def selected_windows(library: Library, clip_id: str) -> pd.DataFrame:
    """Return the windows of one clip that the saved selection chose, by rank; no rows without a selection."""
    view = selection(library)
    return pd.DataFrame() if view is None else view.chosen[view.chosen["clip_id"] == clip_id]


def standing(library: Library) -> NDArray[np.int8]:
    """Return for each row of the table of windows how it stands in the saved selection."""
    return _standing(library, str(library.project.root), _standing_stamp(library))[0]


def reasons(library: Library, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return why the saved selection chose or left out each of some rows of the table; empty where it did neither."""
    view, found = selection(library), np.full(len(rows), "", dtype=np.object_)
    how, places = _standing(library, str(library.project.root), _standing_stamp(library))
    for table, value in () if view is None else ((view.left_out, LEFT_OUT), (view.chosen, CHOSEN)):
        asked = how[rows] == value
        found[asked] = table["reason"].iloc[places[rows[asked]]].astype(str)
    return found


def decisions(library: Library) -> Mapping[tuple[str, int, int, str], Decision]:
    """Return what a person decided and did not undo, by stretch of footage."""
    return _decisions(library, str(library.project.root), file_stamp(library.project.decisions))


def redoable(library: Library) -> Decision | None:
    """Return the decision that redo would make again, or None."""
    return _redoable(library, str(library.project.root), file_stamp(library.project.decisions))


def entry(library: Library, clip_id: str, verb: str) -> Entry | None:
    """Return the result of a verb for a clip, or None."""
    return _entry(library, str(library.project.root), library.catalog.stamp(), clip_id, verb)


def entry_json(found: Entry, name: str) -> Any:
    """Return a JSON file of an entry; entries never change, so it is read once."""
    return _entry_json(found.verb, found.key, found.path(name))


def entry_array(found: Entry, name: str) -> Any:
    """Return an array of an entry, memory-mapped."""
    return _entry_array(found.verb, found.key, found.path(name))


def entry_table(found: Entry, name: str) -> pd.DataFrame:
    """Return a Parquet file of an entry."""
    return _entry_table(found.verb, found.key, found.path(name))


def decided(library: Library) -> str:
    """Return what changes when the decisions that stand do: one that was made and undone changes nothing."""
    return _decided(library, str(library.project.root), file_stamp(library.project.decisions))


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(root: str, cache_root: str) -> Library:
    del cache_root
    return Library(Project(Path(root)))


@st.cache_resource(show_spinner=False, max_entries=4)
def _clips(_library: Library, root: str, stamp: Stamp) -> tuple[ClipRow, ...]:
    del root, stamp
    return _library.clips()


@st.cache_resource(show_spinner=False, max_entries=2)
def _clip_steps(_library: Library, root: str, stamp: Stamp) -> dict[str, ClipSteps]:
    clips_now = _clips(_library, root, stamp)
    names = short_names([clip.clip_id for clip in clips_now])
    found = {clip.clip_id: ClipSteps(clip, {}, names[clip.clip_id]) for clip in clips_now}
    for step in _library.catalog.bare_steps():
        if step.clip_id in found:
            found[step.clip_id].steps[step.verb] = step
    _settle()
    return found


@st.cache_resource(show_spinner=False, max_entries=2)
def _names(_library: Library, root: str, stamp: Stamp) -> dict[str, str]:
    return {clip_id: item.name for clip_id, item in _clip_steps(_library, root, stamp).items()}


@st.cache_resource(show_spinner=False, max_entries=2)
def _clip_of_print(_library: Library, root: str, stamp: Stamp) -> dict[str, str]:
    return {str(clip.facts.get("sha256")): clip.clip_id for clip in _clips(_library, root, stamp)}


@st.cache_resource(show_spinner=False, max_entries=8)
def _model_card(_library: Library, root: str, stamp: Stamp, verb: str) -> Mapping[str, Any] | None:
    del root, stamp
    step = _library.catalog.first_done(verb)
    return None if step is None else step.details.get("model")


@st.cache_resource(show_spinner=False, max_entries=2)
def _first_repeating(_library: Library, root: str, stamp: Stamp) -> str | None:
    del root, stamp
    return _library.catalog.first_with("structure", "period_s")


@st.cache_resource(show_spinner="Reading the table of windows…", max_entries=1)
def _windows(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    del root, stamp
    if not _library.windows_file.is_file():
        return _library.windows()
    return read_narrow_table(_library.windows_file, _TEXTS)


@st.cache_resource(show_spinner=False, max_entries=1)
def _clip_places(_library: Library, root: str, stamp: Stamp) -> dict[str, slice]:
    return clip_places(_windows(_library, root, stamp))


@st.cache_resource(show_spinner=False, max_entries=1)
def _footage(_library: Library, root: str, stamp: Stamp) -> Footage:
    return Footage.of(_windows(_library, root, stamp))


@st.cache_resource(show_spinner=False, max_entries=2)
def _window_seconds(_library: Library, root: str, stamp: Stamp) -> float:
    return _footage(_library, root, stamp).seconds()


@st.cache_resource(show_spinner=False, max_entries=8)
def _signal_order(_library: Library, root: str, stamp: Stamp, signal: str) -> SignalOrder:
    return SignalOrder.of(_windows(_library, root, stamp)[signal].to_numpy(dtype=np.float64))


@st.cache_resource(show_spinner=False, max_entries=16)
def _known_signals(_library: Library, root: str, stamp: Stamp, names: tuple[str, ...]) -> tuple[str, ...]:
    table = _windows(_library, root, stamp)
    return tuple(name for name in names if name in table and table[name].notna().any())


@st.cache_resource(show_spinner=False, max_entries=1)
def _order_signals(_library: Library, root: str, stamp: Stamp, signals: tuple[str, ...]) -> threading.Thread:
    def work() -> None:
        for signal in signals:
            _signal_order(_library, root, stamp, signal)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner="Reading the selection…", max_entries=1)
def _selection(_library: Library, root: str, stamp: Stamp) -> SelectionView | None:
    del root, stamp
    return _library.selection(narrow=True)


def _standing_stamp(library: Library) -> Stamp:
    return (*_selection_stamp(library), *file_stamp(library.windows_file))


@st.cache_resource(show_spinner=False, max_entries=1)
def _standing(_library: Library, root: str, stamp: Stamp) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Return for each row of the table of windows how it stands, and its place among those that stand alike."""
    del root, stamp
    found = np.full(len(windows(_library)), NOT_CONSIDERED, dtype=np.int8)
    places = np.zeros(len(found), dtype=np.int32)
    view = selection(_library)
    for table, value in () if view is None else ((view.left_out, LEFT_OUT), (view.chosen, CHOSEN)):
        rows = table["row"].to_numpy()
        known = np.flatnonzero(rows < len(found))
        found[rows[known]], places[rows[known]] = value, known
    return found, places


@st.cache_resource(show_spinner=False, max_entries=2)
def _decided(_library: Library, root: str, stamp: Stamp) -> str:
    return decided_digest(_decisions(_library, root, stamp).values())


@st.cache_resource(show_spinner=False, max_entries=2)
def _decisions(_library: Library, root: str, stamp: Stamp) -> Mapping[tuple[str, int, int, str], Decision]:
    del root, stamp
    return DecisionJournal(_library.project.decisions).current()


@st.cache_resource(show_spinner=False, max_entries=2)
def _redoable(_library: Library, root: str, stamp: Stamp) -> Decision | None:
    del root, stamp
    return DecisionJournal(_library.project.decisions).redoable()


def _selection_stamp(library: Library) -> Stamp:
    return file_stamp(library.project.selections / "latest.json")


def _settle() -> None:
    """Take what is loaded out of the collector's sight: every pass over it would hold up each script for a moment."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False, max_entries=512)
def _entry(_library: Library, root: str, stamp: Stamp, clip_id: str, verb: str) -> Entry | None:
    del root, stamp
    return _library.entry(clip_id, verb)


@st.cache_resource(show_spinner=False, max_entries=64)
def _entry_json(verb: str, key: str, _path: Path) -> Any:
    import json

    return json.loads(_path.read_text(encoding="utf-8"))


@st.cache_resource(show_spinner=False, max_entries=64)
def _entry_array(verb: str, key: str, _path: Path) -> Any:
    import numpy as np

    return np.load(_path, mmap_mode="r", allow_pickle=False)


@st.cache_resource(show_spinner=False, max_entries=64)
def _entry_table(verb: str, key: str, _path: Path) -> pd.DataFrame:
    return pd.read_parquet(_path)
