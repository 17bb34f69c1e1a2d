"""What the source a person looked at holds, how long each step will take on it, and the button that starts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from egoclean.library import Library
from egoclean.ui import loaders, metrics, start
from egoclean.ui.estimate import StageEstimate, estimate, measured_rates
from egoclean.ui.format import count, duration, footage, plain, size
from egoclean.ui.look import Look

_NOTES = 5
_COLUMNS = {
    "step": st.column_config.TextColumn("step", help="Steps that work at the same time share a line."),
    "work": st.column_config.TextColumn("work", help="How much there is to do, in the unit of the step."),
    "rate": st.column_config.TextColumn("rate", help="Work a second on this machine, all cores together."),
    "takes": st.column_config.TextColumn("takes", help="Work over rate; no step takes less than its start."),
    "origin": st.column_config.TextColumn("where the rate is from", width="medium"),
}


def show_look(library: Library, busy: bool) -> None:
    """Show what was found in the source looked at last, if any: amounts, time it will take, and the start."""
    found: Look | None = st.session_state.get(start.LOOKED)
    if found is None:
        return
    with st.container(border=True):
        st.markdown(f"**What is there** · {plain(found.source)}")
        _show_amounts(found)
        _show_notes(found.notes)
        if found.clips:
            _show_time(library, found)
            if st.button("Start on this", type="primary", icon=":material/play_arrow:", disabled=busy):
                start.start(library.project, found.arguments)


def stage_table(stages: Sequence[StageEstimate]) -> pd.DataFrame:
    """Return one row a stage: its work, rate, time, and where the rate is from."""
    rows = [
        {
            "step": item.stage,
            "work": f"{item.amount:,.0f} {item.unit}",
            "rate": f"{item.rate.per_s:,.3g} {item.unit}/s",
            "takes": about(item.seconds),
            "origin": _origin(item),
        }
        for item in stages
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _origin(item: StageEstimate) -> str:
    if item.rate.measured_at is None:
        return "stated: two idle cores, no GPU"
    passed = about(time.time() - item.rate.measured_at)
    return f"this project's run {passed} ago: {item.rate.amount:,.0f} {item.unit}"


def about(seconds: float) -> str:
    """Return an estimated time with no more digits than it deserves: ``8 s``, ``3 min``, ``2 h 10 min``, ``4 days``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 172_800:
        minutes = round(seconds / 600) * 10
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{seconds / 86_400:,.0f} days"


def _show_amounts(found: Look) -> None:
    frames = found.clips - found.videos
    kinds = [count(found.videos, "video")] * bool(found.videos) + [f"{frames:,} of frame records"] * bool(frames)
    clips, length, amount, calibrated = st.columns(4)
    metrics.number(clips, "Clips", f"{found.clips:,}", ", ".join(kinds) or "nothing that can be read", "clip")
    metrics.number(length, "Footage", f"≈ {footage(found.footage.duration_s)}", _origin_of_length(found), "footage")
    metrics.number(amount, "Size", size(found.size_bytes), "on the hub" if found.remote else "read where it is")
    without = found.videos - found.calibrated
    said = f"{count(without, 'video')} not rectified" if without else "all videos are rectified"
    metrics.number(calibrated, "With calibration", f"{found.calibrated:,}", said if found.videos else "", "intrinsics")


def _origin_of_length(found: Look) -> str:
    if not found.videos:
        return "by the records' own times" if found.footage.duration_s else "records without times"
    if not found.sampled:
        return "by bytes, at 3.6 Mbit/s"
    if found.sampled == found.videos:
        return "as the files say"
    return f"by bytes, from {found.sampled:,} of {found.videos:,} files"


def _show_time(library: Library, found: Look) -> None:
    config = library.project.settings().score
    facts = {clip.clip_id: clip.facts for clip in loaders.clips(library)}
    stages = estimate(found.footage, measured_rates(library.runs(), facts, config), config.models)
    st.markdown(f"**About {about(sum(item.seconds for item in stages))}** with the {config.models} models")
    st.dataframe(stage_table(stages), hide_index=True, column_config=_COLUMNS)
    fetching = " The time to fetch it from the hub comes on top." if found.remote else ""
    at = f" at {config.window_fps:g} a second" if config.window_fps else ""
    st.caption(
        f"What an earlier run finished is not done again. Choosing and exporting take seconds.{fetching} "
        f"A window is {config.window_frames} pictures{at}, every {duration(config.stride_s)}."
    )


def _show_notes(notes: Sequence[str]) -> None:
    for note in notes[:_NOTES]:
        st.caption(plain(note))
    if len(notes) > _NOTES:
        st.caption(f"and {len(notes) - _NOTES:,} notes more.")
