"""A slider with two ends that other parts of the dashboard can move: a drag on a figure, another page."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_STEPS = 200
_HAIR = 1e-6
_PRESENT = "present_ranges"
"""Where the session keeps both ends of every slider it has drawn, by the slider's key."""


def range_slider(
    place: DeltaGenerator, label: str, least: float, most: float, start: tuple[float, float], key: str, help_text: str
) -> tuple[float | None, float | None]:
    """Return the two ends a person set between ``least`` and ``most``, None for an end that stands at the scale's end.

    ``least`` must be below ``most``; ``start`` holds until someone moved the slider or :func:`set_range` did.
    """
    wanted, _ = st.session_state.get(f"{key}_wanted", (start, 0))
    ends = (min(max(least, wanted[0]), most), max(min(most, wanted[1]), least))
    step = (most - least) / _STEPS
    # The browser counts in steps and may end a hair beyond the scale, for which Streamlit takes both ends back.
    hair = step * _HAIR
    low, high = place.slider(
        label, least - hair, most + hair, ends, step, "%.4f", widget_key(key), help_text, persist_state="session"
    )
    st.session_state.setdefault(_PRESENT, {})[key] = (low, high)
    # The slider counts in steps and may stop short of the greatest value.
    return (low if low > least else None), (high if high < most - step else None)


def widget_key(key: str) -> str:
    """Return the key of the slider's widget, under which the session has its ends."""
    # A new key for each range that was set from elsewhere: a widget takes its first value only when it is new.
    return f"{key}_{st.session_state.get(f'{key}_wanted', (None, 0))[1]}"


def set_range(key: str, low: float, high: float) -> None:
    """Move the slider ``key`` to another range at its next drawing."""
    _, version = st.session_state.get(f"{key}_wanted", ((low, high), 0))
    st.session_state[f"{key}_wanted"] = ((low, high), version + 1)


def present_ranges() -> dict[str, tuple[float, float]]:
    """Return both ends of every slider drawn in this visit, by its key."""
    return dict(st.session_state.get(_PRESENT, {}))
