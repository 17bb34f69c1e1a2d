"""What the map says in words: groups, labels, and the windows a loop was drawn around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts import theme
from egoclean.charts.overview_charts import map_figure
from egoclean.library import SELECTION_FILE, Library
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders, windows_table
from egoclean.ui.format import count, footage, shorten
from egoclean.ui.map_points import EmbeddingMap
from egoclean.ui.tables import footage_s

CHOICE = "selection"
_SHOWN = ("clip", "window", "start_s", "stop_s", "score", "anomaly", "status", "reason")


def colour_by(groups: Sequence[str]) -> str:
    """Return what the points are coloured by: the selection, or one of the ``groups`` that tell windows apart."""
    return st.segmented_control(
        "Colour by",
        [CHOICE, *groups],
        default=CHOICE,
        required=True,
        format_func=lambda name: "clip" if name == "clip_id" else name,
        key="map_by",
        bind="query-params",
    )


def figure(library: Library, points: pd.DataFrame, by: str) -> go.Figure:
    """Return the map of ``points``, coloured by the selection or by a field."""
    saved = library.project.selections / SELECTION_FILE
    stamp = (*file_stamp(library.windows_file, saved), *library.catalog.stamp())
    return _figure(library, str(library.project.root), stamp, by, points)


@st.cache_resource(show_spinner=False, max_entries=8)
def _figure(_library: Library, root: str, stamp: Stamp, by: str, _points: pd.DataFrame) -> go.Figure:
    groups, colours = groups_of(_library, _points, by)
    labels = labels_of(_library, _points)
    return map_figure(_points["x"], _points["y"], groups, labels, _points["row"], colours=colours)


def groups_of(library: Library, points: pd.DataFrame, by: str) -> tuple[list[str], dict[str, str]]:
    """Return each point's group and the colours that some groups always have."""
    if by != CHOICE:
        names = loaders.names(library) if by == "clip_id" else {}
        texts = [shorten(str(names.get(value, value)), 36) for value in points[by].cat.categories]
        return [texts[number] if number >= 0 else "none" for number in points[by].cat.codes], {}
    return list(_status(library, points)), {"chosen": theme.CHOSEN, "left out": theme.SKY, "not considered": theme.GREY}


def labels_of(library: Library, points: pd.DataFrame) -> list[str]:
    """Return what the pointer shows over each point."""
    names, column = loaders.names(library), points["clip_id"].cat
    clips = [shorten(names.get(clip_id, clip_id), 60).replace("<", "&lt;") for clip_id in column.categories]
    starts = points["start_s"].to_numpy()
    return [f"{clips[number]}<br>{start:.1f} s" for number, start in zip(column.codes, starts, strict=True)]


def caption(found: EmbeddingMap) -> str:
    """Return what the figure shows and what it cannot show."""
    apart = (
        f" {count(found.others, 'window')} more lie in another embedding space (another model, rate or kind of "
        "source) and cannot be compared with these."
        if found.others
        else ""
    )
    part = f" of {found.alike:,}, evenly taken," if len(found.points) < found.alike else ""
    return (
        f"{count(len(found.points), 'window')}{part} in the plane of greatest spread of their embeddings. A plane "
        "keeps only part of the distances: look here, decide on the numbers." + apart
    )


def lassoed(points: pd.DataFrame, selected: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Return the windows among ``points`` that were drawn around, told by their row and not by their place."""
    rows = {int(_first(point.get("customdata"))) for point in selected if point.get("customdata") is not None}
    return points[points["row"].isin(rows)]


def heading(windows: pd.DataFrame) -> str:
    """Return how much was drawn around."""
    clips = windows["clip_id"].nunique()
    return f"{count(len(windows), 'window')} from {count(clips, 'clip')}, {footage(footage_s(windows))} of footage"


def show_table(library: Library, windows: pd.DataFrame) -> pd.Series | None:
    """Show the windows as a table, with whether each was chosen and why; return the selected one, or None."""
    first = windows.head(windows_table.MOST_ROWS + 1)
    reasons = loaders.reasons(library, first["row"].to_numpy())
    table = first.assign(status=_status(library, first), reason=reasons)
    return windows_table.show(library, table, _SHOWN, key="map_rows", of=len(windows))


def _status(library: Library, windows: pd.DataFrame) -> pd.Series:
    texts = {loaders.NOT_CONSIDERED: "not considered", loaders.LEFT_OUT: "left out", loaders.CHOSEN: "chosen"}
    found = loaders.standing(library)[windows["row"].to_numpy()]
    return pd.Series([texts[value] for value in found.tolist()], index=windows.index, dtype="str")


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, (list, tuple)) else value)
