"""What stands around every page: the project, the run at work, the models whose numbers are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from egoclean.library import Library
from egoclean.ui import loaders
from egoclean.ui.format import count, footage, plain
from egoclean.ui.glossary import TERMS, meaning
from egoclean.ui.guards import active_run

_MODEL_VERBS = {"score": "Score", "embed": "Embedding"}


def title(text: str, sentence: str) -> None:
    """Show a page's title and the one sentence that says what it is for."""
    st.title(text, anchor=False)
    st.caption(sentence)


def draw_sidebar() -> None:
    """Show the project, its size, the run at work, the models and their licence, and the glossary."""
    library = loaders.open_library()
    with st.sidebar:
        st.caption("Project")
        st.text(library.project.root.name, help=str(library.project.root))
        if library.project.exists or library.runs():
            _size(library)
            run = active_run(library)
            if run is not None:
                st.badge("a run is at work", icon=":material/sync:", color="blue")
            st.divider()
            st.caption("Models")
            cards = model_cards(library)
            for verb, card in cards.items():
                _model_line(_MODEL_VERBS[verb], card)
            if not cards:
                st.caption("None has been used yet.")
        with st.popover("Words and figures", icon=":material/help:", width="stretch"):
            for term, text in TERMS.items():
                st.markdown(f"**{plain(term)}** – {plain(text)}")


def model_cards(library: Library) -> dict[str, Mapping[str, Any]]:
    """Return the card of the model behind each verb that used one, from the first clip it is done for."""
    cards: dict[str, Mapping[str, Any]] = {}
    for item in loaders.clip_steps(library).values():
        for verb in _MODEL_VERBS:
            step = item.steps.get(verb)
            if verb not in cards and step is not None and step.details.get("model"):
                cards[verb] = step.details["model"]
        if len(cards) == len(_MODEL_VERBS):
            break
    return cards


def model_sentence(card: Mapping[str, Any]) -> str:
    """Return a model in one line: its name, revision, first digits of the weights' digest, licence."""
    digest = str(card.get("weights_sha256") or "")[:12]
    parts = [str(card.get("id") or card.get("name") or "model"), str(card.get("revision") or "")[:12]]
    parts += [f"weights {digest}" if digest else "", f"licence {card.get('licence') or 'not stated'}"]
    return " · ".join(part for part in parts if part)


def is_untrained(card: Mapping[str, Any]) -> bool:
    """Whether a model's weights are random."""
    return card.get("trained") is False


def warn_if_untrained(library: Library, verb: str) -> None:
    """Show the line of the model behind ``verb``, and a warning when its weights are random."""
    card = model_cards(library).get(verb)
    if card is None:
        return
    st.caption(f"Model: {plain(model_sentence(card))}")
    if is_untrained(card):
        st.warning(f"Untrained model. {meaning('untrained')}", icon=":material/science:")


def _size(library: Library) -> None:
    clips = loaders.clips(library)
    total_s = sum(float(clip.facts.get("duration_s") or 0.0) for clip in clips)
    st.caption(f"{count(len(clips), 'clip')} · {footage(total_s)}", help=meaning("clip"))


def _model_line(label: str, card: Mapping[str, Any]) -> None:
    st.caption(f"**{label}**: {plain(model_sentence(card))}")
    if is_untrained(card):
        st.badge("untrained", color="orange", icon=":material/science:", help=meaning("untrained"))
