"""Where the windows lie on the map: laid out once for a table of windows, and kept beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from egoclean.core.projection import plane
from egoclean.errors import CacheError
from egoclean.library import Library
from egoclean.store.keys import digest
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.store.tables import read_table, write_table
from egoclean.ui import loaders
from egoclean.ui.window_index import evenly

MAP_ROWS: Final = 10_000
"""Most windows on the map: with their labels they stay well under two megabytes."""

_GROUPS: Final = ("clip_id", "factory", "worker", "scene", "camera")


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingMap:
    """Windows with ``x`` and ``y`` in the plane of greatest spread of their embeddings.

    Parameters
    ----------
    points : windows of one embedding space, the one with most; at most :data:`MAP_ROWS`, evenly taken.
    groups : the columns that tell them apart: factory, worker and the like.
    alike, others : windows that lie in that space, and in other spaces.
    """

    points: pd.DataFrame
    groups: tuple[str, ...] = ()
    alike: int = 0
    others: int = 0


def embedding_map(library: Library) -> EmbeddingMap:
    """Return the map of all windows, laid out when it is first asked for."""
    return _embedding_map(library, str(library.project.root), file_stamp(library.windows_file))


@st.cache_resource(show_spinner="Laying out the embeddings…", max_entries=2)
def _embedding_map(_library: Library, root: str, stamp: Stamp) -> EmbeddingMap:
    del root
    table = loaders.windows(_library)
    if table.empty:
        return EmbeddingMap(table.assign(x=[], y=[]))
    sizes = table["space"].value_counts()
    space = sizes.idxmax()
    there = np.flatnonzero((table["space"] == space).to_numpy())
    shown = table.iloc[there[evenly(len(there), MAP_ROWS)]].reset_index(drop=True)
    places = _laid_out(_library, shown, digest(stamp))
    points = shown.merge(places, on="row").dropna(subset=["x", "y"])
    groups = tuple(name for name in _GROUPS if points[name].nunique() > 1)
    return EmbeddingMap(points, groups, len(there), int(sizes.sum()) - len(there))


def _laid_out(library: Library, shown: pd.DataFrame, made_from: str) -> pd.DataFrame:
    """Return row, x and y of ``shown``: kept beside the table of windows, since it takes reading every clip's entry."""
    path = library.windows_file.with_name("map.parquet")
    if path.is_file():
        kept = read_table(path)
        if (kept["made_from"] == made_from).all():
            return kept[["row", "x", "y"]]
    places = plane(library.embeddings(shown))
    found = pd.DataFrame({"row": shown["row"].to_numpy(), "x": places[:, 0], "y": places[:, 1]})
    # Without it the next start of the dashboard only takes longer.
    with contextlib.suppress(CacheError):
        write_table(path, found.assign(made_from=made_from))
    return found
