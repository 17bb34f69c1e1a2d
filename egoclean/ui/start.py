"""Starting work from the dashboard: the demo, or footage that a person names."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from egoclean import jobs
from egoclean.config import VERB_CONFIGS
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.project import Project
from egoclean.ui.format import plain
from egoclean.ui.look import look
from egoclean.ui.project import readable_roots, resolve_source

LOOKED = "looked"
"""Where the session keeps what the source that was looked at last holds, an :class:`egoclean.ui.look.Look`."""


def start(project: Project, arguments: Sequence[str]) -> None:
    """Start a run and open its page; what cannot be started is said instead."""
    try:
        jobs.start_run(project, arguments)
    except EgocleanError as error:
        show_error(error)
        return
    st.switch_page("pages/overview.py")


def demo_button(project: Project, busy: bool) -> None:
    """Show the button that makes the demo footage and runs everything on it."""
    st.subheader("Try it on made-up footage", anchor=False)
    st.write(
        "Draws a small factory and some drives with known events, then does everything with them: some minutes on two "
        "cores, and every clip appears here as soon as it is known. No account, no network."
    )
    if st.button("Make the demo", type="primary", icon=":material/auto_awesome:", disabled=busy):
        start(project, [jobs.DEMO_SOURCE])


def source_form(project: Project, busy: bool) -> None:
    """Show the field that takes a folder, file or hub name, and its button."""
    st.subheader("Use your own footage", anchor=False)
    with st.form("source", border=False):
        text = st.text_input(
            "Folder, file or hub name",
            placeholder="/data/egocentric-10k  or  hub:builddotai/Egocentric-10K",
            help="A folder of videos, a video, a tar in Egocentric-10K's layout, a frame manifest (.jsonl), a nuScenes "
            "root, or hub:OWNER/NAME. Footage is only read, never changed. Readable here: "
            + ", ".join(map(str, readable_roots())),
        )
        clips = st.number_input("Clips at most", min_value=1, value=None, placeholder="all of them")
        with st.container(horizontal=True):
            sent = st.form_submit_button("Run on this footage", icon=":material/play_arrow:", disabled=busy)
            asked = st.form_submit_button(
                "Look first",
                icon=":material/search:",
                help="Lists what is there and how long it will take; starts nothing.",
            )
    if sent or asked:
        try:
            source = resolve_source(text)
            if asked:
                with st.spinner("Listing the source…", show_time=True):
                    st.session_state[LOOKED] = look(source, project.settings(), clips)
        except EgocleanError as error:
            show_error(error)
            return
        if sent:
            start(project, [source, *(["--clips", str(clips)] if clips else [])])


def show_error(error: EgocleanError) -> None:
    """Show an error as one sentence and what to do about it; names in it are shown letter by letter."""
    st.error(f"{plain(error.message)}\n\n{plain(error.hint)}" if error.hint else plain(error.message))


def resume_form(library: Library) -> None:
    """Show the controls that start, resume or redo work on the project's own sources."""
    sources = library.project.sources() or _sources_of_last_run(library)
    if not sources:
        st.info("This project has no source yet.")
        st.page_link("pages/ingest.py", label="Choose footage", icon=":material/arrow_forward:")
        return
    until, models, button = st.columns([2, 2, 1], vertical_alignment="bottom")
    last = until.selectbox(
        "Run everything up to",
        list(VERB_CONFIGS),
        index=len(VERB_CONFIGS) - 1,
        help="Steps that are done are not done again.",
    )
    chosen = models.selectbox(
        "Models",
        ("small", "full"),
        index=("small", "full").index(library.project.settings().score.models),
        help="small: come with egoclean. full: VideoMAE base (0.4 GB, CC-BY-NC-4.0) and V-JEPA 2 ViT-L (1.5 GB, MIT), "
        "downloaded once; without a GPU they take minutes a window.",
    )
    if button.button("Start", type="primary", icon=":material/play_arrow:", width="stretch"):
        start(library.project, [*sources, "--until", last, "--models", chosen])


def again(project: Project, clip_ids: Sequence[str]) -> None:
    """Start a run that works on these clips only, also where they were refused."""
    start(project, [part for clip_id in clip_ids for part in ("--again", clip_id)])


def _sources_of_last_run(library: Library) -> list[str]:
    runs = library.runs()
    words = list(runs[0].command) if runs else []
    words = words[words.index("run") + 1 :] if "run" in words else []
    taken: list[str] = []
    for word in words:
        if word.startswith("-"):
            break
        taken.append(word)
    return taken
