"""What a choice is worth before it is saved: coverage beside chance, and what it changes against another choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from egoclean.charts.selection_charts import coverage_curve
from egoclean.core.coverage_curve import curve_budgets, order_curve, random_curves
from egoclean.core.metrics import coverage_radius
from egoclean.core.rows import unit_or_zero_rows
from egoclean.library import Library, SelectionView
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders, metrics, windows_table
from egoclean.ui.choosing import AT_ONCE
from egoclean.ui.format import count, footage, plain
from egoclean.ui.glossary import meaning
from egoclean.ui.tables import footage_s

DRAWS: Final = 5
_ASIDE: Final = "choice_aside"
_HELP: Final = "Put a choice aside, change the options, and see here what the change does. Kept for this visit."
_SHOWN: Final = ("clip", "window", "start_s", "stop_s", "score", "reason")


@dataclass(frozen=True, slots=True)
class _Aside:
    """A choice put aside in this visit: its name, what it chose, and the table of windows it chose from."""

    name: str
    chosen: pd.DataFrame
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class _Ground:
    """The windows of the largest embedding space as unit rows, the radius of closeness, the place of each row."""

    unit: NDArray[np.float32]
    radius: float
    places: NDArray[np.int64]
    key: Stamp


@st.fragment
def show_coverage(library: Library, windows: pd.DataFrame, view: SelectionView) -> None:
    """Show which share of all windows has a chosen one close to it as the budget grows, beside chance."""
    if view.chosen.empty:
        return
    st.subheader("What the choice covers", anchor=False, help=meaning("coverage") + " Higher = stands for more.")
    if len(windows) > AT_ONCE:
        st.page_link("pages/evaluate.py", label="Evaluate compares a choice this large", icon=":material/balance:")
        return
    ground = _ground(library, str(library.project.root), file_stamp(library.windows_file))
    chosen = view.chosen["row"].to_numpy()
    rows = ground.places[chosen[chosen < len(ground.places)]]
    order = rows[rows >= 0]
    figure = _figure(ground, (ground.key, order.tobytes()), order)
    st.plotly_chart(figure, key="select_coverage")
    apart = len(ground.places) - len(ground.unit)
    other = (
        f" {count(apart, 'window')} of another embedding space cannot be compared and are not counted." if apart else ""
    )
    st.caption(
        f"Close is a cosine distance of at most {ground.radius:.4f}, the median distance to the tenth nearest window. "
        f"Grey: {DRAWS} draws at random.{other}"
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
def _figure(_ground: _Ground, key: tuple[Stamp, bytes], _order: NDArray[np.int64]) -> go.Figure:
    budgets = curve_budgets(len(_order))
    own = order_curve(_ground.unit, _order, _ground.radius, budgets)
    chance = random_curves(_ground.unit, _ground.radius, budgets, DRAWS)
    bands = {"random": (chance.min(axis=0), chance.max(axis=0))}
    return coverage_curve({"this choice": (budgets, own), "random": (budgets, chance.mean(axis=0))}, bands=bands)


@st.cache_resource(show_spinner=False, max_entries=1)
def _ground(_library: Library, root: str, stamp: Stamp) -> _Ground:
    windows = loaders.windows(_library)
    space = windows["space"].value_counts().idxmax()
    there = np.flatnonzero((windows["space"] == space).to_numpy())
    embeddings = _library.embeddings(windows.iloc[there])
    known = np.isfinite(embeddings).all(axis=1)
    unit = np.asarray(unit_or_zero_rows(embeddings[known], slice(None))[:])
    places = np.full(len(windows), -1, dtype=np.int64)
    places[there[known]] = np.arange(int(known.sum()))
    return _Ground(unit, coverage_radius(unit), places, stamp)
