"""A table of windows: clips by their short names, one row to select."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow
import streamlit as st

from egoclean.library import Library
from egoclean.ui import loaders
from egoclean.ui.choice import chosen_row
from egoclean.ui.columns import column_config

MOST_ROWS = 1000
_TALL_ROWS = 9
_TALL_PX = 340


def show(
    library: Library, windows: pd.DataFrame, columns: Sequence[str], key: str, of: int | None = None
) -> pd.Series | None:
    """Show at most 1,000 ``windows`` with the ``columns`` they have; return the selected row with all columns, or None.

    ``clip`` among the columns stands for the clip's short name; ``of`` is how many there are where not all are given.
    """
    if windows.empty:
        st.caption("Nothing.")
        return None
    shown = windows.head(MOST_ROWS)
    names = loaders.names(library)
    table = shown.assign(clip=[names.get(clip_id, clip_id) for clip_id in shown["clip_id"].astype(str)])
    there = [name for name in dict.fromkeys(columns) if name in table and table[name].notna().any()]
    event = st.dataframe(
        # Threads for so few rows wait longer for one another than they work.
        pyarrow.Table.from_pandas(table[there], preserve_index=False, nthreads=1),
        hide_index=True,
        column_config=column_config(table[there]),
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        height=_TALL_PX if len(table) > _TALL_ROWS else "auto",
    )
    show_most(len(windows), of)
    position = chosen_row(event)
    return None if position is None or position >= len(shown) else shown.iloc[position]


def show_most(given: int, of: int | None = None) -> None:
    """Say that only the first 1,000 windows are shown where more were ``given``, ``of`` how many in all."""
    if given > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {of or given:,}.")
