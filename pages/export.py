"""Export: the manifest, as the training job will read it."""

import streamlit as st

from egoclean.ui import config_widgets, export_view, frame, guards
from egoclean.ui.columns import column_config

frame.title("Export", "The manifest says which seconds of which file to train on, with their scores and the reason.")
library = guards.require_clips()
view = export_view.require_selection(library)
export_view.show_counts(library, view)
config = config_widgets.config_inputs(library.project.settings().export, ("format",), key="export")
preview = export_view.preview(library, view)
st.subheader("First rows", anchor=False)
st.dataframe(preview, hide_index=True, column_config=column_config(preview))
with st.expander("One row in full", icon=":material/data_object:"):
    st.json(export_view.first_row(library, view), expanded=2)
manifest = export_view.manifest_bytes(library, view, config.format)
st.download_button(
    f"Download {manifest.name}",
    manifest.data,
    file_name=manifest.name,
    mime=manifest.mime,
    type="primary",
    icon=":material/download:",
    on_click="ignore",
)
st.caption(manifest.note)
st.code(
    f"egoclean export --project {library.project.root} --out {manifest.name} --format {config.format}", language="bash"
)
