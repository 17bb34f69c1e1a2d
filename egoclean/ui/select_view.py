"""Choosing a selection: widgets that build one configuration, and at once what it would choose."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Hashable, Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts.selection_charts import picked_shares
from egoclean.config import SelectConfig
from egoclean.library import Library, SelectionView
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import choosing, clip_view, config_widgets, loaders, metrics, windows_table
from egoclean.ui.format import count, footage, plain, share
from egoclean.ui.glossary import meaning
from egoclean.ui.range_slider import range_slider, widget_key
from egoclean.ui.tables import footage_s

_FIRST = ("strategy", "signal", "calibrate_by")
_CHOSEN = ("rank", "clip", "window", "start_s", "stop_s", "score", "gain", "reason")
_LEFT_OUT = ("clip", "window", "start_s", "stop_s", "reason")
_MINUTES = (
    "A budget in minutes counts each window up to the start of the next one: where windows overlap, the chosen rows "
    "can span more."
)
_THRESHOLDS = ("minimum_score", "maximum_score", "near_duplicate")
_MOST_GROUPS = 40
_WHOLE, _CONFIG, _KNOWN = "select_whole", "select_config", "select_known"
_SCORES = "select_scores"
_FIELDS = tuple(item.name for item in dataclasses.fields(SelectConfig))
_GROUPS = ("factory", "worker", "scene", "camera", "clip_id")


def base_config(library: Library) -> SelectConfig:
    """Return the configuration the widgets start from: the last selection's, or the project's."""
    view = loaders.selection(library)
    return view.config if view is not None else library.project.settings().select


def config_form(library: Library, windows: pd.DataFrame) -> SelectConfig:
    """Return the configuration a person set: budget, strategy and thresholds first, the rest folded away."""
    if len(windows) <= choosing.AT_ONCE:
        return _options(library, windows)
    st.session_state[_WHOLE] = True
    _options_apart(library, windows)
    config: SelectConfig = st.session_state[_CONFIG]
    return config


@st.fragment
def _options_apart(library: Library, windows: pd.DataFrame) -> None:
    """The options by themselves: another process chooses, and the rest of the page follows when it has."""
    whole = st.session_state.pop(_WHOLE, False)
    known: dict[Hashable, SelectConfig] = st.session_state.setdefault(_KNOWN, {})
    back = None if whole else known.get(_set_by_person(library))
    if back is not None and choosing.is_ready(library, back):
        st.rerun()  # which draws the options too
    st.session_state[_CONFIG] = config = _options(library, windows)
    known[_set_by_person(library)] = config
    if choosing.seek(library, config) and not whole:
        st.rerun()


def _set_by_person(library: Library) -> Hashable:
    """Return what the options follow from: what they start with, the table, and the widgets that set them."""
    fields = (config_widgets.field_key("select", name) for name in _FIELDS)
    keys = (*config_widgets.budget_keys("select"), *fields, widget_key(_SCORES))
    state = tuple(st.session_state.get(key) for key in keys)
    return base_config(library), file_stamp(library.windows_file), keys[-1], state


def _options(library: Library, windows: pd.DataFrame) -> SelectConfig:
    base, total_s = base_config(library), loaders.window_seconds(library)
    budget = config_widgets.budget_input(base, len(windows), total_s, "select")
    config = dataclasses.replace(base, budget=budget)
    config = config_widgets.config_inputs(config, _FIRST, "select", columns=3)
    config = _thresholds(config, windows)
    known = (*_FIRST, *_THRESHOLDS, "budget")
    rest = [name for name in _FIELDS if name not in known]
    more = st.expander("More settings", icon=":material/tune:", key="select_more", on_change="rerun")
    # Two dozen fields are sent only when they are looked at, or when the address sets one of them.
    if not more.open and not any(config_widgets.field_key("select", name) in st.query_params for name in rest):
        return config
    with more:
        return config_widgets.config_inputs(config, rest, "select", columns=3)


def show_counts(library: Library, windows: pd.DataFrame, view: SelectionView) -> None:
    """Show how much is chosen and left out, in windows and footage, and what the choice has to say of itself."""
    total_s, chosen_s = loaders.window_seconds(library), _seconds(_rows_key(view.chosen), view.chosen)
    chosen, length, clips, left = st.columns(4)
    said = f"{share(len(view.chosen), len(windows))} of all windows"
    metrics.number(chosen, "Chosen", count(len(view.chosen), "window"), said, "budget")
    said = f"{share(chosen_s, total_s)} of {footage(total_s)}"
    metrics.number(length, "Footage chosen", footage(chosen_s), said, f"{meaning('footage')} {_MINUTES}")
    clip_count, all_clips = view.chosen["clip_id"].nunique(), len(_group_counts(library)["clip_id"])
    metrics.number(clips, "From", count(clip_count, "clip"), f"of {all_clips:,}", "clip")
    about = "Each with its reason, in the table below."
    metrics.number(left, "Left out", count(int(view.details["windows"]) - len(view.chosen), "window"), about=about)
    for note in view.details.get("notes") or ():
        st.caption(plain(note))


def show_groups(library: Library, view: SelectionView) -> None:
    """Show, group by group, its share of all windows beside its share of the chosen ones."""
    counts = _group_counts(library)
    offered = [name for name in _GROUPS if 1 < len(counts[name]) <= _MOST_GROUPS]
    if not offered:
        return
    by = st.segmented_control(
        "Who gets picked, by",
        offered,
        default=offered[0],
        required=True,
        key="select_by",
        bind="query-params",
        format_func=lambda name: name.replace("_id", ""),
    )
    figure = _shares(_rows_key(view.chosen), by, counts[by], view.chosen[by])
    st.plotly_chart(figure, key="select_groups")


@st.cache_resource(show_spinner=False, max_entries=32)
def _shares(key: bytes, by: str, _every: Mapping[str, int], _of_chosen: pd.Series) -> go.Figure:
    names, picked = sorted(_every), _counts(_of_chosen)
    every, of_chosen = ([amounts.get(name, 0) for name in names] for amounts in (_every, picked))
    return picked_shares(names, every, of_chosen, by.replace("_id", ""))


@st.cache_resource(show_spinner=False, max_entries=32)
def _seconds(key: bytes, _chosen: pd.DataFrame) -> float:
    return footage_s(_chosen)


def _group_counts(library: Library) -> Mapping[str, Mapping[str, int]]:
    """Return for each field that groups windows how many windows each group has."""
    return _all_counts(library, str(library.project.root), file_stamp(library.windows_file))


@st.cache_resource(show_spinner=False, max_entries=2)
def _all_counts(_library: Library, root: str, stamp: Stamp) -> dict[str, dict[str, int]]:
    windows = loaders.windows(_library)
    return {name: _counts(windows[name]) for name in _GROUPS}


def _counts(groups: pd.Series) -> dict[str, int]:
    found = groups.value_counts(dropna=False)
    # A missing name is the one value that does not equal itself.
    return {str(name) if name == name else "none": int(number) for name, number in found.items() if number}


def _rows_key(chosen: pd.DataFrame) -> bytes:
    """Return what tells one choice from another: the rows it took, in order, and where they lie."""
    parts = (chosen["row"], chosen["start_s"], chosen["stop_s"])
    return hashlib.blake2b(b"".join(part.to_numpy().tobytes() for part in parts)).digest()


@st.fragment
def show_tables(library: Library, view: SelectionView) -> None:
    """Show what is chosen and what is left out, with reasons; the selected row plays."""
    chosen_tab, left_tab = st.tabs(["Chosen", "Left out"], key="select_tab", on_change="rerun")
    window = None
    if chosen_tab.open:
        with chosen_tab:
            window = windows_table.show(library, view.chosen, _CHOSEN, "select_chosen")
    if left_tab.open:
        with left_tab:
            kinds = dict(view.details.get("left_out_by_reason") or {})
            st.caption(" · ".join(f"{number:,} × {plain(reason)}" for reason, number in kinds.items()))
            window = windows_table.show(library, view.left_out, _LEFT_OUT, "select_left")
    if window is not None:
        clip_view.show_window(library, window, key="select_player")


def save_button(library: Library, config: SelectConfig, view: SelectionView) -> None:
    """Show the button that makes this the project's selection, or that it is so; nothing while another is made."""
    if view.config != config:
        return
    saved = loaders.selection(library)
    if saved is not None and saved.config == config and _same_rows(saved, view):
        st.success("This is the saved selection: Export writes it.", icon=":material/check:")
        st.page_link("pages/export.py", label="Go to Export", icon=":material/arrow_forward:")
    elif st.button("Save as the project's selection", type="primary", icon=":material/save:", shortcut="s"):
        choosing.save(library, config)
        st.rerun()


def _thresholds(config: SelectConfig, windows: pd.DataFrame) -> SelectConfig:
    least, most = float(windows["score"].min()), float(windows["score"].max())
    marks, duplicates = st.columns([2, 1])
    if most > least:
        start = (config.minimum_score or least, config.maximum_score or most)
        text = f"{meaning('score')} The ends of the scale mean no limit."
        lowest, highest = range_slider(marks, "Keep scores from … to …", least, most, start, _SCORES, text)
        config = dataclasses.replace(config, minimum_score=lowest, maximum_score=highest)
    with duplicates:
        return config_widgets.config_inputs(config, ("near_duplicate",), "select")


def _same_rows(saved: SelectionView, view: SelectionView) -> bool:
    return saved is view or bool(saved.chosen["row"].equals(view.chosen["row"]))
