"""What a choice is worth before it is saved: coverage beside chance, and what it changes against another choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts.selection_charts import coverage_curve
from egoclean.core.coverage_curve import DRAWS
from egoclean.library import Library, SelectionView
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders, metrics, windows_table
from egoclean.ui.format import count, footage, plain
from egoclean.ui.glossary import meaning
from egoclean.ui.tables import footage_s

_ASIDE: Final = "choice_aside"
_HELP: Final = "Put a choice aside, change the options, and see here what the change does. Kept for this visit."
_SHOWN: Final = ("clip", "window", "start_s", "stop_s", "score", "reason")


@dataclass(frozen=True, slots=True)
class _Aside:
    """A choice put aside in this visit: its name, what it chose, and the table of windows it chose from."""

    name: str
    chosen: pd.DataFrame
    stamp: Stamp


def show_coverage(view: SelectionView) -> None:
    """Show which share of all windows has a chosen one close to it as the budget grows, beside chance."""
    covered = view.details.get("coverage")
    if not covered:
        if not view.chosen.empty:
            st.caption("What this choice covers is not known: it was made without comparing windows with each other.")
        return
    st.subheader("What the choice covers", anchor=False, help=meaning("coverage") + " Higher = stands for more.")
    st.plotly_chart(_figure(tuple(covered["budgets"]), tuple(covered["chosen"]), covered), key="select_coverage")
    apart = view.details["windows"] - covered["windows"]
    other = (
        f" {count(apart, 'window')} of another embedding space cannot be compared and are not counted." if apart else ""
    )
    asked = "" if covered["asked"] == covered["windows"] else f" Asked of {covered['asked']:,} windows, evenly taken."
    st.caption(
        f"Close is a cosine distance of at most {covered['radius']:.4f}, the median distance to the tenth nearest "
        f"window. Grey: {DRAWS} draws at random.{asked}{other}"
    )


def show_difference(library: Library, view: SelectionView) -> None:
    """Show, when asked for, what this choice takes that the saved one, or one put aside, does not, and the reverse."""
    with st.expander(
        "Compare with another choice", icon=":material/compare_arrows:", key="compare_open", on_change="rerun"
    ) as place:
        if not place.open:
            return
        stamp = file_stamp(library.windows_file)
        saved, aside = loaders.selection(library), st.session_state.get(_ASIDE)
        others = {} if saved is None else {"the saved selection": saved.chosen}
        if aside is not None and aside.stamp == stamp:
            others[f"put aside: {aside.name}"] = aside.chosen
        name = f"{view.config.strategy}, {view.config.budget}"
        with st.container(horizontal=True, vertical_alignment="bottom"):
            against = (
                st.selectbox("This choice against", list(others), key="compare_with", help=_HELP) if others else None
            )
            if st.button("Put this choice aside", icon=":material/bookmark_add:", help=_HELP):
                st.session_state[_ASIDE] = _Aside(name, view.chosen, stamp)
                st.rerun()
        if against is not None:
            _parts(library, view.chosen, others[against])


def difference(these: pd.DataFrame, others: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the chosen windows that both hold, those of ``these`` alone and those of ``others`` alone, told by row."""
    shared = these["row"].isin(others["row"])
    return these[shared], these[~shared], others[~others["row"].isin(these["row"])]


def _parts(library: Library, these: pd.DataFrame, others: pd.DataFrame) -> None:
    parts = dict(zip(("In both", "Only in this choice", "Only in the other"), difference(these, others), strict=True))
    for place, (label, rows) in zip(st.columns(3), parts.items(), strict=True):
        metrics.number(place, label, count(len(rows), "window"), footage(footage_s(rows)), "footage")
    for tab, (label, rows) in zip(st.tabs([plain(label) for label in parts]), parts.items(), strict=True):
        with tab:
            windows_table.show(library, rows, _SHOWN, f"compare_{label}")


@st.cache_resource(show_spinner=False, max_entries=32)
def _figure(budgets: tuple[int, ...], shares: tuple[float, ...], _covered: Mapping[str, Any]) -> go.Figure:
    bands = {"random": (_covered["random_low"], _covered["random_high"])}
    return coverage_curve({"this choice": (budgets, shares), "random": (budgets, _covered["random"])}, bands=bands)
