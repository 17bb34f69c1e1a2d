"""Choices that hold from page to page and stand in the address: the clip, the window, the moment."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from egoclean.library import Library
from egoclean.store.catalog import ClipRow, StepStatus
from egoclean.ui import loaders
from egoclean.ui.format import moment, shorten
from egoclean.ui.glossary import meaning

_LABEL_LETTERS = 90
_KEPT_CLIP = "clip_kept"


def clip_picker(library: Library, verb: str | None = None, first: str | None = None) -> ClipRow:
    """Return the clip a person chose; with ``verb``, only clips for which it is done are offered.

    Before a person chose it is the clip ``first``, if that is offered, or the first of the source. Call after a guard:
    there must be at least one such clip.
    """
    items = loaders.clip_steps(library).values()
    offered = {item.clip.clip_id: item.clip for item in items if verb is None or _done(item, verb)}
    _forget_unless_in("clip", offered)
    names = loaders.names(library)
    labels = {shorten(names[clip_id], _LABEL_LETTERS) for clip_id in offered}
    chosen_before = st.session_state.get("clip", st.session_state.get(_KEPT_CLIP, first))
    if st.query_params.get("clip") not in labels and chosen_before in offered:
        # What a callback chose is not in the next page's address; set anew, it is shown there all the same.
        st.session_state["clip"] = chosen_before
    chosen = st.selectbox(
        "Clip",
        list(offered),
        format_func=lambda clip_id: shorten(names[clip_id], _LABEL_LETTERS),
        key="clip",
        bind="query-params",
        help=meaning("clip"),
    )
    st.session_state[_KEPT_CLIP] = chosen
    return offered[chosen]


def window_picker(windows: pd.DataFrame) -> int:
    """Return the number of the window a person chose among ``windows`` of one clip (columns window, start_s)."""
    starts = dict(zip(windows["window"].astype(int), windows["start_s"].astype(float), strict=True))
    _forget_unless_in("window", starts)
    return st.select_slider(
        "Window",
        list(starts),
        format_func=lambda number: f"{number} · at {moment(starts[number])}",
        key="window",
        bind="query-params",
        help=meaning("window"),
    )


def choose(clip_id: str, window: int | None = None) -> None:
    """Make a clip, and a window of it, the choice of all pages; call before their widgets, or in a callback."""
    st.session_state["clip"] = st.session_state[_KEPT_CLIP] = clip_id
    name = loaders.names(loaders.open_library()).get(clip_id)
    if name is not None:
        # what is set here reaches the address only when it is written there too
        st.query_params["clip"] = shorten(name, _LABEL_LETTERS)
    if window is not None:
        st.session_state["window"] = int(window)


def chosen_row(event: object) -> int | None:
    """Return the position of the row selected in a table, from what ``st.dataframe(on_select=...)`` returned."""
    rows = event["selection"]["rows"] if event else []  # type: ignore[index]
    return int(rows[0]) if rows else None


def chosen_rows(event: object) -> list[int]:
    """Return the positions of all rows selected in a table, from what ``st.dataframe(on_select=...)`` returned."""
    return [int(row) for row in event["selection"]["rows"]] if event else []  # type: ignore[index]


def chosen_points(event: object) -> Sequence[dict[str, object]]:
    """Return the points selected in a figure, from what ``st.plotly_chart(on_select=...)`` returned."""
    return event["selection"]["points"] if event else []  # type: ignore[index]


def _done(item: loaders.ClipSteps, verb: str) -> bool:
    step = item.steps.get(verb)
    return step is not None and step.status is StepStatus.DONE


def _forget_unless_in(key: str, offered: object) -> None:
    if key in st.session_state and st.session_state[key] not in offered:  # type: ignore[operator]
        del st.session_state[key]
