"""Filters over the table of clips, made from what tells the clips apart."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from egoclean.ui.columns import MEAN_OF, SIGNALS
from egoclean.ui.format import count, footage

_GROUPS = ("status", "factory", "worker", "scene", "camera", "rectified")
_MOST_CHOICES = 50


def filter_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a clip table that pass a search and the filters a person set, and say how many do."""
    search, *places = st.columns([2, 1, 1, 1])
    text = search.text_input(
        "Search", key="clips_search", bind="query-params", placeholder="part of a name", icon=":material/search:"
    )
    offered = [name for name in _GROUPS if 1 < table[name].nunique(dropna=False) <= _MOST_CHOICES][: len(places)]
    wanted = {
        name: place.multiselect(
            name.capitalize(), _choices(table[name]), key=f"clips_{name}", bind="query-params", placeholder="any"
        )
        for name, place in zip(offered, places, strict=False)
    }
    shown = table[matching(table, text or "", wanted)]
    shown = _in_order(_bounded(shown))
    st.caption(f"{count(len(shown), 'clip')} of {len(table):,} · {footage(float(shown['duration_s'].fillna(0).sum()))}")
    return shown


def with_signals(table: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Return the clip table with each signal's mean over the clip's windows, where the windows have it."""
    there = [name for name in SIGNALS if name in windows and windows[name].notna().any()]
    if not there:
        return table
    means = windows.groupby("clip_id", sort=False, observed=True)[there].mean().rename(columns=MEAN_OF.__add__)
    means.index = means.index.astype("str")
    return table.merge(means, how="left", left_on="clip_id", right_index=True)


def _bounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose value of a number that a person chose lies between two ends."""
    numbers = [str(name) for name in table.select_dtypes("number") if table[name].nunique() > 1]
    field, low, high, place = st.columns([2, 1, 1, 2], vertical_alignment="bottom")
    chosen = field.selectbox(
        "Only where", numbers, index=None, key="clips_number", bind="query-params", placeholder="any number or signal"
    )
    order = ["source order", *(str(name) for name in table.columns if name != "clip_id")]
    place.selectbox("Sort by", order, key="clips_sort", bind="query-params")
    if chosen is None:
        return table
    column = table[chosen]
    least = low.number_input(
        "from", value=None, key="clips_from", bind="query-params", placeholder=f"{column.min():.4g}"
    )
    most = high.number_input("to", value=None, key="clips_to", bind="query-params", placeholder=f"{column.max():.4g}")
    return table[between(column, least, most)]


def between(column: pd.Series, least: float | None, most: float | None) -> pd.Series:
    """Return which values lie from ``least`` to ``most``, both included; missing ones only without any bound."""
    kept = pd.Series(True, index=column.index)
    if least is not None:
        kept &= column >= least
    if most is not None:
        kept &= column <= most
    return kept


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order a person chose; rows without a value come last either way."""
    field = st.session_state.get("clips_sort")
    if field is None or field not in table:
        return table
    falling = st.toggle("Highest first", key="clips_falling", bind="query-params")
    return table.sort_values(field, ascending=not falling, kind="stable", na_position="last")


def matching(table: pd.DataFrame, text: str, wanted: dict[str, list[Any]]) -> pd.Series:
    """Return which rows hold ``text`` in their id and have one of the wanted values in each named column."""
    kept = table["clip_id"].str.contains(text, case=False, regex=False)
    for name, values in wanted.items():
        if values:
            kept &= table[name].map(_shown).isin(values)
    return kept


def _choices(column: pd.Series) -> list[str]:
    return sorted({_shown(value) for value in column})


def _shown(value: Any) -> str:
    if value is None or value != value:
        return "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
