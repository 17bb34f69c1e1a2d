"""Rectify: the picture before and after, what was kept of it, and what another field of view would make of it."""

import streamlit as st

from egoclean.ui import choice, frame, guards, rectify_view

frame.title("Rectify", "Fisheye pictures become straight ones. Judge here what that kept, stretched and lost.")
library = guards.require_step("rectify")


@st.fragment
def show_clip() -> None:
    """Show the clip that a person picks; another clip changes nothing else on the page."""
    clip = choice.clip_picker(library, "rectify")
    report = rectify_view.report(library, clip)
    if report.get("rectified"):
        rectify_view.show_rectified(library, clip, report)
    else:
        rectify_view.show_unrectified(library, clip, report)
    st.space("small")
    rectify_view.show_cameras(library, clip, report)


show_clip()
