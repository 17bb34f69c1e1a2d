"""The review queue: what to look at next and why, decisions by key, undo. The journal on disk is the only state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from egoclean.core.probe import Probe
from egoclean.library import Library
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.ui import clip_view, loaders
from egoclean.ui.columns import column_config
from egoclean.ui.format import ago, moment
from egoclean.ui.glossary import meaning
from egoclean.ui.window_index import evenly
from egoclean.verbs.probe import proposed_windows

QUEUE_LENGTH = 60
_ROUTES = ("anomaly", "score", "change")
TEACHES = "what teaches most"
"""The route on which windows come that a probe of a person's choices would learn most from."""
PROPOSED = 40
SHOWN_DECISIONS = 200
ASKED = 10_000
"""Most windows that proposals are made from while a person waits, beside those decided on."""
_MINE = "review_mine"
"""Where a visit keeps the ids of its own decisions."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A window to decide on: where it is, why it is in the queue, and the key its decision is stored under."""

    clip_id: str
    clip_sha256: str
    start_s: float
    stop_s: float
    start_pts: int
    stop_pts: int
    time_base: str
    why: str

    @property
    def place(self) -> tuple[str, int, int, str]:
        """The stretch of footage that is decided on."""
        return self.clip_sha256, self.start_pts, self.stop_pts, self.time_base


def build_queue(library: Library, windows: pd.DataFrame) -> list[ReviewItem]:
    """Return up to 60 windows worth a look, by the signal a person chose, no two of them overlapping."""
    offered = [name for name in _ROUTES if windows[name].notna().any()]
    route = st.segmented_control(
        "Look first at the highest",
        [*offered, TEACHES],
        default=offered[0] if offered else TEACHES,
        required=True,
        key="review_route",
        bind="query-params",
        help="; ".join(f"{name}: {meaning(name)}" for name in offered)
        + f"; {TEACHES}: up to {PROPOSED} windows from whose labels a probe learns most, unlike one another. A few "
        "labels beat every score: choose by them with the signal 'probe' on the Select page.",
    )
    if route == TEACHES:
        windows = taught_windows(library, windows)
    shas = {clip.clip_id: str(clip.facts.get("sha256") or "") for clip in loaders.clips(library)}
    return queue_of(windows, route, shas)


def taught_windows(library: Library, windows: pd.DataFrame) -> pd.DataFrame:
    """Return the windows with the column of the route ``TEACHES``, and show how well the probe does so far.

    What was proposed stays until a new list is asked for, so that a decision does not turn the queue over.
    """
    kept = st.session_state.get("review_proposed")
    again = st.button("Propose anew", icon=":material/refresh:", help="Make a new list from all decisions so far.")
    if kept is None or again:
        part = _worth_asking(library, windows)
        rows, probe = proposed_windows(library, part, PROPOSED)
        said = f" Proposed from {len(part):,} of {len(windows):,} windows." if len(part) < len(windows) else ""
        kept = st.session_state["review_proposed"] = (part["row"].iloc[rows].tolist(), probe_text(probe) + said)
    proposed, text = kept
    st.caption(text)
    place = pd.Series(range(len(proposed), 0, -1), index=proposed, dtype="float64")
    return windows.assign(**{TEACHES: windows["row"].map(place)})


def _worth_asking(library: Library, windows: pd.DataFrame) -> pd.DataFrame:
    """Return the windows that proposals are made from: all, or of many a part evenly taken and those decided on."""
    if len(windows) <= ASKED:
        return windows
    names = {str(clip.facts.get("sha256")): clip.clip_id for clip in loaders.clips(library)}
    decided = loaders.decisions(library).values()
    rows = loaders.window_rows(library, [(names.get(item.clip_sha256), item.start_pts) for item in decided])
    taken = np.arange(len(windows))[evenly(len(windows), ASKED)]
    return windows.iloc[np.union1d(taken, [row for row in rows if row is not None]).astype(np.int64)]


def probe_text(probe: Probe | None) -> str:
    """Return what is known of the probe, in a sentence."""
    if probe is None:
        return "No probe yet: keep at least one of these windows and reject at least one, then propose anew."
    learned = f"The probe has learned from {probe.kept} kept and {probe.rejected} rejected windows."
    if probe.auroc is None:
        return f"{learned} {probe.note}"
    low, high = probe.auroc.low, probe.auroc.high
    return (
        f"{learned} On clips it has not seen it puts a kept window above a rejected one with AUROC "
        f"{probe.auroc.value:.2f} (95 % interval {low:.2f} to {high:.2f}; 0.5 is chance)."
    )


def queue_of(
    windows: pd.DataFrame, route: str, fingerprints: dict[str, str], length: int = QUEUE_LENGTH
) -> list[ReviewItem]:
    """Return at most ``length`` windows from the highest value of ``route`` down, passing over overlapping ones."""
    ordered = _highest(windows, route, length * 20)
    taken: dict[str, list[tuple[float, float]]] = {}
    queue: list[ReviewItem] = []
    for line in ordered.to_dict("records"):
        start, stop, clip_id = float(line["start_s"]), float(line["stop_s"]), str(line["clip_id"])
        spans = taken.setdefault(clip_id, [])
        if any(start < other_stop and other_start < stop for other_start, other_stop in spans):
            continue
        spans.append((start, stop))
        why = f"{route} {float(line[route]):.4g}, number {len(queue) + 1} of all windows"
        if route == TEACHES:
            why = f"number {len(queue) + 1} of those a probe would learn most from"
        queue.append(
            ReviewItem(
                clip_id,
                fingerprints[clip_id],
                start,
                stop,
                int(line["start_pts"]),
                int(line["stop_pts"]),
                str(line["time_base"]),
                why,
            )
        )
        if len(queue) == length:
            break
    return queue


def _highest(windows: pd.DataFrame, route: str, many: int) -> pd.DataFrame:
    """Return the windows with the ``many`` highest values of ``route``, highest first; of equals the first row."""
    values = windows[route].to_numpy(dtype="float64")
    known = int(windows[route].notna().sum())
    line = -math.inf
    if known > many:
        # NaN sorts last, so the highest values stand just before it.
        line = float(np.partition(values, known - many)[known - many])
    found = windows[values >= line]
    return found.sort_values([route, "row"], ascending=[False, True], kind="stable").head(many)


def show_progress(library: Library, queue: list[ReviewItem]) -> None:
    """Show how much of the queue is decided."""
    decided = decided_places(library)
    done = sum(item.place in decided for item in queue)
    kept = sum(decided.get(item.place) is Verdict.KEEP for item in queue)
    st.progress(
        done / max(1, len(queue)), text=f"{done} of {len(queue)} decided · {kept} kept · {done - kept} rejected"
    )


def pick(queue: list[ReviewItem]) -> ReviewItem | None:
    """Return the item to decide on: the first one without a decision that was not put off in this visit."""
    library = loaders.open_library()
    decided, put_off = decided_places(library), st.session_state.setdefault("review_put_off", [])
    waiting = [item for item in queue if item.place not in decided]
    return next((item for item in waiting if item.place not in put_off), waiting[0] if waiting else None)


def show_item(library: Library, item: ReviewItem) -> None:
    """Play an item, repeated, with what is known around it."""
    st.text(f"{item.clip_id}\n{clip_view.span_label(item.start_s, item.stop_s)}: {item.why}")
    clip = loaders.clip_steps(library)[item.clip_id].clip
    span = (item.start_s, item.stop_s)
    clip_view.show_player(library, clip, key="review_player", time_s=span[0], span=span, loop=True)


def show_buttons(library: Library, item: ReviewItem | None) -> None:
    """Show the decisions with their keys, tags and a note; without an item, what takes back and makes again."""
    if item is None:
        _undo_buttons(library, *st.columns(2))
        return
    tags, note = st.columns([1, 2])
    tags.multiselect(
        "Tags", ("grasp", "tool", "walk", "idle", "odd", "bad picture"), accept_new_options=True, key="review_tags"
    )
    note.text_input("Note", key="review_note", max_chars=500)
    keep, reject, later, undo, redo = st.columns(5)
    keep.button(
        "Keep",
        type="primary",
        icon=":material/check:",
        shortcut="k",
        width="stretch",
        on_click=_decide,
        args=(library, item, Verdict.KEEP),
    )
    reject.button(
        "Reject",
        icon=":material/close:",
        shortcut="x",
        width="stretch",
        on_click=_decide,
        args=(library, item, Verdict.REJECT),
    )
    later.button("Later", icon=":material/schedule:", shortcut="n", width="stretch", on_click=_put_off, args=(item,))
    _undo_buttons(library, undo, redo)
    st.caption(
        "Keys: K keep · X reject · N later · U undo · Y redo. "
        "In the player: space, comma and full stop for frames, ? for all."
    )


def _undo_buttons(library: Library, undo: DeltaGenerator, redo: DeltaGenerator) -> None:
    last = last_decision(library)
    undo.button(
        "Undo",
        icon=":material/undo:",
        shortcut="u",
        width="stretch",
        disabled=last is None,
        on_click=_undo,
        args=(library,),
    )
    journal = DecisionJournal(library.project.decisions)
    redo.button(
        "Redo",
        icon=":material/redo:",
        shortcut="y",
        width="stretch",
        disabled=journal.redoable() is None,
        on_click=_redo,
        args=(library,),
    )


def show_history(library: Library) -> None:
    """Show the newest decisions of the project, from every tab and command."""
    table, total = decisions_table(library), len(loaders.decisions(library))
    if total:
        with st.expander(f"Decisions ({total:,})", icon=":material/history:"):
            st.dataframe(table, hide_index=True, column_config=column_config(table))
            if total > len(table):
                st.caption(f"The newest {len(table):,} of {total:,}.")


def decided_places(library: Library) -> dict[tuple[str, int, int, str], Verdict]:
    """Return the verdict that stands for each stretch of footage."""
    current = loaders.decisions(library)
    return {place: item.verdict for place, item in current.items() if item.verdict is not Verdict.NONE}


def decisions_table(library: Library) -> pd.DataFrame:
    """Return the newest decisions that stand, newest first: at most :data:`SHOWN_DECISIONS`."""
    names = {str(clip.facts.get("sha256")): clip.clip_id for clip in loaders.clips(library)}
    shown = sorted(loaders.decisions(library).values(), key=lambda item: -item.made_at)[:SHOWN_DECISIONS]
    places = loaders.window_rows(library, [(names.get(item.clip_sha256), item.start_pts) for item in shown])
    starts = loaders.windows(library)["start_s"].to_numpy()
    rows = [
        {
            "verdict": str(item.verdict),
            "clip_id": names.get(item.clip_sha256, "not in this project now"),
            "at": moment(None if row is None else float(starts[row])),
            "tags": ", ".join(item.tags),
            "note": item.note,
            "made": ago(item.made_at),
        }
        for item, row in zip(shown, places, strict=True)
    ]
    return pd.DataFrame(rows, columns=["verdict", "clip_id", "at", "tags", "note", "made"])


def last_decision(library: Library) -> Decision | None:
    """Return the decision that undo would take back, or None: the newest that stands of this visit.

    Before the first decision of a visit it is the newest of all, so that a restart takes nothing away; after it, what
    another person decides meanwhile is theirs to undo.
    """
    current = loaders.decisions(library).values()
    mine = st.session_state.get(_MINE)
    own = [item for item in current if mine is None or item.decision_id in mine]
    return max(own, key=lambda item: item.made_at, default=None)


def _decide(library: Library, item: ReviewItem, verdict: Verdict) -> None:
    # What stands in the fields now: the page was drawn before the last letter of a note was typed.
    tags, note = st.session_state.get("review_tags") or (), st.session_state.get("review_note") or ""
    decision = Decision(*item.place, verdict=verdict, tags=tuple(tags), note=note)
    _remember(DecisionJournal(library.project.decisions).append(decision))
    st.session_state["review_tags"], st.session_state["review_note"] = [], ""


def _remember(made: Decision | None) -> None:
    """Count a decision among those of this visit."""
    if made is not None:
        st.session_state.setdefault(_MINE, set()).add(made.decision_id)


def _put_off(item: ReviewItem) -> None:
    st.session_state["review_put_off"] = [*st.session_state["review_put_off"], item.place]


def _undo(library: Library) -> None:
    last = last_decision(library)
    if last is not None:
        DecisionJournal(library.project.decisions).undo(last.decision_id)


def _redo(library: Library) -> None:
    _remember(DecisionJournal(library.project.decisions).redo())
