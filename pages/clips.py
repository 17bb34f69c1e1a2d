"""Clips: browse, filter, play."""

import streamlit as st

from egoclean.ui import choice, clip_view, filters, frame, guards, summary, window_browser
from egoclean.ui.columns import column_config
from egoclean.ui.grid import clip_grid

frame.title("Clips", "Browse the footage: filter, look, play frame by frame.")
library = guards.require_clips()
table = summary.clip_rows(library)
shown = filters.filter_clips(table)
if shown.empty:
    st.info("No clip passes this filter.")
    st.stop()

browse, play = st.tabs(["Browse", "Play"], key="clips_tab", on_change="rerun", bind="query-params")
if browse.open:
    with browse:
        bar = st.container(horizontal=True, vertical_alignment="bottom", gap="large")
        form = bar.segmented_control(
            "Show as", ("grid", "table", "windows"), default="grid", required=True, key="clips_form"
        )
        if form == "grid":
            clip_grid(library, list(shown["clip_id"]), clip_view.open_clip, bar)
        elif form == "windows":
            clip_view.show_window(library, window_browser.show_windows(library, shown["clip_id"]))
        else:
            event = st.dataframe(
                shown.drop(columns="clip_id"),
                hide_index=True,
                column_config=column_config(shown),
                on_select="rerun",
                selection_mode="single-row",
                key="clips_table",
            )
            clip_view.open_button(shown, choice.chosen_row(event))
if play.open:
    with play:
        clip = choice.clip_picker(library)
        clip_view.show_player(library, clip, time_s=clip_view.opened_at(clip))
        clip_view.show_facts(clip)
