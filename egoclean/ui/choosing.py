"""What a configuration would choose: at once on a small project, from a process of its own on a large one."""

from __future__ import annotations

import time

import streamlit as st

from egoclean import workers
from egoclean.config import SelectConfig
from egoclean.core.select import needs_graph
from egoclean.errors import EgocleanError
from egoclean.library import Library, SelectionView, selection_of
from egoclean.store.cache import file_sha256
from egoclean.store.keys import EntryKey
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders
from egoclean.ui.format import count, duration
from egoclean.ui.start import show_error
from egoclean.verbs.graph import graph_key
from egoclean.verbs.select import (
    key_of_parts,
    preview_selection,
    save_choice,
    select_and_save,
    steps_digest,
)
from egoclean.verbs.selection_rows import passing_count

AT_ONCE = 5_000
"""Most windows that are chosen from while a person waits for the page."""

LIVE = 300_000
"""Most windows that are chosen from again whenever an option changes, once they have been compared with each other."""

_SHOWN, _GIVEN_UP = "choice_shown", "choice_given_up"
_WATCH_S = 0.3
_LINE_PX = 56


def view_of(library: Library, config: SelectConfig) -> SelectionView:
    """Return what ``config`` would choose.

    On a large project that is worked out in a process of its own, which :func:`seek` sees to, and until then the page
    goes on with the choice it showed before, whose ``config`` is another one; without such a choice it stops here.
    """
    if len(loaders.windows(library)) <= AT_ONCE:
        return _preview(library, file_stamp(library.windows_file), loaders.decided(library), config)
    stamp, view = file_stamp(library.windows_file), _ready(library, config)
    if view is not None:
        st.session_state[_SHOWN] = (stamp, view)
        return view
    before = _before(library)
    if before is None:
        st.stop()
    return before


def seek(library: Library, config: SelectConfig) -> bool:
    """On a large project begin to choose where that takes moments, else offer it, and show how it stands.

    Returns
    -------
    Whether the choice is there.
    """
    if is_ready(library, config):
        if _is_live(library, config):
            workers.warm_choice(library.project, config)
        _say(library, config)
        return True
    state = workers.choice(library.project)
    asked = state is not None and state.config == config
    if not asked and _is_live(library, config) and st.session_state.get(_GIVEN_UP) != config:
        workers.start_choice(library.project, config)
    elif not asked or state is None or not state.at_work:
        saved = loaders.selection(library)
        _offer(library, config, state.error if asked and state is not None else None, saved)
        return False
    _watch(library, config)
    return False


def is_ready(library: Library, config: SelectConfig) -> bool:
    """Return whether a large project's choice with these options is there to be shown."""
    return _ready(library, config) is not None


def _ready(library: Library, config: SelectConfig) -> SelectionView | None:
    saved, key = loaders.selection(library), _key(library, config)
    if saved is not None and saved.config == config and library.saved_key() == key.key:
        return saved
    return _stored(library, key.key, config) if library.cache.has(key) else None


def _before(library: Library) -> SelectionView | None:
    """Return the choice that the page showed last, or the saved one."""
    stamp, view = st.session_state.get(_SHOWN, (None, None))
    return view if stamp == file_stamp(library.windows_file) else loaders.selection(library)


def save(library: Library, config: SelectConfig) -> None:
    """Make what ``config`` chooses, which the page shows, the project's selection."""
    key = _key(library, config)
    if len(loaders.windows(library)) > AT_ONCE and library.cache.has(key):
        save_choice(library, key, config)
    else:
        select_and_save(library, config)


def _offer(library: Library, config: SelectConfig, error: EgocleanError | None, saved: SelectionView | None) -> None:
    """Show the button that starts choosing, and why the choice that was asked for could not be made."""
    if error is not None:
        show_error(error)
    if saved is not None and saved.config == config:
        st.warning(
            "Decisions or results have changed since the saved selection was made, which is what you see below.",
            icon=":material/history:",
        )
    windows = len(loaders.windows(library))
    what = f"Choosing among {windows:,} windows takes a while: set the options first, then start."
    if not _is_compared(library, config):
        after = ", and after that every option chooses anew by itself" if windows <= LIVE else ""
        what = f"Comparing {windows:,} windows with each other takes a while; it is done once{after}."
    st.info(
        f"{what} It runs in a process of its own, and the saved selection stays until you save another.",
        icon=":material/hourglass_empty:",
    )
    st.button(
        "Choose with these options", type="primary", icon=":material/play_arrow:",
        on_click=workers.start_choice, args=(library.project, config),
    )  # fmt: skip


@st.fragment(run_every=_WATCH_S)
def _watch(library: Library, config: SelectConfig) -> None:
    """Show how the choice stands while it is being made, and draw the page again when it is there."""
    state = workers.choice(library.project)
    if state is None or not state.at_work or state.config != config:
        st.rerun()
        return
    _say(library, config, since_s=time.time() - state.started_at)


def _say(library: Library, config: SelectConfig, since_s: float | None = None) -> None:
    """Show in one line how many windows may be chosen and, while that goes on, for how long it has been chosen."""
    windows = loaders.windows(library)
    passing = passing_count(windows, config)
    parts = [] if passing is None else [f"{passing:,} of {count(len(windows), 'window')} pass the thresholds"]
    with st.container(horizontal=True, vertical_alignment="center", height=_LINE_PX, border=False):
        if since_s is None:
            st.caption(" · ".join(parts))
            return
        before = ["what you see is the choice before"] if _before(library) is not None else []
        st.caption(" · ".join([f"**Choosing** for {duration(since_s)}", *parts, *before]), width="content")
        st.button("Give up", type="tertiary", icon=":material/stop_circle:", on_click=_give_up, args=(library, config))


def _give_up(library: Library, config: SelectConfig) -> None:
    workers.stop_choice(library.project)
    st.session_state[_GIVEN_UP] = config


def _is_live(library: Library, config: SelectConfig) -> bool:
    """Return whether a choice with these options takes moments."""
    return len(loaders.windows(library)) <= LIVE and _is_compared(library, config)


def _is_compared(library: Library, config: SelectConfig) -> bool:
    """Return whether the windows have been compared with each other, or need not be for these options."""
    return not needs_graph(config) or library.cache.has(_graph_key(library, config.neighbours))


def _graph_key(library: Library, neighbours: int) -> EntryKey:
    stamp = (*library.catalog.stamp(), *file_stamp(library.windows_file))
    return _key_of_graph(library, str(library.project.root), stamp, neighbours)


@st.cache_resource(show_spinner=False, max_entries=4)
def _key_of_graph(_library: Library, root: str, stamp: Stamp, neighbours: int) -> EntryKey:
    return graph_key(_library.catalog.bare_steps(), loaders.windows(_library), neighbours)


def _key(library: Library, config: SelectConfig) -> EntryKey:
    """Return the address of the selection, as :func:`egoclean.verbs.select.selection_key` has it."""
    root = str(library.project.root)
    steps = _steps_digest(library, root, library.catalog.stamp())
    windows = _windows_digest(library, root, file_stamp(library.windows_file))
    return key_of_parts(steps, loaders.decided(library), windows, config)


@st.cache_resource(show_spinner=False, max_entries=2)
def _steps_digest(_library: Library, root: str, stamp: Stamp) -> str:
    return steps_digest(step for item in loaders.clip_steps(_library).values() for step in item.steps.values())


@st.cache_resource(show_spinner=False, max_entries=2)
def _windows_digest(_library: Library, root: str, stamp: Stamp) -> str:
    return file_sha256(_library.windows_file)


@st.cache_resource(show_spinner="Reading the selection…", max_entries=1)
def _stored(_library: Library, key: str, config: SelectConfig) -> SelectionView:
    entry = _library.cache.find("select", key)
    if entry is None:
        st.rerun()
    return selection_of(entry, config, narrow=True)


@st.cache_resource(show_spinner="Choosing…", max_entries=16)
def _preview(_library: Library, stamp: Stamp, decided: str, config: SelectConfig) -> SelectionView:
    return preview_selection(_library, config)
