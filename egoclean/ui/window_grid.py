"""Windows as pictures: the middle of each, its frames under the pointer, in the grid that clips have."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from egoclean.library import Library
from egoclean.ui import glimpses, loaders, media
from egoclean.ui.format import count, duration, moment, shorten
from egoclean.ui.grid import Tile, page_of, tile_grid
from egoclean.ui.tables import footage_s
from egoclean.ui.windows_table import MOST_ROWS, show_most

_NAME_LETTERS = 22
"""So that a name takes one line of a tile; the pointer shows all of it."""


def window_grid(
    library: Library,
    windows: pd.DataFrame,
    signal: str,
    open_window: Callable[[str, float], None],
    bar: DeltaGenerator,
    of: int,
) -> pd.Series | None:
    """Show at most 1,000 ``windows`` as pictures with their ``signal``; return the first selected one, or None.

    Opening a window calls ``open_window`` with its clip's id and its start in seconds. ``of`` is how many there are
    where not all are given; how many tiles and which page of them is chosen in ``bar``.
    """
    if windows.empty:
        st.caption("Nothing.")
        return None
    table = windows.head(MOST_ROWS)
    rows = {window_id(clip_id, number): row for row, (clip_id, number) in enumerate(_names(table))}
    shown = page_of(list(rows), "windows", bar)

    def open_tile(tile_id: str) -> None:
        window = table.iloc[rows[tile_id]]
        open_window(str(window["clip_id"]), float(window["start_s"]))

    tiles = [window_tile(library, table.iloc[rows[tile_id]], signal) for tile_id in shown]
    selected = tile_grid(tiles, "windows", open_tile)
    show_most(len(windows), of)
    if len(selected) > 1:
        picked = table.iloc[[rows[tile_id] for tile_id in selected]]
        st.caption(f"{count(len(selected), 'window')} selected, {duration(footage_s(picked))}. The first one plays.")
    return table.iloc[rows[selected[0]]] if selected else None


def window_tile(library: Library, window: pd.Series, signal: str) -> Tile:
    """Return the tile of a window, a row of the table of windows: addresses of pictures that are drawn when asked."""
    clip_id, number = str(window["clip_id"]), int(window["window"])
    view = loaders.entry(library, clip_id, "rectify")
    start_s, stop_s = float(window["start_s"]), float(window["stop_s"])
    return {
        "id": window_id(clip_id, number),
        "title": f"{clip_id}, window {number}",
        "name": shorten(loaders.names(library).get(clip_id, clip_id), _NAME_LETTERS),
        "facts": f"{moment(start_s)} · {signal.replace('_', ' ')} {float(window[signal]):.4g}",
        "poster": media.glimpse_url(view, "middle.jpg", start_s, stop_s),
        "missing": "No picture: the clip has no view.",
        "sheet": media.glimpse_url(view, "sheet.jpg", start_s, stop_s),
        "pictures": glimpses.SHEET_PICTURES,
    }


def window_id(clip_id: str, number: int) -> str:
    """Return what tells a window from all others of the project."""
    return f"{clip_id}#{number}"


def _names(table: pd.DataFrame) -> zip[tuple[str, int]]:
    return zip(table["clip_id"].astype(str), table["window"].astype(int), strict=True)
