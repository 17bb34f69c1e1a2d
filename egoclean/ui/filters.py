"""Filters over the table of clips, made from what tells the clips apart."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

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
    st.caption(f"{count(len(shown), 'clip')} of {len(table):,} · {footage(float(shown['duration_s'].fillna(0).sum()))}")
    return shown


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
