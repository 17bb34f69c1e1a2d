"""Evaluate: the selection beside choices made at random."""

import streamlit as st

from egoclean.ui import evaluate_view, export_view, frame, guards

frame.title("Evaluate", "What the selection stands for, beside as many windows drawn at random and evenly in time.")
library = guards.require_step("embed")
view = export_view.require_selection(library)
frame.show_model(library, "embed")
result = evaluate_view.compare(library, view)
st.dataframe(result.table, hide_index=True, column_config=evaluate_view.columns())
st.caption(result.note)
if not result.rare.empty:
    st.subheader("When each rare kind is first chosen", anchor=False, help="1 = chosen first. Lower = found sooner.")
    st.dataframe(result.rare, hide_index=True)
st.subheader("Coverage as the budget grows", anchor=False, help="The grey band spans five random draws.")
st.plotly_chart(result.curve, key="evaluate_curve")
