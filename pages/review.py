"""Review: keep or reject what is worth a person's look, and never lose a decision."""

import streamlit as st

from egoclean.ui import frame, guards, review_queue, review_view

frame.title("Review", "What is worth a look and why. Keep or reject by key; every decision is stored at once.")
library, windows = guards.require_windows()


@st.fragment
def show_queue() -> None:
    """Show what waits for a decision; a decision changes nothing else on the page."""
    queue = review_queue.build_queue(library, windows)
    review_view.show_progress(library, queue)
    item = review_view.pick(queue)
    if item is None:
        st.success("The queue is empty: every window in it has a decision.", icon=":material/check:")
    else:
        review_view.show_item(library, item)
    review_view.show_buttons(library, item)
    review_view.show_history(library)


show_queue()
