"""Runs: what is at work, what was done, what failed."""

import streamlit as st

from egoclean.ui import choice, frame, guards, runs_view, start
from egoclean.ui.columns import column_config

frame.title("Runs", "Watch, stop and resume. Finished work is kept: a run never does the same thing twice.")
library = guards.require_project()
active = guards.active_run(library)
runs = library.runs()
if active is None:
    start.resume_form(library)
else:
    runs_view.watch_active_run(library)
runs_view.show_left_out(library, busy=active is not None)
if not runs:
    st.info("Nothing has been run on this project yet.")
    st.stop()

st.subheader("All runs, newest first", anchor=False)
table = runs_view.runs_table(runs)
event = st.dataframe(
    table,
    hide_index=True,
    column_config=column_config(table),
    on_select="rerun",
    selection_mode="single-row",
    key="runs",
)
run = runs[choice.chosen_row(event) or 0]
st.subheader(runs_view.heading(run), anchor=False)
runs_view.show_state(run)
stages, log, failed = st.tabs(["Stages", "Log", "Rejected and failed clips"])
with stages:
    runs_view.show_stages(run.stages)
with log:
    runs_view.show_log(run)
with failed:
    runs_view.show_failures(run)
runs_view.show_cache(library, busy=active is not None)
