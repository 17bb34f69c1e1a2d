"""Rectify: the picture before and after, and what was kept of it."""

import streamlit as st

from egoclean.ui import choice, frame, guards, rectify_view

frame.title("Rectify", "Fisheye pictures become straight ones. Judge here what that kept, stretched and lost.")
library = guards.require_step("rectify")
clip = choice.clip_picker(library, "rectify")
report = rectify_view.report(library, clip)
if report.get("rectified") is False:
    reason = rectify_view.reason(report)
    st.info(f"Not rectified: {reason} The picture is used as it is, only made smaller.", icon=":material/info:")
rectify_view.show_pictures(library, clip, report)
if report.get("rectified"):
    st.subheader("What the new picture keeps", anchor=False)
    rectify_view.show_numbers(report)
rectify_view.show_cameras(library, clip, report)
