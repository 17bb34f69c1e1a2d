"""Overview: where the whole project stands, clip by clip and verb by verb."""

import streamlit as st

from egoclean.ui import first_minute, frame, loaders, runs_view, summary
from egoclean.ui.columns import column_config

library = loaders.open_library()
if not library.project.exists and not library.runs():
    first_minute.show(library.project)
    st.stop()

frame.title("Overview", "Every clip and every step: what is done, what was refused, and why.")
runs_view.watch_active_run(library)
totals = summary.totals(library)
summary.show_totals(totals)
if totals.clips == 0:
    st.info("No clips are known yet. They appear here as soon as the sources have been listed.")
    st.page_link("pages/ingest.py", label="Choose footage", icon=":material/arrow_forward:")
    st.stop()

summary.show_footage(totals)
st.subheader("Clips", anchor=False)
table = summary.status_rows(library)
only_open = st.toggle("Only clips with something to see to", help="Rejected, failed or still waiting.")
shown = table[summary.needs_attention(table)] if only_open else table
if shown.empty:
    st.success("Nothing to see to: every step is done for every clip.", icon=":material/check:")
else:
    st.dataframe(shown, hide_index=True, column_config=column_config(shown), height="auto")
summary.show_notes(library)
