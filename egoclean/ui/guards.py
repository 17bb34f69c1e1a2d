"""What a page needs before it can show anything. A guard returns it, or explains what is missing and stops the page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from egoclean.config import VERB_CONFIGS
from egoclean.library import Library
from egoclean.store.catalog import StepStatus
from egoclean.store.runs import RunInfo, RunState
from egoclean.ui import loaders
from egoclean.ui.format import count, plain


def active_run(library: Library) -> RunInfo | None:
    """Return the run that works on the project now, or None."""
    return next((run for run in library.runs() if run.state is RunState.RUNNING), None)


def require_project() -> Library:
    """Return the project's library; stops when no project has been made."""
    library = loaders.open_library()
    if not library.project.exists and not library.runs():
        _stop("There is no project yet: nothing has been read in.", "ingest", "Choose footage")
    return library


def require_clips() -> Library:
    """Return the library of a project with at least one clip; stops otherwise."""
    library = require_project()
    if not loaders.clips(library):
        if active_run(library):
            _stop(
                "A run is reading the sources; its clips appear here as soon as they are known.",
                "runs",
                "Watch the run",
            )
        _stop("This project has no clips yet.", "ingest", "Choose footage")
    return library


def require_step(verb: str) -> Library:
    """Return the library of a project in which ``verb`` is done for at least one clip; stops otherwise."""
    library = require_clips()
    steps = [item.steps[verb] for item in loaders.clip_steps(library).values() if verb in item.steps]
    if any(step.status is StepStatus.DONE for step in steps):
        return library
    refused = [step for step in steps if step.status in (StepStatus.REJECTED, StepStatus.FAILED)]
    if active_run(library):
        _stop(f"A run is at work; the verb '{verb}' has not finished a clip yet.", "runs", "Watch the run")
    if refused and len(refused) == len(loaders.clips(library)):
        _stop(
            f"All {count(len(refused), 'clip')} were rejected. The first reason: {plain(refused[0].reason)}",
            "overview",
            "See every clip",
        )
    place = list(VERB_CONFIGS).index(verb) + 1
    _stop(
        f"Nothing to show: '{verb}' (step {place} of {len(VERB_CONFIGS)}) has not been run on this project.",
        "runs",
        "Run it",
    )
    return library


def require_windows(signal: str | None = None) -> tuple[Library, pd.DataFrame]:
    """Return the library and the table of windows, with at least one value of ``signal``; stops otherwise."""
    library = require_clips()
    table = loaders.windows(library)
    if table.empty or (signal is not None and not table[signal].notna().any()):
        if active_run(library):
            _stop("A run is at work; the table of windows is written when it ends.", "runs", "Watch the run")
        _stop("There are no windows with results yet.", "runs", "Run the pipeline")
    return library, table


def _stop(message: str, page: str, label: str) -> None:
    st.info(message, icon=":material/info:")
    st.page_link(f"pages/{page}.py", label=label, icon=":material/arrow_forward:")
    st.stop()
