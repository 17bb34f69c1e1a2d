"""One clip: its player with everything known about it along the time axis, and its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from egoclean.library import Library
from egoclean.store.catalog import ClipRow
from egoclean.store.decisions import Verdict
from egoclean.ui import deciding, loaders, media, player
from egoclean.ui.choice import choose
from egoclean.ui.columns import column_config
from egoclean.ui.format import moment, plain
from egoclean.ui.tables import facts_table, problem_table

_EVEN_WITHIN = 0.02


def show_player(
    library: Library,
    clip: ClipRow,
    *,
    key: str = "player",
    time_s: float = 0.0,
    span: tuple[float, float] | None = None,
    loop: bool = False,
    lanes: Sequence[str] = ("segments", "cycles", "anomalies", "chosen", "decisions"),
    known: Mapping[str, list[player.TimelineSpan]] | None = None,
    curves: Mapping[str, player.Curve] | None = None,
    decide: bool = True,
) -> None:
    """Show a clip's view with a timeline of what is known about it, or why there is no video to play.

    ``lanes`` are those shown, from the top, of :func:`timeline` and of what else is ``known``.
    With ``decide`` the marked span, and one that a person marks in the player, can be kept, rejected or sent to review.
    """
    source = media.media_url(loaders.entry(library, clip.clip_id, "rectify"), "view.mp4")
    if source is None:
        reason = clip.facts.get("reason") or "its view has not been made yet."
        st.info(f"There is nothing to play: {plain(reason)}", icon=":material/videocam_off:")
        return
    everything = {**timeline(library, clip), **(known or {})}
    wish = (clip.clip_id, time_s, span, loop)
    shown = player.PlayerInput(
        videos=(player.PlayerVideo(source, offset_s=view_start_s(library, clip.clip_id)),),
        duration_s=float(clip.facts.get("duration_s") or 0.0),
        frame_rate=float(clip.facts.get("frame_rate") or 0.0),
        frame_count=int(clip.facts.get("frame_count") or 1),
        frame_times_s=uneven_times(library, clip),
        lanes={name: everything[name] for name in lanes if everything.get(name)},
        curves=curves or {},
        time_s=time_s,
        span=span,
        loop=loop,
        request=request_number(key, wish),
        reports=decide,
    )
    reported = player.show(shown, key=key)
    if decide:
        _show_decision(library, clip, span, reported, key, wish)


def _show_decision(
    library: Library, clip: ClipRow, span: tuple[float, float] | None, reported: player.Moment | None, key: str,
    wish: object,
) -> None:  # fmt: skip
    """Show what can be done with the span marked last: by the page, or in the player since."""
    if reported is not None:
        marked = reported.span or (reported.time_s, reported.time_s)
        st.session_state[f"{key}_reported"] = (wish, marked)
    kept = st.session_state.get(f"{key}_reported")
    shown = kept[1] if kept is not None and kept[0] == wish else span
    if shown is not None:
        deciding.span_bar(library, clip, shown, span_label(*shown), f"{key}_decide")


def show_window(library: Library, window: pd.Series | None, key: str = "window_player") -> None:
    """Play a window of a table, repeated, under its name, with the way to its clip; without one say how to get it."""
    if window is None:
        st.caption("Select a window to see it.")
        return
    found = loaders.clip_steps(library)[str(window["clip_id"])]
    span = (float(window["start_s"]), float(window["stop_s"]))
    name, clip_id = f"{found.name}, window {int(window['window'])}, {span_label(*span)}", found.clip.clip_id
    st.text(name, help=plain(clip_id))
    show_player(library, found.clip, key=key, time_s=span[0], span=span, loop=True)
    if st.button("Open the clip", icon=":material/movie:", key=f"{key}_open"):
        open_clip(clip_id, span[0])
        st.switch_page("pages/clips.py")


def view_start_s(library: Library, clip_id: str) -> float:
    """Return where a clip's first frame stands on the clock of its view: views keep the source's own times."""
    entry = loaders.entry(library, clip_id, "rectify")
    summary = entry.details.get("summary") if entry else None
    return float((summary or {}).get("view_start_s") or 0.0)


def request_number(key: str, wish: object) -> int:
    """Return a number that changes when what a page wishes of its player changes."""
    kept = st.session_state.get(f"{key}_wish")
    if kept is None or kept[0] != wish:
        kept = (wish, 0 if kept is None else kept[1] + 1)
        st.session_state[f"{key}_wish"] = kept
    return int(kept[1])


def timeline(library: Library, clip: ClipRow) -> dict[str, list[player.TimelineSpan]]:
    """Return the lanes of a clip: segments, cycles, anomalies, chosen windows, decisions; seconds from its start."""
    lanes: dict[str, list[player.TimelineSpan]] = {}
    structure = loaders.entry(library, clip.clip_id, "structure")
    if structure is not None:
        found = loaders.entry_json(structure, "structure.json")
        lanes["segments"] = [_span(item, str(item.get("label") or "segment")) for item in found["segments"]]
        lanes["cycles"] = [_span(item, "cycle") for item in found["cycles"]]
        lanes["anomalies"] = [_span(item, "anomaly") for item in found["anomalies"]]
    chosen = loaders.selected_windows(library, clip.clip_id)
    if not chosen.empty:
        chosen = chosen.sort_values("start_s")
        lanes["chosen"] = list(
            zip(
                chosen["start_s"].astype(float),
                chosen["stop_s"].astype(float),
                "chosen, rank " + chosen["rank"].astype(str),
                strict=True,
            )
        )
    lanes["decisions"] = _decisions(library, clip)
    return lanes


def uneven_times(library: Library, clip: ClipRow) -> tuple[float, ...] | None:
    """Return the seconds of a clip's frames when they are not evenly spaced, else None."""
    entry, base = loaders.entry(library, clip.clip_id, "ingest"), str(clip.facts.get("time_base") or "")
    if entry is None or "/" not in base or not entry.path("pts.npy").is_file():
        return None
    pts = loaders.entry_array(entry, "pts.npy")
    steps = np.diff(pts)
    if len(steps) == 0 or np.abs(steps - np.median(steps)).max() <= max(1.0, _EVEN_WITHIN * float(np.median(steps))):
        return None
    numerator, denominator = (int(part) for part in base.split("/"))
    return tuple(((pts - pts[0]) * (numerator / denominator)).tolist())


def show_facts(clip: ClipRow) -> None:
    """Show what is known of a clip: problems first, then every plain fact, and the carried fields."""
    problems = problem_table(clip)
    if not problems.empty:
        st.subheader("Problems", anchor=False)
        st.dataframe(problems, hide_index=True, column_config=column_config(problems))
    with st.expander("All facts", icon=":material/info:"):
        st.text(clip.clip_id)
        st.dataframe(facts_table(clip.facts), hide_index=True)
        if clip.facts.get("carried"):
            st.caption("Carried along from the source")
            st.json(clip.facts["carried"], expanded=1)


def open_clip(clip_id: str, time_s: float | None = None) -> None:
    """Open a clip in the player of the clips page; call from a button's callback."""
    choose(clip_id)
    st.session_state["clips_tab"] = "Play"
    st.session_state["clips_time_s"] = (clip_id, time_s or 0.0)


def opened_at(clip: ClipRow) -> float:
    """Return the moment at which a clip was opened on another page, in seconds; 0 for a clip that was not."""
    clip_id, time_s = st.session_state.get("clips_time_s", ("", 0.0))
    return float(time_s) if clip_id == clip.clip_id else 0.0


def open_button(table: pd.DataFrame, position: int | None) -> None:
    """Show the button that opens the clip of the table's selected row."""
    if position is None:
        st.caption("Select a row to open its clip.")
        return
    clip_id = str(table.iloc[position]["clip_id"])
    st.button("Open this clip", type="primary", on_click=open_clip, args=(clip_id,), icon=":material/play_arrow:")


def span_label(start_s: float, stop_s: float) -> str:
    """Return a span in words: ``0:03.00 to 0:05.13``."""
    return f"{moment(start_s)} to {moment(stop_s)}"


def _span(item: Mapping[str, object], label: str) -> player.TimelineSpan:
    return float(item["start_s"]), float(item["stop_s"]), label  # type: ignore[arg-type]


def _decisions(library: Library, clip: ClipRow) -> list[player.TimelineSpan]:
    spans: list[player.TimelineSpan] = []
    for place, decision in loaders.decisions(library).items():
        if decision.clip_sha256 == clip.facts.get("sha256"):
            span = deciding.span_of_place(library, clip.clip_id, place)
            label = "to review" if decision.verdict is Verdict.NONE else str(decision.verdict)
            spans += [] if span is None else [(*span, label)]
    return spans
