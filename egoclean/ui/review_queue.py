"""What to look at next and why: the windows at one end of a signal, at odds, near a line, or sent by a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from egoclean.core.probe import Probe
from egoclean.core.signals import parse_thresholds
from egoclean.library import Library
from egoclean.store.decisions import Verdict
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import deciding, loaders
from egoclean.ui.glossary import meaning
from egoclean.ui.range_slider import present_ranges
from egoclean.ui.window_index import evenly
from egoclean.verbs.probe import proposed_windows

QUEUE_LENGTH: Final = 60
TEACHES: Final = "what teaches most"
"""The route on which windows come that a probe of a person's choices would learn most from."""
SENT: Final = "sent here"
DISAGREE: Final = "disagreement"
NEAR: Final = "near a threshold"
PROPOSED: Final = 40
ASKED: Final = 10_000
"""Most windows that proposals are made from while a person waits, beside those decided on."""

_SIGNALS: Final = ("anomaly", "score", "change")
_AGAINST: Final = ("score", "anomaly")
_RANGE_KEY: Final = "thresholds_"
_ABOUT: Final[Mapping[str, str]] = {
    DISAGREE: "windows that are hard to reconstruct but usual for their clip, or easy but unusual, farthest apart in "
    "rank first",
    NEAR: "windows closest to the thresholds of the selection and of the Score page, which a small change of the line "
    "would move",
    TEACHES: f"up to {PROPOSED} windows of which a probe of your decisions is least sure, unlike one another. A few "
    "labels beat every score: choose by them with the signal 'probe' on the Select page",
    SENT: "spans that you sent from a player, such as the Structure page's",
}

Line = tuple[str, float]
"""A signal and the value at which a threshold stands."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A stretch to decide on: where it is, why it is in the queue, and the key its decision is stored under."""

    clip_id: str
    clip_sha256: str
    start_s: float
    stop_s: float
    start_pts: int
    stop_pts: int
    time_base: str
    why: str

    @property
    def place(self) -> deciding.Place:
        """The stretch of footage that is decided on."""
        return self.clip_sha256, self.start_pts, self.stop_pts, self.time_base


def build_queue(library: Library, windows: pd.DataFrame) -> list[ReviewItem]:
    """Return up to 60 stretches worth a look, by the reason a person chose, no two windows of them overlapping."""
    signals = loaders.known_signals(library, _SIGNALS)
    lines = threshold_lines(library, windows)
    offered = [*signals, *_when(DISAGREE, set(_AGAINST) <= set(signals)), *_when(NEAR, bool(lines)), TEACHES]
    sent = sent_items(library)
    offered += _when(SENT, bool(sent))
    about = {**{name: meaning(name).rstrip(".") for name in signals}, **_ABOUT}
    route = st.segmented_control(
        "Look first at", offered, default=offered[0], required=True, key="review_route", bind="query-params",
        help="; ".join(f"{name}: {about[name]}" for name in offered) + ".",
    )  # fmt: skip
    if route == SENT:
        return sent
    stamp, root = file_stamp(library.windows_file), str(library.project.root)
    if route == TEACHES:
        return _taught(library, windows)
    return _queue(library, root, (*stamp, *library.catalog.stamp()), route, lines if route == NEAR else ())


def threshold_lines(library: Library, windows: pd.DataFrame) -> tuple[Line, ...]:
    """Return where thresholds stand: those of the saved selection, and those set on the Score page in this visit."""
    view = loaders.selection(library)
    found: list[tuple[str, float | None]] = []
    if view is not None:
        found += [("score", view.config.minimum_score), ("score", view.config.maximum_score)]
        found += [(item.signal, item.value) for item in parse_thresholds(view.config.thresholds)]
    for key, ends in present_ranges().items():
        signal = key.removeprefix(_RANGE_KEY)
        if key.startswith(_RANGE_KEY) and loaders.known_signals(library, (signal,)):
            values = loaders.signal_order(library, signal).values
            # An end at the scale's end is no line.
            found += [(signal, end) for end in ends if values[0] < end < values[-1] - (values[-1] - values[0]) / 200]
    lines = ((signal, float(value)) for signal, value in found if value is not None and signal in windows)
    return tuple(dict.fromkeys(lines))


def sent_items(library: Library) -> list[ReviewItem]:
    """Return the stretches that a person sent to the review and nobody has decided on, oldest first."""
    clips = loaders.clip_of_print(library)
    waiting = [item for item in loaders.decisions(library).values() if item.verdict is Verdict.NONE]
    items = []
    for sent in sorted(waiting, key=lambda item: item.made_at):
        clip_id = clips.get(sent.clip_sha256)
        span = None if clip_id is None else deciding.span_of_place(library, clip_id, sent.place)
        if clip_id is not None and span is not None:
            pts = sent.start_pts, sent.stop_pts
            items.append(ReviewItem(clip_id, sent.clip_sha256, *span, *pts, sent.time_base, "sent here by a person"))
    return items


def queue_of(
    windows: pd.DataFrame,
    route: str,
    fingerprints: Mapping[str, str],
    length: int = QUEUE_LENGTH,
    why: Callable[[Mapping[Any, Any]], str] | None = None,
) -> list[ReviewItem]:
    """Return at most ``length`` windows from the highest value of ``route`` down, passing over overlapping ones.

    ``why`` says of a window, given all its columns, why it is in the queue.
    """
    known = windows[windows[route].notna()]
    ordered = known.sort_values([route, "row"], ascending=[False, True], kind="stable").head(length * 20)
    taken: dict[str, list[tuple[float, float]]] = {}
    queue: list[ReviewItem] = []
    for line in ordered.to_dict("records"):
        start, stop, clip_id = float(line["start_s"]), float(line["stop_s"]), str(line["clip_id"])
        spans = taken.setdefault(clip_id, [])
        if any(start < other_stop and other_start < stop for other_start, other_stop in spans):
            continue
        spans.append((start, stop))
        said = f"{route} {float(line[route]):.4g}" if why is None else why(line)
        said += f", number {len(queue) + 1} of all windows"
        pts = int(line["start_pts"]), int(line["stop_pts"])
        queue.append(ReviewItem(clip_id, fingerprints[clip_id], start, stop, *pts, str(line["time_base"]), said))
        if len(queue) == length:
            break
    return queue


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


@st.cache_resource(show_spinner=False, max_entries=8)
def _queue(_library: Library, root: str, stamp: Stamp, route: str, lines: tuple[Line, ...]) -> list[ReviewItem]:
    if route == DISAGREE:
        return _at_odds(_library)
    if route == NEAR:
        return _near_lines(_library, lines)
    rows = loaders.signal_order(_library, route).highest(QUEUE_LENGTH * 20)
    return queue_of(loaders.windows(_library).iloc[rows], route, _fingerprints(_library))


def _at_odds(library: Library) -> list[ReviewItem]:
    """Return the windows whose two places in the rankings by score and by anomaly, from 0 to 1, lie farthest apart."""
    places = np.stack([_places(library, name) for name in _AGAINST])
    apart = places[0] - places[1]
    widest = _highest_rows(np.abs(apart), QUEUE_LENGTH * 20)
    part = loaders.windows(library).iloc[widest].assign(
        apart=np.abs(apart[widest]), score_place=places[0][widest], anomaly_place=places[1][widest]
    )  # fmt: skip
    return queue_of(part, "apart", _fingerprints(library), why=_why_at_odds)


def _why_at_odds(line: Mapping[Any, Any]) -> str:
    said = "hard but usual" if line["score_place"] > line["anomaly_place"] else "easy but unusual"
    return f"{said}: harder than {line['score_place']:.0%}, stranger than {line['anomaly_place']:.0%}"


def _near_lines(library: Library, lines: tuple[Line, ...]) -> list[ReviewItem]:
    """Return the windows nearest to a line, counted in windows that lie between."""
    windows, parts = loaders.windows(library), []
    for signal, line in lines:
        order = loaders.signal_order(library, signal)
        rows, place = order.near(line, QUEUE_LENGTH * 5), int(np.searchsorted(order.values, line))
        first = max(0, place - QUEUE_LENGTH * 5)
        between = np.abs(np.arange(first, first + len(rows)) + 0.5 - place)
        parts.append(windows.iloc[rows].assign(near=-between, signal=signal, line=line))
    return queue_of(pd.concat(parts).drop_duplicates("row"), "near", _fingerprints(library), why=_why_near)


def _why_near(line: Mapping[Any, Any]) -> str:
    value, side = float(line[line["signal"]]), "above" if line[line["signal"]] >= line["line"] else "below"
    return f"{line['signal']} {value:.4g} is just {side} the line at {line['line']:.4g}"


def _taught(library: Library, windows: pd.DataFrame) -> list[ReviewItem]:
    """Return the windows of the route ``TEACHES``, and show how well the probe does so far.

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
    found = windows[windows["row"].isin(proposed)]
    place = pd.Series(range(len(proposed), 0, -1), index=proposed, dtype="float64")
    found = found.assign(**{TEACHES: found["row"].map(place)})
    return queue_of(found, TEACHES, _fingerprints(library), why=lambda line: "a probe would learn much from it")


def _worth_asking(library: Library, windows: pd.DataFrame) -> pd.DataFrame:
    """Return the windows that proposals are made from: all, or of many a part evenly taken and those decided on."""
    if len(windows) <= ASKED:
        return windows
    names = loaders.clip_of_print(library)
    decided = loaders.decisions(library).values()
    rows = loaders.window_rows(library, [(names.get(item.clip_sha256), item.start_pts) for item in decided])
    taken = np.arange(len(windows))[evenly(len(windows), ASKED)]
    return windows.iloc[np.union1d(taken, [row for row in rows if row is not None]).astype(np.int64)]


def _places(library: Library, signal: str) -> NDArray[np.float64]:
    """Return the place of each window in the order of a signal, from 0 to 1; NaN where it has no value."""
    order = loaders.signal_order(library, signal)
    places = np.full(len(order.rows) + order.missing, np.nan)
    places[order.rows] = np.arange(len(order.rows)) / max(1, len(order.rows) - 1)
    return places


def _highest_rows(values: NDArray[np.float64], many: int) -> NDArray[np.int64]:
    """Return the positions of the ``many`` highest values, NaN never among them."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= many:
        return known
    return known[np.argpartition(values[known], len(known) - many)[len(known) - many :]]


def _fingerprints(library: Library) -> dict[str, str]:
    return {clip.clip_id: str(clip.facts.get("sha256") or "") for clip in loaders.clips(library)}


def _when(name: str, there: bool) -> list[str]:
    return [name] if there else []
