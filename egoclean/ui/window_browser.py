"""Windows to browse: those of the clips that pass the filter, within a range of any signal, in its order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from egoclean.library import Library
from egoclean.ui import clip_view, loaders, window_grid, windows_table
from egoclean.ui.columns import SIGNALS, signals_help
from egoclean.ui.format import count
from egoclean.ui.window_index import clip_numbers

_SHOWN = ("clip", "window", "start_s", "stop_s", "score", "anomaly", "change", "factory", "worker", "scene", "camera")


def show_windows(library: Library, clip_ids: pd.Series) -> pd.Series | None:
    """Show the windows of these clips, one signal in order, as a table or as pictures; return the selected, or None."""
    windows = loaders.windows(library)
    offered = loaders.known_signals(library, SIGNALS)
    if not offered:
        st.info("There are no windows with results yet.")
        st.page_link("pages/runs.py", label="Run the pipeline", icon=":material/arrow_forward:")
        return None
    field, low, high, end = st.columns([2, 1, 1, 2], vertical_alignment="bottom")
    signal = field.selectbox("Signal", offered, key="windows_signal", bind="query-params", help=signals_help(offered))
    order = loaders.signal_order(library, signal)
    ends = (float(order.values[0]), float(order.values[-1]))
    least = low.number_input("from", value=None, key="windows_from", bind="query-params", placeholder=f"{ends[0]:.4g}")
    most = high.number_input("to", value=None, key="windows_to", bind="query-params", placeholder=f"{ends[1]:.4g}")
    first = end.segmented_control(
        "First", ("highest", "lowest"), default="highest", required=True, key="windows_end", bind="query-params"
    )
    start, stop = order.between(ends[0] if least is None else least, ends[1] if most is None else most)
    rows = of_clips(windows, order.rows[start:stop], clip_ids)
    st.caption(f"{count(len(rows), 'window')} of {len(windows):,}")
    bar = st.container(horizontal=True, vertical_alignment="bottom", gap="large")
    form = bar.segmented_control(
        "Windows as", ("table", "grid"), default="table", required=True, key="windows_form", bind="query-params"
    )
    shown = windows.iloc[(rows[::-1] if first == "highest" else rows)[: windows_table.MOST_ROWS + 1]]
    if form == "grid":
        return window_grid.window_grid(library, shown, signal, clip_view.open_clip, bar, len(rows))
    return windows_table.show(library, shown, (signal, *_SHOWN), f"windows_{signal}_{first}", of=len(rows))


def of_clips(windows: pd.DataFrame, rows: NDArray[np.int32], clip_ids: pd.Series) -> NDArray[np.int32]:
    """Return those ``rows`` of the table of windows, in their order, that belong to one of the clips."""
    clips = windows["clip_id"]
    wanted = (
        np.flatnonzero(clips.cat.categories.isin(clip_ids)) if isinstance(clips.dtype, pd.CategoricalDtype) else None
    )
    if wanted is None:
        return rows[clips.iloc[rows].isin(clip_ids).to_numpy()]
    if len(wanted) == len(clips.cat.categories):
        return rows
    flags = np.zeros(len(clips.cat.categories) + 1, dtype=np.bool_)
    flags[wanted] = True
    return rows[flags[clip_numbers(windows)[rows]]]
