"""Structure: when things repeat, change and go wrong in one clip."""

import streamlit as st

from egoclean.ui import choice, clip_view, frame, guards, loaders, structure_view
from egoclean.ui.glossary import meaning

frame.title(
    "Structure", "When the work repeats, when it changes, when it is unlike itself: one time axis for one clip."
)
library = guards.require_step("structure")
frame.show_model(library, "embed")


@st.fragment
def show_clip() -> None:
    """Show the clip that a person picks; another clip changes nothing else on the page."""
    clip = choice.clip_picker(library, "structure", first=loaders.first_repeating(library))
    structure = structure_view.found(library, clip)
    structure_view.show_numbers(structure)
    switches, video = st.container(horizontal=True), st.container()
    with switches:
        truth = structure_view.choose_truth(library, clip)
        curves = structure_view.choose_curves(library, clip, structure)
    tables, likeness = st.columns(2, gap="medium")
    with likeness:
        st.subheader("Self-similarity", anchor=False, help=meaning("similarity"))
        figure = structure_view.similarity_figure(library, clip)
        event = st.plotly_chart(figure, key=f"similarity_{clip.clip_id}", on_select="rerun", selection_mode="box")
        st.caption("Bright = alike. Draw a box: its two moments play side by side above.")
    with tables:
        st.subheader("What was found", anchor=False, help="Select a row: the player repeats it.")
        span = structure_view.show_tables(library, structure, clip)
        st.subheader("Alike after how many seconds?", anchor=False, help=meaning("period"))
        st.plotly_chart(structure_view.lag_figure(library, clip), key="lags")
    with video:
        moments = structure_view.moments_of_brush(event, structure)
        moments = moments or structure_view.cycles_side_by_side(structure, clip)
        if moments is not None:
            structure_view.show_two_moments(library, clip, moments)
        start_s = span[0] if span else 0.0
        clip_view.show_player(
            library,
            clip,
            time_s=start_s,
            span=span,
            loop=span is not None,
            lanes=structure_view.LANES,
            known=truth,
            curves=curves,
        )


show_clip()
