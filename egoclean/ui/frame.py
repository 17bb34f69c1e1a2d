"""What stands around every page: the project, the run at work, the models whose numbers are shown."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from egoclean.library import Library
from egoclean.ui import keys, loaders, login, saved_views
from egoclean.ui.format import count, footage, plain, shorten
from egoclean.ui.glossary import TERMS
from egoclean.ui.guards import active_run

ICON: Final = str(resources.files("egoclean.ui") / "static" / "icon.png")
"""The mark of the tab and the sidebar: a file of the package, so that no page asks another host for one."""

_GLOSSARY: Final = "\n\n".join(f"**{plain(term)}** – {plain(text)}" for term, text in TERMS.items())
_MODEL_VERBS = {"score": "Score", "embed": "Embedding"}


def use_registry_from_the_start() -> None:
    """Make the first visitor after a start see the registered pages, whatever page the address names.

    Streamlit takes the files of a folder ``pages`` for pages of its own until a script has called ``st.navigation``
    once; who follows a link right after the start would get a page without its frame.
    """
    PagesManager.uses_pages_directory = False


def title(text: str, sentence: str) -> None:
    """Show a page's title and the one sentence that says what it is for."""
    st.title(text, anchor=False)
    st.caption(sentence)


def draw_sidebar(page: str) -> None:
    """Show the project, its size, the run at work, the models, the views saved of any ``page``, and the glossary."""
    library = loaders.open_library()
    st.logo(ICON, size="small")
    with st.sidebar, st.container(gap="xsmall"):
        if library.project.exists or library.runs():
            clips = loaders.clips(library)
            total_s = sum(float(clip.facts.get("duration_s") or 0.0) for clip in clips)
            st.markdown(f"**{plain(shorten(library.project.root.name, 30))}**", help=plain(library.project.root))
            st.caption(f"{count(len(clips), 'clip')} · {footage(total_s)}")
            if active_run(library) is not None:
                st.badge("a run is at work", icon=":material/sync:", color="blue")
            for verb, card in model_cards(library).items():
                _model_line(_MODEL_VERBS[verb], card)
            saved_views.show_views(library, page)
        login.show_person()
        with st.popover("Words and figures", icon=":material/help:", width="stretch"):
            # One text and not one a term: it is drawn on every page.
            st.markdown(_GLOSSARY)
        keys.show_sheet()


def model_cards(library: Library) -> dict[str, Mapping[str, Any]]:
    """Return the card of the model behind each verb that used one, from the first clip it is done for."""
    cards = {verb: loaders.model_card(library, verb) for verb in _MODEL_VERBS}
    return {verb: card for verb, card in cards.items() if card}


def model_sentence(card: Mapping[str, Any]) -> str:
    """Return a model in one line: its name, revision, first digits of the weights' digest, licence."""
    digest = str(card.get("weights_sha256") or "")[:12]
    parts = [str(card.get("model_id") or card.get("family") or "model"), str(card.get("revision") or "")[:12]]
    parts += [f"weights {digest}" if digest else "", f"licence {card.get('licence') or 'not stated'}"]
    return " · ".join(part for part in parts if part)


def show_model(library: Library, verb: str) -> None:
    """Show the line of the model behind ``verb``."""
    card = model_cards(library).get(verb)
    if card is not None:
        st.caption(f"Model: {plain(model_sentence(card))}")


def _model_line(label: str, card: Mapping[str, Any]) -> None:
    name = str(card.get("model_id") or card.get("family") or "model")
    st.caption(f"**{label}**: {plain(name)}", help=plain(model_sentence(card)))
