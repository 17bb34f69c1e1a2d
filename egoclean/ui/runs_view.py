"""A run as it goes: stages with rate and time left, its log, what failed; refreshed while it works."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from egoclean import jobs
from egoclean.library import Library
from egoclean.store.runs import RunInfo, RunState, StageProgress, read_events
from egoclean.ui.columns import column_config
from egoclean.ui.format import ago, duration, plain, shorten
from egoclean.ui.guards import active_run

REFRESH_S = 2
LOG_LINES = 40
_LOG_BYTES = 32_768
_BADGES = {
    RunState.RUNNING: ("blue", ":material/play_arrow:"),
    RunState.DONE: ("green", ":material/check:"),
    RunState.DONE_WITH_REJECTIONS: ("orange", ":material/rule:"),
    RunState.FAILED: ("red", ":material/error:"),
    RunState.INTERRUPTED: ("gray", ":material/pause:"),
    RunState.LOST: ("red", ":material/help:"),
}


def watch_active_run(library: Library) -> None:
    """Show the run that is at work, refreshed every two seconds, and rerun the page when it has ended."""
    if active_run(library) is not None:
        _watch(library)


@st.fragment(run_every=REFRESH_S)
def _watch(library: Library) -> None:
    run = active_run(library)
    if run is None:
        st.rerun()
        return
    with st.container(border=True):
        head, stop = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**A run is at work** · started {ago(run.started_at)}")
        if stop.button("Stop", icon=":material/stop_circle:", width="stretch", help="Finished work is kept."):
            jobs.stop_run(run)
        show_stages(run.stages)


def show_stages(stages: Sequence[StageProgress]) -> None:
    """Show each stage of a run as a bar with its amount, rate and time left."""
    if not stages:
        st.caption("Starting: the sources are being listed.")
    for stage in stages:
        share = min(1.0, stage.done / stage.total) if stage.total > 0 else float(stage.state == "done")
        st.progress(share, text=stage_text(stage))


def stage_text(stage: StageProgress) -> str:
    """Return a stage in words: ``score · 34 of 60 windows · 1.2 windows/s · 22 s left``."""
    parts = [f"**{plain(stage.verb)}**", f"{stage.done:,.0f} of {stage.total:,.0f} {plain(stage.unit)}"]
    if stage.rate is not None:
        slow = f"{1 / stage.rate:,.3g} s a {plain(stage.unit.removesuffix('s'))}"
        parts.append(f"{stage.rate:,.3g} {plain(stage.unit)}/s" if stage.rate >= 1 else slow)
    if stage.state == "done":
        parts.append(f"done in {duration(stage.seconds)}")
    elif stage.seconds_left is not None:
        parts.append(f"{duration(stage.seconds_left)} left")
    device = stage.details.get("device")
    if device:
        parts.append(f"on {plain(device)}")
    waited = stage.details.get("waited_share")
    if waited is not None:
        parts.append(f"{100 * float(waited):.0f} % of the time waiting for pictures")
    return " · ".join(parts)


def show_state(run: RunInfo) -> None:
    """Show how a run stands: its state as a coloured word, when it began, and its message."""
    colour, icon = _BADGES[run.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(str(run.state), color=colour, icon=icon)  # type: ignore[arg-type]
        st.caption(f"started {ago(run.started_at)}")
    if run.message:
        st.text(run.message)


def runs_table(runs: Sequence[RunInfo]) -> pd.DataFrame:
    """Return one row a run: state, start, what was asked for."""
    rows = [
        {
            "state": str(run.state),
            "started": pd.Timestamp(run.started_at, unit="s", tz="UTC"),
            "message": run.message,
            "command": " ".join(run.command),
            "run": run.run_id,
        }
        for run in runs
    ]
    return pd.DataFrame(rows, columns=["state", "started", "message", "command", "run"])


def failures_table(run: RunInfo) -> pd.DataFrame:
    """Return the clips of a run that were rejected or failed: verb, clip, status, reason."""
    events = [event for event in read_events(run.folder) if event.get("status") in ("rejected", "failed")]
    columns = ["verb", "clip_id", "status", "reason"]
    return pd.DataFrame([{name: event.get(name, "") for name in columns} for event in events], columns=columns)


def log_tail(run: RunInfo) -> str:
    """Return the last lines of a run's log; empty when it has written none."""
    try:
        with run.log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _LOG_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.rsplit("\r", 1)[-1] for line in text.splitlines()]
    return "\n".join(line for line in lines[-LOG_LINES:])


def heading(run: RunInfo) -> str:
    """Return what a run was asked to do, in a few words."""
    asked = [part for part in run.command if not part.startswith("-")]
    return f"Run {run.run_id}" + (f": {plain(shorten(' '.join(asked), 80))}" if asked else "")


def show_log(run: RunInfo) -> None:
    """Show the last lines of a run's log."""
    text = log_tail(run)
    if text:
        st.code(text, language=None, height=360)
    else:
        st.caption("This run was started from a terminal and printed its log there." if run.stages else "Nothing yet.")


def show_failures(run: RunInfo) -> None:
    """Show the clips that a run rejected or that failed, with reasons."""
    table = failures_table(run)
    if table.empty:
        st.caption("None in this run. Clips refused by an earlier one stand on the overview.")
    else:
        st.dataframe(table, hide_index=True, column_config=column_config(table))
        st.caption(
            "Rejected clips stay rejected until their bytes change; failed ones are tried again by the next run."
        )
