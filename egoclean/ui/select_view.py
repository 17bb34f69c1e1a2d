"""Choosing a selection: widgets that build one configuration, and at once what it would choose."""

from __future__ import annotations

import dataclasses

import pandas as pd
import streamlit as st

from egoclean.charts.selection_charts import who_gets_picked
from egoclean.config import SelectConfig, build_config
from egoclean.library import Library, SelectionView
from egoclean.ui import clip_view, config_widgets, loaders
from egoclean.ui.choice import chosen_row
from egoclean.ui.columns import column_config
from egoclean.ui.format import count, footage, share
from egoclean.ui.glossary import meaning
from egoclean.ui.tables import footage_s
from egoclean.verbs.select import preview_selection, select_and_save

_FIRST = ("strategy", "signal", "calibrate_by")
_THRESHOLDS = ("minimum_score", "maximum_score", "near_duplicate")
_GROUPS = ("factory", "worker", "scene", "camera", "clip_id")


def base_config(library: Library) -> SelectConfig:
    """Return the configuration the widgets start from: the last selection's, or the project's."""
    view = loaders.selection(library)
    return view.config if view is not None else library.project.settings().select


def config_form(base: SelectConfig, windows: pd.DataFrame) -> SelectConfig:
    """Return the configuration a person set: budget, strategy and thresholds first, the rest folded away."""
    total_s = footage_s(windows)
    budget = config_widgets.budget_input(base, len(windows), total_s, "select")
    config = dataclasses.replace(base, budget=budget)
    config = config_widgets.config_inputs(config, _FIRST, "select", columns=3)
    config = config_widgets.config_inputs(config, _THRESHOLDS, "select", columns=3)
    rest = [
        item.name for item in dataclasses.fields(SelectConfig) if item.name not in (*_FIRST, *_THRESHOLDS, "budget")
    ]
    with st.expander("More settings", icon=":material/tune:"):
        config = config_widgets.config_inputs(config, rest, "select", columns=3)
    return build_config(
        SelectConfig, {item.name: getattr(config, item.name) for item in dataclasses.fields(config)}, "this page"
    )


def preview(library: Library, config: SelectConfig) -> SelectionView:
    """Return what ``config`` would choose."""
    return _preview(library, loaders.file_stamp(library.windows_file), config)


def show_counts(windows: pd.DataFrame, view: SelectionView) -> None:
    """Show how much is chosen and left out, in windows and footage."""
    total_s, chosen_s = footage_s(windows), footage_s(view.chosen)
    chosen, length, clips, left = st.columns(4)
    chosen.metric(
        "Chosen",
        count(len(view.chosen), "window"),
        share(len(view.chosen), len(windows)),
        delta_color="off",
        delta_arrow="off",
        help=meaning("budget"),
    )
    length.metric(
        "Footage chosen",
        footage(chosen_s),
        f"{share(chosen_s, total_s)} of {footage(total_s)}",
        delta_color="off",
        delta_arrow="off",
        help=meaning("footage"),
    )
    of = windows["clip_id"].nunique()
    clips.metric(
        "From", count(view.chosen["clip_id"].nunique(), "clip"), f"of {of:,}", delta_color="off", delta_arrow="off"
    )
    left.metric("Left out", count(len(view.left_out), "window"), help="Each with its reason, in the table below.")


def show_groups(windows: pd.DataFrame, view: SelectionView) -> None:
    """Show, group by group, its share of all windows beside its share of the chosen ones."""
    offered = [name for name in _GROUPS if 1 < windows[name].nunique() <= 40]
    if not offered:
        return
    by = st.segmented_control(
        "Who gets picked, by",
        offered,
        default=offered[0],
        required=True,
        key="select_by",
        format_func=lambda name: name.replace("_id", ""),
    )
    picked = windows["row"].isin(view.chosen["row"])
    figure = who_gets_picked(windows[by].fillna("none"), picked, by.replace("_id", ""))
    st.plotly_chart(figure, key="select_groups")


def show_tables(library: Library, view: SelectionView) -> None:
    """Show what is chosen and what is left out, with reasons; the selected row plays."""
    chosen_tab, left_tab = st.tabs([f"Chosen ({len(view.chosen):,})", f"Left out ({len(view.left_out):,})"])
    with chosen_tab:
        window = _show(
            view.chosen, ("rank", "clip_id", "window", "start_s", "stop_s", "gain", "reason"), "select_chosen"
        )
    with left_tab:
        reasons = view.left_out["reason"].str.replace(r"\d[\d.,]*", "…", regex=True).value_counts().head(8)
        if len(reasons):
            st.dataframe(reasons.rename_axis("reason").reset_index(name="windows"), hide_index=True)
        other = _show(view.left_out, ("clip_id", "window", "start_s", "stop_s", "reason"), "select_left")
    window = window if window is not None else other
    if window is not None:
        clip = loaders.clip_steps(library)[str(window["clip_id"])].clip
        span = (float(window["start_s"]), float(window["stop_s"]))
        clip_view.show_player(library, clip, key="select_player", time_s=span[0], span=span, loop=True)


def save_button(library: Library, config: SelectConfig, view: SelectionView) -> None:
    """Show the button that makes this the project's selection, and whether it is so already."""
    saved = loaders.selection(library)
    if saved is not None and saved.config == config and list(saved.chosen["row"]) == list(view.chosen["row"]):
        st.success("This is the saved selection: Export writes it.", icon=":material/check:")
        st.page_link("pages/export.py", label="Go to Export", icon=":material/arrow_forward:")
    elif st.button("Save as the project's selection", type="primary", icon=":material/save:", shortcut="s"):
        select_and_save(library, config)
        st.rerun()


def _show(table: pd.DataFrame, names: tuple[str, ...], key: str) -> pd.Series | None:
    shown = table[[name for name in names if name in table]].head(1000)
    if shown.empty:
        st.caption("Nothing.")
        return None
    event = st.dataframe(
        shown, hide_index=True, column_config=column_config(shown), on_select="rerun", selection_mode="single-row",
        key=key, height=330,
    )  # fmt: skip
    if len(table) > len(shown):
        st.caption(f"The first {len(shown):,} of {len(table):,}; the export has them all.")
    position = chosen_row(event)
    return None if position is None or position >= len(shown) else shown.iloc[position]


@st.cache_resource(show_spinner="Choosing…", max_entries=16)
def _preview(_library: Library, stamp: loaders.Stamp, config: SelectConfig) -> SelectionView:
    return preview_selection(_library, config)
