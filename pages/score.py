"""Score: how hard each window is to reconstruct, where to draw the line, and what the number rests on."""

import streamlit as st

from egoclean.ui import clip_view, disagreement_view, frame, guards, score_view

frame.title("Score", "How hard each window is for the model, where to draw the line, and what the number rests on.")
library, windows = guards.require_windows("score")
frame.warn_if_untrained(library, "score")
signal = score_view.pick_signal(library, windows)
score_view.show_thresholds(library, windows, signal)
score_view.show_explanations(library, windows, signal)
st.subheader("Windows in order", anchor=False)
ranking, look = st.columns(2, gap="medium")
with ranking:
    window = score_view.show_ranking(library, windows, signal)
if window is not None:
    with look:
        clip_view.show_window(library, window)
    st.subheader("Truth against prediction", anchor=False)
    score_view.show_panel(library, window)
parted = disagreement_view.show(library, windows)
if parted is not None:
    clip_view.show_window(library, parted, key="parted_player")
