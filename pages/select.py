"""Select: a budget and a strategy, and at once what they choose and why."""

import streamlit as st

from egoclean.ui import choosing, comparing, frame, guards, select_view

frame.title("Select", "Set a budget: what would be chosen, from where, and why the rest is left out.")
library, windows = guards.require_windows()
frame.show_model(library, "embed")
config = select_view.config_form(library, windows)
view = choosing.view_of(library, config)
select_view.show_counts(library, windows, view)
select_view.save_button(library, config, view)
comparing.show_difference(library, view)
covered, picked = st.columns(2, gap="medium")
with covered:
    comparing.show_coverage(view)
with picked:
    select_view.show_groups(library, view)
select_view.show_tables(library, view)
