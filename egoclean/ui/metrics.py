"""One number with its label, its unit, a quiet second line, and what it means on hover."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from egoclean.ui.glossary import TERMS


def number(place: DeltaGenerator, label: str, value: str, said: str = "", about: str = "") -> None:
    """Show ``value`` under ``label``, ``said`` under it in grey; ``about`` is a term of the glossary or a sentence."""
    place.metric(
        label,
        value,
        said or None,
        delta_color="off",
        delta_arrow="off",
        help=TERMS.get(about, about) or None,
    )
