"""The manifest as it will be written: its rows, and its bytes for download."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from egoclean import jobs
from egoclean.exporters.rows import row_to_plain
from egoclean.library import Library, SelectionView
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders
from egoclean.ui.format import count, footage, plain, size
from egoclean.ui.glossary import meaning
from egoclean.ui.tables import footage_s
from egoclean.verbs.export import export_selection, manifest_rows

_TYPES: Final[Mapping[str, str]] = {
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
_SHOWN = ("rank", "clip", "start_s", "stop_s", "factory", "worker", "scene", "camera", "reason", "licence")
_PREVIEW_ROWS = 50

ROWS_AT_ONCE: Final = 2_000
"""Most rows of a manifest that is written while a person waits for the page."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A manifest as a file: its name, its bytes or what makes them when they are asked for, and a sentence about it."""

    name: str
    mime: str
    data: bytes | Callable[[], bytes]
    note: str


def require_selection(library: Library) -> SelectionView:
    """Return the saved selection; stops the page when there is none."""
    view = loaders.selection(library)
    if view is None or view.chosen.empty:
        st.info("Nothing has been chosen yet, so there is nothing to write.", icon=":material/info:")
        st.page_link("pages/select.py", label="Choose windows", icon=":material/arrow_forward:")
        st.stop()
    return view


def show_counts(library: Library, view: SelectionView) -> None:
    """Show what the manifest will hold."""
    rows, length, clips = st.columns(3)
    rows.metric("Rows", f"{len(view.chosen):,}", help=meaning("manifest"))
    length.metric("Footage", footage(footage_s(view.chosen)), help=meaning("footage"))
    clips.metric("From", count(view.chosen["clip_id"].nunique(), "clip"))
    st.caption(f"Strategy {plain(view.config.strategy)}, budget {plain(view.config.budget)}.")


def preview(library: Library, view: SelectionView) -> pd.DataFrame:
    """Return the first rows of the manifest as a table, columns without any value left out."""
    rows = _plain_rows(library, selection_stamp(library), view)
    table = pd.DataFrame(rows).assign(clip=[loaders.names(library)[str(row["clip_id"])] for row in rows])
    return table[[name for name in _SHOWN if name in table and table[name].notna().any()]].fillna("")


def first_row(library: Library, view: SelectionView) -> Mapping[str, Any]:
    """Return the first row of the manifest in full."""
    return _plain_rows(library, selection_stamp(library), view)[0]


def manifest_bytes(library: Library, view: SelectionView, format_name: str) -> ManifestFile:
    """Return the manifest's bytes: the very file that ``egoclean export`` writes."""
    name = f"manifest.{format_name}"
    if len(view.chosen) > ROWS_AT_ONCE:
        path = library.project.exports / name
        note = f"{count(len(view.chosen), 'row')}, written when you ask. Also kept in the project, as exports/{name}."
        return ManifestFile(name, _TYPES[format_name], partial(_written_apart, library, path, format_name), note)
    data = _manifest_bytes(library, selection_stamp(library), view, format_name)
    note = f"{count(len(view.chosen), 'row')}, {size(len(data))}. Also kept in the project, as exports/{name}."
    return ManifestFile(name, _TYPES[format_name], data, note)


def selection_stamp(library: Library) -> Stamp:
    """Return what changes when the saved selection does."""
    return file_stamp(library.project.selections / "latest.json")


def _written_apart(library: Library, path: Path, format_name: str) -> bytes:
    jobs.export_apart(library.project, path, format_name)
    return path.read_bytes()


@st.cache_resource(show_spinner=False, max_entries=2)
def _plain_rows(_library: Library, stamp: Stamp, _view: SelectionView) -> list[dict[str, Any]]:
    return [row_to_plain(row) for row in manifest_rows(_library, _view, _PREVIEW_ROWS)]


@st.cache_resource(show_spinner="Writing the manifest…", max_entries=4)
def _manifest_bytes(_library: Library, stamp: Stamp, _view: SelectionView, format_name: str) -> bytes:
    path = _library.project.exports / f"manifest.{format_name}"
    export_selection(_library, _view, path, format_name)
    return path.read_bytes()
