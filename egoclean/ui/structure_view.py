"""One clip's structure in figures and tables, and what a brush on the similarity map means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts import structure_charts
from egoclean.library import Library
from egoclean.store.catalog import ClipRow
from egoclean.ui import clip_view, loaders, media, metrics, player
from egoclean.ui.choice import chosen_row
from egoclean.ui.columns import column_config
from egoclean.ui.tables import spans_table

_TABLES = {"anomalies": "anomaly", "cycles": "cycle", "segments": "segment"}
_LOOP_MOST_S = 8.0


def found(library: Library, clip: ClipRow) -> Mapping[str, Any]:
    """Return the clip's structure as its file has it."""
    entry = loaders.entry(library, clip.clip_id, "structure")
    if entry is None:
        return {}
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


def curves(structure: Mapping[str, Any]) -> dict[str, player.Curve]:
    """Return the signals that stand under the player: change and anomaly score."""
    centres = structure["centres_s"]
    return {"change": (centres, structure["change"]), "anomaly score": (centres, structure["anomaly_score"])}


def similarity_figure(library: Library, clip: ClipRow) -> go.Figure:
    """Return the self-similarity heat map of a clip."""
    entry = loaders.entry(library, clip.clip_id, "structure")
    if entry is None:
        return go.Figure()
    return _similarity_figure(entry.key, library, clip.clip_id)


def lag_figure(structure: Mapping[str, Any]) -> go.Figure:
    """Return how alike moments are that lie so many seconds apart."""
    values = [np.nan if item is None else item for item in structure["lag_spectrum"]]
    return structure_charts.lag_spectrum_figure(structure["lags_s"], values, structure.get("period_s"))


def show_tables(structure: Mapping[str, Any], clip: ClipRow) -> tuple[float, float] | None:
    """Show anomalies, cycles and segments as tables; return the span of the selected row, or None."""
    chosen = None
    for tab, (name, _) in zip(
        st.tabs([f"{name.capitalize()} ({len(structure[name])})" for name in _TABLES]), _TABLES.items(), strict=True
    ):
        with tab:
            chosen = _show_spans(structure, name, clip.clip_id) or chosen
    return chosen


def moments_of_brush(
    event: Any, structure: Mapping[str, Any]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
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


def show_two_moments(library: Library, clip: ClipRow, spans: tuple[tuple[float, float], tuple[float, float]]) -> None:
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


def _show_spans(structure: Mapping[str, Any], name: str, clip_id: str) -> tuple[float, float] | None:
    spans = structure[name]
    if not spans:
        st.caption(f"No {name} were found. That is an answer, not a fault.")
        return None
    table = spans_table(spans)
    event = st.dataframe(
        table,
        hide_index=True,
        column_config=column_config(table),
        on_select="rerun",
        selection_mode="single-row",
        key=f"spans_{name}_{clip_id}",
    )
    position = chosen_row(event)
    if name == "cycles":
        typical, deviant = structure.get("most_typical_cycle"), structure.get("most_deviant_cycle")
        if typical is not None and deviant is not None:
            st.caption(f"The most typical cycle is row {typical + 1}, the most deviant row {deviant + 1}.")
    if position is None:
        return None
    return float(table.iloc[position]["start_s"]), float(table.iloc[position]["stop_s"])


@st.cache_resource(show_spinner=False, max_entries=8)
def _similarity_figure(key: str, _library: Library, clip_id: str) -> go.Figure:
    entry = loaders.entry(_library, clip_id, "structure")
    if entry is None:
        return go.Figure()
    matrix = np.asarray(loaders.entry_array(entry, "similarity.npy"), dtype=np.float32)
    centres = loaders.entry_json(entry, "structure.json")["centres_s"]
    times = np.interp(np.linspace(0, len(centres) - 1, len(matrix)), np.arange(len(centres)), centres)
    figure = structure_charts.similarity_figure(matrix, times, height_px=420)
    figure.update_traces(colorbar={"orientation": "h", "thickness": 8, "y": -0.28, "len": 0.9, "title": {"text": ""}})
    return figure.update_xaxes(title_text="")
