"""A run as it goes: stages with rate and time left, its log, what failed; refreshed while it works."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from egoclean import jobs
from egoclean.library import Library
from egoclean.store.catalog import StepStatus
from egoclean.store.clean import CacheUse, cache_use, clean_cache
from egoclean.store.runs import RunInfo, RunState, StageProgress, read_events
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders, metrics, start
from egoclean.ui.choice import chosen_rows
from egoclean.ui.columns import column_config
from egoclean.ui.format import ago, count, duration, plain, shorten, size
from egoclean.ui.glossary import meaning
from egoclean.ui.guards import active_run

REFRESH_S = 2
LOG_LINES = 40
_LOG_BYTES = 32_768
_LEFT_OUT_HEIGHT_PX = 260
_USE = "cache_use"
"""Where the session keeps what the cache was found to hold."""
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
        digits = ",.0f" if stage.rate >= 100 else ",.3g"
        parts.append(f"{stage.rate:{digits}} {plain(stage.unit)}/s" if stage.rate >= 1 else slow)
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
    table = _failures(str(run.folder), file_stamp(run.folder / "events.jsonl"), run)
    if table.empty:
        st.caption("None in this run. Clips that an earlier one left out stand above the runs.")
    else:
        st.dataframe(table, hide_index=True, column_config=column_config(table))


@st.cache_resource(show_spinner=False, max_entries=8)
def _failures(folder: str, stamp: Stamp, _run: RunInfo) -> pd.DataFrame:
    return failures_table(_run)


def out_table(library: Library) -> pd.DataFrame:
    """Return the clips that are out now: clip, verb, status, reason; in the order of the sources."""
    columns = ["clip_id", "verb", "status", "reason"]
    out = (StepStatus.REJECTED, StepStatus.FAILED)
    steps = [step for item in loaders.clip_steps(library).values() for step in item.steps.values()]
    rows = [(step.clip_id, step.verb, str(step.status), step.reason) for step in steps if step.status in out]
    return pd.DataFrame(rows, columns=columns)


def show_left_out(library: Library, busy: bool) -> None:
    """Show the clips that are out now, with reasons, and the buttons that try the selected ones or all again."""
    table = out_table(library)
    if table.empty:
        return
    st.subheader(f"Left out now: {count(len(table), 'clip')}", anchor=False)
    event = st.dataframe(
        table,
        hide_index=True,
        column_config=column_config(table),
        on_select="rerun",
        selection_mode="multi-row",
        height=min(_LEFT_OUT_HEIGHT_PX, 40 + 35 * len(table)),
        key="left_out_clips",
    )
    rows = [row for row in chosen_rows(event) if row < len(table)]
    chosen, everything = st.container(horizontal=True), list(table["clip_id"])
    picked = [everything[row] for row in rows]
    label = f"Try {count(len(picked), 'clip')} again" if picked else "Try the selected again"
    if chosen.button(label, icon=":material/replay:", disabled=busy or not picked, help="Does nothing to other clips."):
        start.again(library.project, picked)
    if chosen.button("Try all again", icon=":material/replay:", disabled=busy):
        start.again(library.project, everything)
    chosen.caption("A rejected clip is read anew; where its bytes are the same it will mostly be rejected again.")


def show_cache(library: Library, busy: bool) -> None:
    """Show, when asked for, what the cache takes part by part, and the button that removes what nobody needs."""
    with st.expander("Cache", icon=":material/database:", key="cache_open", on_change="rerun") as place:
        st.caption(f"Results are kept in {plain(library.cache.root)}. Deleting that folder loses time, not decisions.")
        if not place.open:
            return
        if st.button("Count its size", help="Looks at every file: some seconds for thousands of clips."):
            with st.spinner("Counting…", show_time=True):
                st.session_state[_USE] = cache_use(library.cache.root, library.selection_keys())
        use: CacheUse | None = st.session_state.get(_USE)
        if use is not None:
            _cache_parts(library, use, busy)


def _cache_parts(library: Library, use: CacheUse, busy: bool) -> None:
    all_of_it, free = st.columns(2)
    metrics.number(all_of_it, "Size of the cache", size(use.size_bytes))
    said = count(len(use.unneeded), "result")
    metrics.number(free, "Not needed", size(use.unneeded_bytes), said, meaning("not needed"))
    rows = [
        (name, room.entries, size(room.size_bytes), room.unneeded_entries, size(room.unneeded_bytes))
        for name, room in use.rooms.items()
    ]
    table = pd.DataFrame(rows, columns=["part", "results", "size", "not needed", "would free"])
    st.dataframe(table, hide_index=True)
    if not use.unneeded:
        st.caption("Every result here is needed by a project.")
        return
    label = f"Remove {count(len(use.unneeded), 'result')} nobody needs: frees {size(use.unneeded_bytes)}"
    help_text = (
        "No result that the catalog of any project in this cache refers to. Waits for no run: refused while one works."
    )
    if st.button(label, icon=":material/delete_sweep:", disabled=busy, help=help_text):
        freed = clean_cache(library.cache.root, library.selection_keys())
        st.session_state[_USE] = cache_use(library.cache.root, library.selection_keys())
        st.toast(f"Freed {size(freed.unneeded_bytes)}.", icon=":material/check:")
        st.rerun()
