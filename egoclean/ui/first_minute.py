"""The screen of an empty start: what this is, one button for the demo, one field for a folder."""

from __future__ import annotations

from typing import Final

import streamlit as st

from egoclean.store.project import Project
from egoclean.ui import loaders, look_view, start
from egoclean.ui.format import plain

PAGE_SENTENCES: Final[dict[str, str]] = {
    "Overview": "every clip and every step, with the reason where something was refused",
    "Ingest": "choose footage and start",
    "Clips": "browse, filter and play",
    "Rectify": "fisheye pictures before and after, and what was kept of them",
    "Score": "how hard each window is to reconstruct, with thresholds and the pictures behind the numbers",
    "Structure": "work cycles, segments and anomalies along one time axis",
    "Map": "all windows laid out by likeness",
    "Review": "what is worth a person's look; keep or reject by key",
    "Select": "a budget, a strategy, and at once what would be chosen and why",
    "Evaluate": "the selection beside chance",
    "Export": "the manifest, to look at and to download",
    "Runs": "progress, log and failures; stop and resume",
}
"""What each page is for, in one line."""


def show(project: Project) -> None:
    """Show the first screen of a project that does not exist yet."""
    st.title("From raw footage to the seconds worth training on", anchor=False)
    st.write(
        "egoclean reads hours of first-person or driving video, straightens fisheye pictures, measures which moments "
        "are repetitive, rare or broken, and writes a manifest that says exactly which seconds to train on and why."
    )
    demo, own = st.columns(2, gap="large", border=True)
    with demo:
        start.demo_button(project, busy=False)
    with own:
        start.source_form(project, busy=False)
    look_view.show_look(loaders.open_library(), busy=False)
    st.subheader("What the pages are for", anchor=False)
    left, right = st.columns(2, gap="large")
    lines = [f"**{name}** – {plain(sentence)}" for name, sentence in PAGE_SENTENCES.items()]
    half = -(-len(lines) // 2)
    left.markdown("  \n".join(lines[:half]))
    right.markdown("  \n".join(lines[half:]))
    st.caption(f"The project will be kept in the folder {plain(project.root.name)}.", help=plain(project.root))
