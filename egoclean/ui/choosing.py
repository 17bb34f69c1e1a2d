"""What a configuration would choose: at once on a small project, from a process of its own on a large one."""

from __future__ import annotations

import time

import streamlit as st

from egoclean import jobs
from egoclean.config import SelectConfig
from egoclean.library import Library, SelectionView, selection_of
from egoclean.store.cache import file_sha256
from egoclean.store.keys import EntryKey
from egoclean.ui import loaders
from egoclean.ui.format import duration
from egoclean.ui.start import show_error
from egoclean.verbs.select import (
    key_of_parts,
    preview_selection,
    save_choice,
    select_and_save,
    steps_digest,
)

AT_ONCE = 5_000
"""Most windows that are chosen from while a person waits for the page."""

_WATCH_S = 2


def view_of(library: Library, config: SelectConfig) -> SelectionView:
    """Return what ``config`` would choose; on a large project the page stops here until that has been worked out."""
    count = len(loaders.windows(library))
    if count <= AT_ONCE:
        return _preview(library, loaders.file_stamp(library.windows_file), loaders.decided(library), config)
    saved, key = loaders.selection(library), _key(library, config)
    if saved is not None and saved.config == config and library.saved_key() == key.key:
        return saved
    if library.cache.has(key):
        return _stored(library, key.key, config)
    stale = saved is not None and saved.config == config
    _offer(library, config, count, stale)
    if saved is None or not stale:
        st.stop()
    return saved


def save(library: Library, config: SelectConfig) -> None:
    """Make what ``config`` chooses, which the page shows, the project's selection."""
    if len(loaders.windows(library)) <= AT_ONCE:
        select_and_save(library, config)
    else:
        save_choice(library, _key(library, config), config)


def _offer(library: Library, config: SelectConfig, count: int, stale: bool) -> None:
    """Show the button that starts choosing, or how the choosing that was started stands.

    ``stale`` says that the saved selection, made with these options before something changed, is shown below.
    """
    state = jobs.choice(library.project)
    if state is not None and state.config == config and state.at_work:
        _watch(library, config)
        return
    if state is not None and state.config == config and state.error is not None:
        show_error(state.error)
    if stale:
        st.warning(
            "Decisions or results have changed since the saved selection was made, which is what you see below.",
            icon=":material/history:",
        )
    st.info(
        f"Choosing among {count:,} windows takes a while: set the options first, then start. It runs in a process of "
        "its own, and the saved selection stays until you save another.",
        icon=":material/hourglass_empty:",
    )
    st.button(
        "Choose with these options", type="primary", icon=":material/play_arrow:",
        on_click=jobs.start_choice, args=(library.project, config),
    )  # fmt: skip


@st.fragment(run_every=_WATCH_S)
def _watch(library: Library, config: SelectConfig) -> None:
    state = jobs.choice(library.project)
    if state is None or not state.at_work or state.config != config:
        st.rerun()
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Choosing** · for {duration(time.time() - state.started_at)} so far", width="stretch")
        st.button("Give up", icon=":material/stop_circle:", on_click=jobs.stop_choice, args=(library.project,))


def _key(library: Library, config: SelectConfig) -> EntryKey:
    """Return the address of the selection, as :func:`egoclean.verbs.select.selection_key` has it."""
    root = str(library.project.root)
    steps = _steps_digest(library, root, loaders.catalog_stamp(library))
    windows = _windows_digest(library, root, loaders.file_stamp(library.windows_file))
    return key_of_parts(steps, loaders.decided(library), windows, config)


@st.cache_resource(show_spinner=False, max_entries=2)
def _steps_digest(_library: Library, root: str, stamp: loaders.Stamp) -> str:
    return steps_digest(step for item in loaders.clip_steps(_library).values() for step in item.steps.values())


@st.cache_resource(show_spinner=False, max_entries=2)
def _windows_digest(_library: Library, root: str, stamp: loaders.Stamp) -> str:
    return file_sha256(_library.windows_file)


@st.cache_resource(show_spinner="Reading the selection…", max_entries=1)
def _stored(_library: Library, key: str, config: SelectConfig) -> SelectionView:
    entry = _library.cache.find("select", key)
    if entry is None:
        st.rerun()
    return selection_of(entry, config, narrow=True)


@st.cache_resource(show_spinner="Choosing…", max_entries=16)
def _preview(_library: Library, stamp: loaders.Stamp, decided: str, config: SelectConfig) -> SelectionView:
    return preview_selection(_library, config)
