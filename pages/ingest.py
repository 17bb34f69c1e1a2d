"""Ingest: choose footage, see what there is, start."""

import streamlit as st

from egoclean.ui import frame, guards, loaders, look_view, runs_view, start, summary
from egoclean.ui.columns import column_config

frame.title("Ingest", "Choose footage and start. Sources are read where they are and never changed.")
library = loaders.open_library()
runs_view.watch_active_run(library)
busy = guards.active_run(library) is not None
own, demo = st.columns(2, gap="large")
with own:
    start.source_form(library.project, busy)
with demo:
    start.demo_button(library.project, busy)
look_view.show_look(library, busy)
if busy:
    st.caption("A project takes one run at a time: wait for the one at work, or stop it.")

st.subheader("What this project holds", anchor=False)
clips = loaders.clips(library)
if not clips:
    st.info("No source has been read in yet.")
    st.stop()
table = summary.source_rows(library)
st.dataframe(table, hide_index=True, column_config=column_config(table))
summary.show_sources(library)
summary.show_notes(library)
