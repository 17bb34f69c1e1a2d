"""Decisions as a visit makes them: keep, reject, send to the review, take back; kept in the journal on disk alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import streamlit as st

from egoclean.library import Library
from egoclean.store.catalog import ClipRow
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.ui import loaders

Place = tuple[str, int, int, str]
"""A stretch of footage: the clip's fingerprint, start and stop pts, their time base."""

_STANDS: Final = {Verdict.KEEP: "kept", Verdict.REJECT: "rejected", Verdict.NONE: "waits in the review"}
_ACTIONS: Final = {
    Verdict.NONE: ("To review", ":material/rate_review:", "It waits on the Review page under 'sent here'."),
    Verdict.KEEP: ("Keep", ":material/check:", "Every selection takes its windows first."),
    Verdict.REJECT: ("Reject", ":material/close:", "No selection takes its windows."),
}
_MINE: Final = "review_mine"
"""Where a visit keeps the ids of its own decisions."""


def decide(library: Library, place: Place, verdict: Verdict, tags: Sequence[str] = (), note: str = "") -> None:
    """Store what a person said of a stretch; ``Verdict.NONE`` sends it to the review without deciding it."""
    _remember(DecisionJournal(library.project.decisions).append(Decision(*place, verdict, tuple(tags), note)))


def undo(library: Library) -> None:
    """Take back what :func:`last_decision` names."""
    last = last_decision(library)
    if last is not None:
        DecisionJournal(library.project.decisions).undo(last.decision_id)


def redo(library: Library) -> None:
    """Make the decision that was taken back last again."""
    _remember(DecisionJournal(library.project.decisions).redo())


def last_decision(library: Library) -> Decision | None:
    """Return the decision that undo would take back, or None: the newest that stands of this visit.

    Before the first decision of a visit it is the newest of all, so that a restart takes nothing away; after it, what
    another person decides meanwhile is theirs to undo.
    """
    current = loaders.decisions(library).values()
    mine = st.session_state.get(_MINE)
    own = [item for item in current if mine is None or item.decision_id in mine]
    return max(own, key=lambda item: item.made_at, default=None)


def decided_places(library: Library) -> dict[Place, Verdict]:
    """Return the verdict that stands for each stretch of footage that is kept or rejected."""
    current = loaders.decisions(library)
    return {place: item.verdict for place, item in current.items() if item.verdict is not Verdict.NONE}


def place_of_span(library: Library, clip: ClipRow, span: tuple[float, float]) -> Place | None:
    """Return the stretch of footage that a span of a clip, in seconds from its first frame, stands for.

    It is the span itself, to the clip's time base, where that holds the middle of a window, and else the window whose
    middle is nearest: what is decided always speaks of at least one window. None for a clip without windows.
    """
    mine, sha256 = loaders.clip_windows(library, clip.clip_id), str(clip.facts.get("sha256") or "")
    if mine.empty or not sha256:
        return None
    starts_s, stops_s = mine["start_s"].to_numpy(), mine["stop_s"].to_numpy()
    middles_s, time_base = (starts_s + stops_s) / 2, str(mine["time_base"].iloc[0])
    if not ((middles_s >= span[0]) & (middles_s < span[1])).any():
        nearest = mine.iloc[int(np.abs(middles_s - (span[0] + span[1]) / 2).argmin())]
        return sha256, int(nearest["start_pts"]), int(nearest["stop_pts"]), time_base
    first_pts, step_s = int(mine["start_pts"].iloc[0]), float(Fraction(time_base))
    start, stop = (first_pts + round((edge - float(starts_s[0])) / step_s) for edge in span)
    return sha256, start, stop, time_base


def span_of_place(library: Library, clip_id: str, place: Place) -> tuple[float, float] | None:
    """Return the seconds, from the clip's first frame, of a stretch that was decided on; None without windows."""
    mine = loaders.clip_windows(library, clip_id)
    if mine.empty or str(mine["time_base"].iloc[0]) != place[3]:
        return None
    first_pts, first_s = int(mine["start_pts"].iloc[0]), float(mine["start_s"].iloc[0])
    step_s = float(Fraction(place[3]))
    return first_s + (place[1] - first_pts) * step_s, first_s + (place[2] - first_pts) * step_s


def span_bar(library: Library, clip: ClipRow, span: tuple[float, float], said: str, key: str) -> None:
    """Show what can be done with a span of a clip, and how it stands; ``said`` names the span."""
    place = place_of_span(library, clip, span)
    if place is None:
        return
    now = loaders.decisions(library).get(place)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption(f"{said}, {_STANDS[now.verdict]}" if now is not None else said, width="content")
        for verdict, (label, icon, text) in _ACTIONS.items():
            if now is None or now.verdict is not verdict:
                st.button(
                    label, icon=icon, help=text, type="tertiary", key=f"{key}_{verdict}",
                    on_click=decide, args=(library, place, verdict),
                )  # fmt: skip


def _remember(made: Decision | None) -> None:
    """Count a decision among those of this visit."""
    if made is not None:
        st.session_state.setdefault(_MINE, set()).add(made.decision_id)
