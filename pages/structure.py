"""Structure: when things repeat, change and go wrong in one clip."""

import streamlit as st

from egoclean.ui import choice, clip_view, frame, guards, structure_view

frame.title(
    "Structure", "When the work repeats, when it changes, when it is unlike itself: one time axis for one clip."
)
library = guards.require_step("structure")
frame.warn_if_untrained(library, "embed")
clip = choice.clip_picker(library, "structure")
structure = structure_view.found(library, clip)
structure_view.show_numbers(structure)

video = st.container()
signals, likeness = st.columns([3, 2], gap="medium")
with likeness:
    st.subheader("Self-similarity", anchor=False, help=choice.meaning("similarity"))
    event = st.plotly_chart(
        structure_view.similarity_figure(library, clip), key="similarity", on_select="rerun", selection_mode="box"
    )
    st.caption("Draw a box: its two moments play side by side.")
with signals:
    st.subheader("Change, and what was found", anchor=False, help=choice.meaning("change"))
    st.plotly_chart(structure_view.change_figure(structure), key="change")
    span = structure_view.show_tables(structure)
with video:
    moments = structure_view.moments_of_brush(event, structure)
    if moments is not None:
        structure_view.show_two_moments(library, clip, moments)
    else:
        clip_view.show_player(library, clip, time_s=span[0] if span else 0.0, span=span, loop=span is not None)
st.subheader("How alike are moments that lie so many seconds apart?", anchor=False, help=choice.meaning("period"))
st.plotly_chart(structure_view.lag_figure(structure), key="lags")
