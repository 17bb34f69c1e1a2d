"""Cached reading: what a page needs of the project, read again only when the files behind it have changed.

Everything returned here is shared by all viewers: treat it as read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from egoclean.core.projection import plane
from egoclean.library import Library, SelectionView
from egoclean.store.cache import Entry
from egoclean.store.catalog import ClipRow, StepRow
from egoclean.store.project import Project
from egoclean.ui.format import short_names
from egoclean.ui.project import current_project

Stamp = tuple[int, ...]
_MAP_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class ClipSteps:
    """A clip, how each verb ended for it, by the verb's name, and the short name that tells it from the others."""

    clip: ClipRow
    steps: dict[str, StepRow]
    name: str


def open_library() -> Library:
    """Return the reading side of the project the dashboard shows."""
    return _library(str(current_project().root), str(current_project().cache_root()))


def clips(library: Library) -> tuple[ClipRow, ...]:
    """Return the clips in source order."""
    return _clips(library, str(library.project.root), catalog_stamp(library))


def clip_steps(library: Library) -> dict[str, ClipSteps]:
    """Return every clip with its steps, by clip id, in source order."""
    return _clip_steps(library, str(library.project.root), catalog_stamp(library))


def names(library: Library) -> dict[str, str]:
    """Return the short name of each clip, by its id."""
    return {clip_id: item.name for clip_id, item in clip_steps(library).items()}


def windows(library: Library) -> pd.DataFrame:
    """Return the table of windows."""
    return _windows(library, str(library.project.root), file_stamp(library.windows_file))


def selection(library: Library) -> SelectionView | None:
    """Return the last saved selection, or None."""
    return _selection(library, str(library.project.root), file_stamp(library.project.selections / "latest.json"))


def entry(library: Library, clip_id: str, verb: str) -> Entry | None:
    """Return the result of a verb for a clip, or None."""
    return _entry(library, str(library.project.root), catalog_stamp(library), clip_id, verb)


def entry_json(found: Entry, name: str) -> Any:
    """Return a JSON file of an entry; entries never change, so it is read once."""
    return _entry_json(found.verb, found.key, found.path(name))


def entry_array(found: Entry, name: str) -> Any:
    """Return an array of an entry, memory-mapped."""
    return _entry_array(found.verb, found.key, found.path(name))


def entry_table(found: Entry, name: str) -> pd.DataFrame:
    """Return a Parquet file of an entry."""
    return _entry_table(found.verb, found.key, found.path(name))


def embedding_map(library: Library) -> pd.DataFrame:
    """Return windows with ``x`` and ``y`` in the plane of greatest spread of their embeddings.

    One embedding space only (the one with most windows), and at most 20,000 windows, evenly taken.
    """
    return _embedding_map(library, str(library.project.root), file_stamp(library.windows_file))


def catalog_stamp(library: Library) -> Stamp:
    """Return what changes when the catalog does; its write-ahead log counts too."""
    path = library.catalog.path
    return file_stamp(path, path.with_name(path.name + "-wal"))


def file_stamp(*paths: Path) -> Stamp:
    """Return the modification times and sizes of files, zeros for one that is not there."""
    values: list[int] = []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            values += [0, 0]
        else:
            values += [status.st_mtime_ns, status.st_size]
    return tuple(values)


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(root: str, cache_root: str) -> Library:
    del cache_root
    return Library(Project(Path(root)))


@st.cache_resource(show_spinner=False, max_entries=4)
def _clips(_library: Library, root: str, stamp: Stamp) -> tuple[ClipRow, ...]:
    del root, stamp
    return _library.clips()


@st.cache_resource(show_spinner=False, max_entries=4)
def _clip_steps(_library: Library, root: str, stamp: Stamp) -> dict[str, ClipSteps]:
    del root, stamp
    clips_now = _library.clips()
    names = short_names([clip.clip_id for clip in clips_now])
    found = {clip.clip_id: ClipSteps(clip, {}, names[clip.clip_id]) for clip in clips_now}
    for step in _library.steps():
        if step.clip_id in found:
            found[step.clip_id].steps[step.verb] = step
    return found


@st.cache_resource(show_spinner=False, max_entries=2)
def _windows(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    del root, stamp
    return _library.windows()


@st.cache_resource(show_spinner=False, max_entries=4)
def _selection(_library: Library, root: str, stamp: Stamp) -> SelectionView | None:
    del root, stamp
    return _library.selection()


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


@st.cache_resource(show_spinner="Laying out the embeddings…", max_entries=2)
def _embedding_map(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    table = _windows(_library, root, stamp)
    if table.empty:
        return table.assign(x=[], y=[])
    space = table["space"].value_counts().idxmax()
    shown = table[table["space"] == space]
    shown = shown.iloc[:: max(1, -(-len(shown) // _MAP_ROWS))].reset_index(drop=True)
    places = plane(_library.embeddings(shown))
    return shown.assign(x=places[:, 0], y=places[:, 1]).dropna(subset=["x", "y"])
