"""The review: one stretch at a time with the reason to look at it, decisions by key, undo, progress, history."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from egoclean.library import Library
from egoclean.store.decisions import Verdict
from egoclean.ui import clip_view, deciding, loaders
from egoclean.ui.columns import column_config
from egoclean.ui.format import ago, moment, plain
from egoclean.ui.review_queue import ReviewItem

SHOWN_DECISIONS: Final = 200
TAGS: Final = ("grasp", "tool", "walk", "idle", "odd", "bad picture")
"""Tags that a digit sets, from 1 on; a person may add others."""


def show_progress(library: Library, queue: list[ReviewItem]) -> None:
    """Show how much of the queue is decided."""
    decided = deciding.decided_places(library)
    done = sum(item.place in decided for item in queue)
    kept = sum(decided.get(item.place) is Verdict.KEEP for item in queue)
    st.progress(
        done / max(1, len(queue)), text=f"{done} of {len(queue)} decided · {kept} kept · {done - kept} rejected"
    )


def pick(queue: list[ReviewItem]) -> ReviewItem | None:
    """Return the item to decide on: the first one without a decision that was not put off in this visit."""
    library = loaders.open_library()
    decided, put_off = deciding.decided_places(library), st.session_state.setdefault("review_put_off", [])
    waiting = [item for item in queue if item.place not in decided]
    return next((item for item in waiting if item.place not in put_off), waiting[0] if waiting else None)


def show_item(library: Library, item: ReviewItem) -> None:
    """Play an item, repeated, with what is known around it."""
    found = loaders.clip_steps(library)[item.clip_id]
    span = (item.start_s, item.stop_s)
    st.text(f"{found.name}, {clip_view.span_label(*span)}\nWhy: {item.why}", help=plain(item.clip_id))
    clip_view.show_player(library, found.clip, key="review_player", time_s=span[0], span=span, loop=True, decide=False)


def show_buttons(library: Library, item: ReviewItem | None) -> None:
    """Show the decisions with their keys, tags and a note; without an item, what takes back and makes again."""
    if item is None:
        _undo_buttons(library, *st.columns(2))
        return
    keep, reject, later, undo, redo = st.columns(5)
    for place, label, key, icon, verdict in (
        (keep, "Keep", "k", ":material/check:", Verdict.KEEP),
        (reject, "Reject", "x", ":material/close:", Verdict.REJECT),
    ):
        place.button(
            label, type="primary" if verdict is Verdict.KEEP else "secondary", icon=icon, shortcut=key,
            width="stretch", on_click=_decide, args=(library, item, verdict),
        )  # fmt: skip
    later.button("Later", icon=":material/schedule:", shortcut="n", width="stretch", on_click=_put_off, args=(item,))
    _undo_buttons(library, undo, redo)
    _tags_and_note()


def _tags_and_note() -> None:
    """Show what goes with the next decision: tags, six of them by digit, and a note."""
    chosen = st.session_state.get("review_tags") or ()
    with st.container(horizontal=True, gap="xsmall"):
        for number, tag in enumerate(TAGS, 1):
            kind = "primary" if tag in chosen else "tertiary"
            st.button(tag, key=f"tag_{number}", type=kind, shortcut=str(number), on_click=_turn_tag, args=(tag,))  # type: ignore[arg-type]
    tags, note = st.columns([1, 2])
    tags.multiselect("Tags", TAGS, accept_new_options=True, key="review_tags", placeholder="digits 1 to 6, or type one")
    note.text_input("Note", key="review_note", max_chars=500, placeholder="T to type, Enter when done")


def _undo_buttons(library: Library, undo: DeltaGenerator, redo: DeltaGenerator) -> None:
    nothing_made, nothing_undone = deciding.last_decision(library) is None, loaders.redoable(library) is None
    for place, label, key, disabled, act in (
        (undo, "Undo", "u", nothing_made, deciding.undo),
        (redo, "Redo", "y", nothing_undone, deciding.redo),
    ):
        icon = f":material/{label.lower()}:"
        place.button(
            label, icon=icon, shortcut=key, width="stretch", disabled=disabled, on_click=act, args=(library,)
        )  # fmt: skip


def show_history(library: Library) -> None:
    """Show the newest decisions of the project, from every tab and command."""
    total = len(loaders.decisions(library))
    if not total:
        return
    history = st.expander(f"Decisions ({total:,})", icon=":material/history:", key="decisions_open", on_change="rerun")
    if not history.open:
        return
    table = decisions_table(library)
    with history:
        st.dataframe(table, hide_index=True, column_config=column_config(table))
        if total > len(table):
            st.caption(f"The newest {len(table):,} of {total:,}.")


def decisions_table(library: Library) -> pd.DataFrame:
    """Return the newest decisions that stand, newest first: at most :data:`SHOWN_DECISIONS`."""
    names = loaders.clip_of_print(library)
    shown = sorted(loaders.decisions(library).values(), key=lambda item: -item.made_at)[:SHOWN_DECISIONS]
    places = loaders.window_rows(library, [(names.get(item.clip_sha256), item.start_pts) for item in shown])
    starts = loaders.windows(library)["start_s"].to_numpy()
    rows = []
    for item, row in zip(shown, places, strict=True):
        clip_id = names.get(item.clip_sha256)
        start_s = None if row is None else float(starts[row])
        if start_s is None and clip_id is not None:
            start_s = (deciding.span_of_place(library, clip_id, item.place) or (None,))[0]
        rows.append(
            {
                "verdict": "to review" if item.verdict is Verdict.NONE else str(item.verdict),
                "clip_id": clip_id or "not in this project now",
                "at": moment(start_s),
                "tags": ", ".join(item.tags),
                "note": item.note,
                "made": ago(item.made_at),
            }
        )
    return pd.DataFrame(rows, columns=["verdict", "clip_id", "at", "tags", "note", "made"])


def _decide(library: Library, item: ReviewItem, verdict: Verdict) -> None:
    # What stands in the fields now: the page was drawn before the last letter of a note was typed.
    tags, note = st.session_state.get("review_tags") or (), st.session_state.get("review_note") or ""
    deciding.decide(library, item.place, verdict, tags, note)
    st.session_state["review_tags"], st.session_state["review_note"] = [], ""


def _turn_tag(tag: str) -> None:
    chosen = list(st.session_state.get("review_tags") or ())
    st.session_state["review_tags"] = [item for item in chosen if item != tag] + [tag] * (tag not in chosen)


def _put_off(item: ReviewItem) -> None:
    st.session_state["review_put_off"] = [*st.session_state["review_put_off"], item.place]
