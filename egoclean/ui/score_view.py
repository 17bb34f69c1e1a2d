"""A signal over all windows: thresholds with what they keep, examples at the line, explanations, panels."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean import workers
from egoclean.charts.score_charts import score_histogram
from egoclean.core.explanations import TRIVIAL_SIGNALS, rank_correlation
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import clip_view, disagreement_view, loaders, metrics, windows_table
from egoclean.ui.columns import SIGNALS, signals_help
from egoclean.ui.format import count, footage, share
from egoclean.ui.range_slider import range_slider, set_range
from egoclean.ui.start import show_error
from egoclean.ui.window_index import evenly

_SHOWN = ("window", "score", "score_stderr", "skill", "anomaly", "change")
_EXAMPLES = 3
_RANKED = 50
_CORRELATED = 10_000
_LARGE = 50_000


@st.fragment
def show_signal(library: Library, windows: pd.DataFrame) -> None:
    """Show all there is to see of the signal that a person picks; the rest of the page need not wait for it."""
    signal = _pick_signal(library, windows)
    _show_thresholds(library, windows, signal)
    _show_explanations(library, windows, signal)
    in_order, parted = st.tabs(["Windows in order", "Where signals disagree"], key="score_tab", on_change="rerun")
    if in_order.open:
        with in_order:
            _show_order(library, windows, signal)
    if parted.open:
        with parted:
            disagreement_view.show(library, windows)


def _pick_signal(library: Library, windows: pd.DataFrame) -> str:
    """Return the signal a person looks at: one that at least one window has."""
    offered = loaders.known_signals(library, SIGNALS)
    if len(windows) > _LARGE:
        loaders.order_signals(library, offered)
    return st.segmented_control(
        "Signal",
        offered,
        default=offered[0],
        required=True,
        format_func=lambda name: name.replace("_", " "),
        key="signal",
        bind="query-params",
        help=signals_help(offered),
    )


@st.fragment
def _show_thresholds(library: Library, windows: pd.DataFrame, signal: str) -> None:
    """Show the histogram of a signal with two thresholds, and at once what they keep, in windows and footage."""
    order = loaders.signal_order(library, signal)
    least, most = float(order.values[0]), float(order.values[-1])
    if not most > least:
        st.info(f"All windows have the same {signal.replace('_', ' ')}: {least:.4g}. There is nothing to part.")
        return
    key = f"thresholds_{signal}"
    label = f"Keep windows with {signal.replace('_', ' ')} from … to …"
    text = "Drag the ends, or draw a range on the histogram."
    lowest, highest = range_slider(st.container(), label, least, most, (least, most), key, text)
    low, high = least if lowest is None else lowest, most if highest is None else highest
    first, last = order.between(low, high)
    values = windows[signal].to_numpy()
    total_s = kept_s = loaders.window_seconds(library)
    if last - first < len(windows):
        kept_s = loaders.window_footage(library).seconds((values >= low) & (values <= high))
    kept, dropped, below, above = st.columns(4)
    said = f"{footage(kept_s)}, {share(kept_s, total_s)}"
    metrics.number(kept, "Kept", count(last - first, "window"), said, "footage")
    lost = f"{footage(total_s - kept_s)} of footage lost"
    about = "A second is lost when no window that is kept holds it."
    metrics.number(dropped, "Dropped", count(len(windows) - (last - first), "window"), lost, about)
    metrics.number(below, "Below the range", count(first, "window"))
    metrics.number(above, "Above the range", count(len(order.values) - last, "window"))
    root, stamp = str(library.project.root), file_stamp(library.windows_file)
    histogram = _histogram(library, root, stamp, signal, lowest, highest)
    st.plotly_chart(histogram, key=f"{key}_figure", on_select=lambda: _take_range(key), selection_mode="box")
    if order.missing:
        st.caption(f"{count(order.missing, 'window')} without a value count as dropped.")
    if signal == "score" and st.button("Use this range in Select", icon=":material/checklist:"):
        set_range("select_scores", low, high)
        st.switch_page("pages/select.py")
    _show_examples(library, windows, signal, high if lowest is None else low)


def _show_explanations(library: Library, windows: pd.DataFrame, signal: str) -> None:
    """Show how far plain properties of the picture rank the windows as the signal does."""
    found, looked_at = _explanations(library, file_stamp(library.windows_file), signal)
    if not found:
        return
    strongest = max(found, key=lambda name: abs(found[name]))
    text = "Rank correlation with a plain property of the picture: ±1 = says the same, 0 = says something else."
    st.subheader("Can something simpler explain it?", anchor=False, help=text)
    for place, (name, value) in zip(st.columns(len(found)), found.items(), strict=True):
        place.metric(name.replace("_", " "), f"{value:+.2f}", help=text)
    if looked_at < len(windows):
        st.caption(f"From {looked_at:,} of the {len(windows):,} windows, evenly taken.")
    if abs(found[strongest]) >= 0.7:
        st.warning(
            f"This signal is mostly {strongest.replace('_', ' ')} (rank correlation {found[strongest]:+.2f}): a far "
            "simpler measure would order the windows nearly alike.",
            icon=":material/warning:",
        )


@st.fragment
def _show_order(library: Library, windows: pd.DataFrame, signal: str) -> None:
    """Show the windows at one end of a signal, one of them playing, and what the model fills in for it."""
    ranking, look = st.columns(2, gap="medium")
    with ranking:
        window = _show_ranking(library, windows, signal)
    if window is not None:
        with look:
            clip_view.show_window(library, window)
        st.subheader("Truth against prediction", anchor=False)
        show_panel(library, window)


def _show_ranking(library: Library, windows: pd.DataFrame, signal: str) -> pd.Series | None:
    """Show the windows with the highest or lowest values; return the selected one, or the first."""
    order = loaders.signal_order(library, signal)
    which = st.segmented_control(
        "Show", ("highest", "lowest"), default="highest", required=True, key="rank_end", bind="query-params"
    )
    shown = windows.iloc[order.highest(_RANKED) if which == "highest" else order.lowest(_RANKED)]
    selected = windows_table.show(library, shown, ("clip", "start_s", signal, *_SHOWN), key=f"rank_{signal}_{which}")
    if selected is None and len(shown):
        return shown.iloc[0]
    return selected


@st.fragment
def show_panel(library: Library, window: pd.Series) -> None:
    """Show truth, masked input and prediction of a window, drawn by the model worker when asked for."""
    number, clip_id = int(window["window"]), str(window["clip_id"])
    wanted = (clip_id, number)
    if st.button(
        "Draw what the model fills in",
        icon=":material/compare:",
        help="Loads the model at the first time: some seconds.",
    ):
        st.session_state["panel_wanted"] = wanted
    if st.session_state.get("panel_wanted") != wanted:
        st.caption("What the model saw and what it filled in, for the middle frame of the selected window.")
        return
    try:
        with st.spinner("The model is drawing the panel…", show_time=True):
            path = workers.request_panel(library.project, clip_id, number)
    except EgocleanError as error:
        show_error(error)
        return
    st.image(str(path), width="stretch", alt="Truth, masked input, prediction and error of the window's middle frame")
    st.caption(
        "The colours of the prediction come from the true patches' mean and spread: the model predicts the rest."
    )


@st.cache_resource(show_spinner=False, max_entries=32)
def _histogram(
    _library: Library, root: str, stamp: Stamp, signal: str, lowest: float | None, highest: float | None
) -> go.Figure:
    order = loaders.signal_order(_library, signal)
    return score_histogram(order.values, lowest, highest, signal.replace("_", " "), missing=order.missing)


@st.cache_resource(show_spinner=False, max_entries=16)
def _explanations(_library: Library, stamp: Stamp, signal: str) -> tuple[dict[str, float], int]:
    """Return the rank correlation of a signal with each plain property, and on how many windows."""
    windows = loaders.windows(_library)
    part = windows.iloc[evenly(len(windows), _CORRELATED)]
    there = [name for name in TRIVIAL_SIGNALS if name in part and part[name].notna().any() and name != signal]
    found = {name: rank_correlation(part[signal].to_numpy(float), part[name].to_numpy(float)) for name in there}
    return {name: value for name, value in found.items() if value == value}, len(part)


def _show_examples(library: Library, windows: pd.DataFrame, signal: str, line: float) -> None:
    order = loaders.signal_order(library, signal)
    moved = line not in (order.values[0], order.values[-1])
    label = f"Windows just below and just above {line:.4g}"
    shown = st.expander(label, icon=":material/vertical_align_center:", expanded=moved, on_change="rerun")
    if not shown.open:
        return
    near = windows.iloc[order.near(line, _EXAMPLES)]
    near = near.assign(side=near[signal].ge(line).map({True: "above", False: "below"}))
    with shown:
        window = windows_table.show(library, near, ("side", "clip", "window", "start_s", signal), f"near_{signal}")
        if window is not None:
            clip_view.show_window(library, window, key="near_player")


def _take_range(key: str) -> None:
    boxes = st.session_state[f"{key}_figure"]["selection"]["box"]
    if boxes:
        low, high = sorted(float(item) for item in boxes[0]["x"])
        set_range(key, low, high)
