"""One clip's structure in figures and tables, and what a brush on the similarity map means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts import structure_charts
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.cache import Entry
from egoclean.store.catalog import ClipRow
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import clip_view, loaders, media, metrics, player
from egoclean.ui.choice import chosen_row
from egoclean.ui.columns import column_config
from egoclean.ui.format import count, plain
from egoclean.ui.glossary import meaning
from egoclean.ui.tables import spans_table
from egoclean.verbs.comparison import ChangeCauses, Rarity, change_causes, rarity
from egoclean.verbs.evaluate import known_truth, read_truth, truth_of_clip

Span = tuple[float, float]

_TABLES = ("cycles", "segments", "anomalies")
_LOOP_MOST_S = 8.0
_PICTURE_ROW_PX = 64
_PICTURES_PX = 640
_HEAD_PX = 38
SIDE_BY_SIDE = "side by side"
_CAUSES = {"turn": "the camera's turning", "blur": "blur"}
LANES = ("segments", "true work", "cycles", "true cycles", "anomalies", "true events", "chosen", "decisions")
"""Lanes under the player, from the top: what was found and, where it is known, the truth below it."""


def found(library: Library, clip: ClipRow) -> Mapping[str, Any]:
    """Return the clip's structure as its file has it; stops the page when it went away after the clip was picked."""
    entry = loaders.entry(library, clip.clip_id, "structure")
    if entry is None:
        st.info("This clip's structure is being made anew. Reload in a moment.", icon=":material/info:")
        st.stop()
    result: Mapping[str, Any] = loaders.entry_json(entry, "structure.json")
    return result


def show_numbers(structure: Mapping[str, Any]) -> None:
    """Show period, cycles, segments and anomalies as figures with units."""
    period, cycles, segments, anomalies = st.columns(4)
    value, even = structure.get("period_s"), structure.get("regularity")
    confidence = dict(structure.get("period") or {}).get("confidence")
    sure = f"confidence {float(confidence):.2f}" if confidence is not None else ""
    metrics.number(period, "Period", "none" if value is None else f"{float(value):.2f} s", sure, "period")
    said = "" if even is None else f"regularity {float(even):.2f}"
    metrics.number(cycles, "Cycles", str(len(structure["cycles"])), said, "cycle")
    kinds = {str(item["label"]) for item in structure["segments"]}
    metrics.number(segments, "Segments", str(len(structure["segments"])), ", ".join(sorted(kinds)), "segment")
    odd_s = sum(float(item["stop_s"]) - float(item["start_s"]) for item in structure["anomalies"])
    said = f"{odd_s:.1f} s together" if odd_s else ""
    metrics.number(anomalies, "Anomalies", str(len(structure["anomalies"])), said, "anomaly")


def choose_curves(library: Library, clip: ClipRow, structure: Mapping[str, Any]) -> dict[str, player.Curve]:
    """Return the signals that stand under the player: change and anomaly score.

    Says how much of the change is the camera's own movement, and offers to take that off.
    """
    centres = structure.get("centres_s", ())
    if not centres:
        return {}
    change = structure["change"]
    causes = change_causes(structure, loaders.clip_windows(library, clip.clip_id))
    if causes is not None:
        words = ", ".join(f"{_CAUSES[name]} alone {share:.0%}" for name, share in causes.by_cause.items())
        together = " and ".join(_CAUSES[name] for name in causes.causes)
        text = f"Change without {together} ({causes.explained:.0%} of it)"
        if st.toggle(text, key="structure_without", help=f"{meaning('change')} Of its variance: {words}."):
            change = _listed(causes)
    return {"change": (centres, change), "anomaly score": (centres, structure["anomaly_score"])}


def choose_truth(library: Library, clip: ClipRow) -> dict[str, list[player.TimelineSpan]]:
    """Return the lanes of what really happens in a clip of the demo, if a person wants to see them."""
    truth = _truth(library, clip.clip_id)
    if not truth or not st.toggle("Show the truth", key="structure_truth", help="What the demo's truth.json says."):
        return {}
    periods = [
        f"{item['activity']} every {float(item['period_s']):.2f} s, {count(int(item['cycles']), 'cycle')}"
        for item in truth.get("periods", ())
    ]
    events = [f"{item['kind'].replace('_', ' ')} from {float(item['start_s']):.1f} s" for item in truth["events"]]
    said = f"{', '.join(periods) or 'nothing repeats'}; {', '.join(events) or 'no event'}"
    st.caption(f"Truth: {plain(said)}.")
    return truth_lanes(truth)


def truth_lanes(truth: Mapping[str, Any]) -> dict[str, list[player.TimelineSpan]]:
    """Return activities, cycles and events of one clip's truth as lanes."""
    kinds = {
        "true work": ("activities", "name"),
        "true cycles": ("cycles", "activity"),
        "true events": ("events", "kind"),
    }
    return {
        lane: [(float(item["start_s"]), float(item["stop_s"]), str(item[label])) for item in truth.get(name, ())]
        for lane, (name, label) in kinds.items()
    }


def similarity_figure(library: Library, clip: ClipRow) -> go.Figure:
    """Return the self-similarity heat map of a clip."""
    entry = loaders.entry(library, clip.clip_id, "structure")
    if entry is None:
        return go.Figure()
    return _similarity_figure(entry.key, library, clip.clip_id)


def lag_figure(library: Library, clip: ClipRow) -> go.Figure:
    """Return how alike moments of a clip are that lie so many seconds apart."""
    entry = loaders.entry(library, clip.clip_id, "structure")
    return go.Figure() if entry is None else _lag_figure(entry.key, entry)


def show_tables(library: Library, structure: Mapping[str, Any], clip: ClipRow) -> Span | None:
    """Show cycles, segments or anomalies as a table; return the span of the selected row, or None.

    Each cycle has its first frame, so that one look says whether cycles start alike.
    """
    tabs = st.tabs([name.capitalize() for name in _TABLES], key="structure_table", on_change="rerun")
    name, tab = next((name, tab) for name, tab in zip(_TABLES, tabs, strict=True) if tab.open)
    with tab:
        if name == "anomalies":
            return _show_anomalies(library, structure, clip)
        return _show_spans(library, structure, name, clip.clip_id)


def moments_of_brush(event: Any, structure: Mapping[str, Any]) -> tuple[Span, Span] | None:
    """Return the two spans, in seconds, that a box on the similarity map stands for, or None.

    The box may come with its ends in either order; each span is kept within the clip and to 8 seconds.
    """
    boxes = event["selection"]["box"] if event else []
    if not boxes:
        return None
    last = float(structure["centres_s"][-1]) + float(structure["window_s"]) / 2
    spans = []
    for axis in ("x", "y"):
        low, high = sorted(float(item) for item in boxes[0][axis])
        low = min(max(0.0, low), last)
        spans.append((low, min(max(high, low + 0.5), low + _LOOP_MOST_S, last)))
    return spans[0], spans[1]


def show_two_moments(library: Library, clip: ClipRow, spans: tuple[Span, Span]) -> None:
    """Play two moments of a clip side by side, in step, repeated."""
    source = media.media_url(loaders.entry(library, clip.clip_id, "rectify"), "view.mp4")
    if source is None:
        return
    length = max(0.5, max(stop - start for start, stop in spans))
    start_s = clip_view.view_start_s(library, clip.clip_id)
    videos = tuple(
        player.PlayerVideo(source, clip_view.span_label(*span), offset_s=start_s + span[0]) for span in spans
    )
    rate = float(clip.facts.get("frame_rate") or 30.0)
    shown = player.PlayerInput(
        videos,
        length,
        rate,
        max(1, round(length * rate)),
        span=(0.0, length),
        loop=True,
        request=clip_view.request_number("pair", (clip.clip_id, spans)),
    )
    player.show(shown, key="pair")


def first_frames(library: Library, clip_id: str, spans: pd.DataFrame) -> list[str | None]:
    """Return the address of the first frame of each span (start_s, stop_s) of a clip; None where there is no view."""
    view = loaders.entry(library, clip_id, "rectify")
    pairs = zip(spans["start_s"], spans["stop_s"], strict=True)
    return [media.glimpse_url(view, "first.jpg", start_s, stop_s) for start_s, stop_s in pairs]


def _show_anomalies(library: Library, structure: Mapping[str, Any], clip: ClipRow) -> Span | None:
    """Show each anomaly with how rare it is here and everywhere, and with how many other clips it was compared."""
    spans = structure["anomalies"]
    # Only where it is seen: it takes a look at every other clip of the worker.
    beside = _rarity(clip.clip_id, library.catalog.stamp(), library, clip) if spans else None
    if beside is None:
        return _show_spans(library, structure, "anomalies", clip.clip_id)
    pairs = zip(spans, beside.anomalies, strict=True)
    spans = [{**item, "rare_here": here, "rare_everywhere": everywhere} for item, (here, everywhere) in pairs]
    chosen = _show_spans(library, {**structure, "anomalies": spans}, "anomalies", clip.clip_id)
    if beside.clip_count:
        st.caption(f"Rare everywhere: beside {count(beside.clip_count, 'other clip')} of the same worker.")
    else:
        st.caption("Rare everywhere is not known: there is no other clip of the same worker.")
    return chosen


def _show_spans(library: Library, structure: Mapping[str, Any], name: str, clip_id: str) -> Span | None:
    spans = structure[name]
    if not spans:
        st.caption(f"No {name} were found. That is an answer, not a fault.")
        return None
    table = spans_table(spans)
    if name == "cycles":
        table.insert(0, "first_frame", first_frames(library, clip_id, table))
    event = st.dataframe(
        table,
        hide_index=True,
        column_config=column_config(table),
        on_select="rerun",
        selection_mode="single-row",
        key=f"spans_{name}_{clip_id}",
        row_height=_PICTURE_ROW_PX if name == "cycles" else None,
        height=min(_PICTURES_PX, len(table) * _PICTURE_ROW_PX + _HEAD_PX) if name == "cycles" else "auto",
    )
    position = chosen_row(event)
    if name == "cycles" and (named := named_cycles(structure)):
        wish = st.segmented_control(
            "Play", [*named, SIDE_BY_SIDE], key=_cycle_key(clip_id), help="Side by side: both from their first frame."
        )
        if position is None and wish in named:
            return named[wish]
    if position is None:
        return None
    return float(table.iloc[position]["start_s"]), float(table.iloc[position]["stop_s"])


def named_cycles(structure: Mapping[str, Any]) -> dict[str, Span]:
    """Return the spans of the median cycle and of the one most unlike it, by name; empty where there are none."""
    places = {"median cycle": structure.get("most_typical_cycle"), "most deviant": structure.get("most_deviant_cycle")}
    if None in places.values():
        return {}
    cycles = structure["cycles"]
    return {name: (cycles[place]["start_s"], cycles[place]["stop_s"]) for name, place in places.items()}


def cycles_side_by_side(structure: Mapping[str, Any], clip: ClipRow) -> tuple[Span, Span] | None:
    """Return the median and the most deviant cycle when a person asked for both, or None."""
    named = tuple(named_cycles(structure).values())
    asked = st.session_state.get(_cycle_key(clip.clip_id)) == SIDE_BY_SIDE
    return (named[0], named[1]) if asked and named else None


def _cycle_key(clip_id: str) -> str:
    return f"cycle_{clip_id}"


def _listed(causes: ChangeCauses) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in causes.left]


@st.cache_resource(show_spinner=False, max_entries=32)
def _rarity(clip_id: str, stamp: Stamp, _library: Library, _clip: ClipRow) -> Rarity | None:
    del stamp
    entry = loaders.entry(_library, _clip.clip_id, "structure")
    return None if entry is None else rarity(_library, _clip, loaders.entry_json(entry, "structure.json"))


def _truth(library: Library, clip_id: str) -> Mapping[str, Any]:
    path = known_truth(library)
    if path is None:
        return {}
    try:
        return truth_of_clip(clip_id, _all_truth(str(path), file_stamp(path)))
    except EgocleanError as error:
        st.caption(plain(f"The truth cannot be shown: {error}"))
        return {}


@st.cache_resource(show_spinner=False, max_entries=2)
def _all_truth(path: str, stamp: Stamp) -> Mapping[str, Any]:
    del stamp
    clips: Mapping[str, Any] = read_truth(Path(path)).get("clips", {})
    return clips


@st.cache_resource(show_spinner=False, max_entries=8)
def _similarity_figure(key: str, _library: Library, clip_id: str) -> go.Figure:
    entry = loaders.entry(_library, clip_id, "structure")
    if entry is None:
        return go.Figure()
    matrix = np.asarray(loaders.entry_array(entry, "similarity.npy"), dtype=np.float32)
    centres = loaders.entry_json(entry, "structure.json")["centres_s"]
    times = np.interp(np.linspace(0, len(centres) - 1, len(matrix)), np.arange(len(centres)), centres)
    return structure_charts.similarity_figure(matrix, times)


@st.cache_resource(show_spinner=False, max_entries=8)
def _lag_figure(key: str, _entry: Entry) -> go.Figure:
    structure = loaders.entry_json(_entry, "structure.json")
    values = [np.nan if item is None else item for item in structure["lag_spectrum"]]
    return structure_charts.lag_spectrum_figure(structure["lags_s"], values, structure.get("period_s"))
