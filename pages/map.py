"""Map: all windows laid out by likeness."""

import streamlit as st

from egoclean.ui import choice, clip_view, frame, guards, map_points, map_view

frame.title(
    "Map", "Every point is a window; alike windows lie close together. Draw around points to see what they are."
)
library = guards.require_step("embed")
frame.show_model(library, "embed")
guards.require_windows()
found = map_points.embedding_map(library)
if found.points.empty:
    st.info("The run has not written any embeddings into the table of windows yet.")
    st.stop()


@st.fragment
def show_points() -> None:
    """Show the points, and the windows a person draws around; either changes nothing else on the page."""
    by = map_view.colour_by(found.groups)
    figure = map_view.figure(library, found.points, by)
    event = st.plotly_chart(figure, key="map", on_select="rerun", selection_mode=("lasso", "box"))
    st.caption(map_view.caption(found))
    lassoed = map_view.lassoed(found.points, choice.chosen_points(event))
    if lassoed.empty:
        st.info("Nothing is drawn around yet: drag a loop around some points, or a box with the tool above the figure.")
        return
    st.subheader(map_view.heading(lassoed), anchor=False)
    clip_view.show_window(library, map_view.show_table(library, lassoed))


show_points()
