"""The sheet of keys that ``?`` opens on every page, and the keys that go to a field.

Plain HTML, CSS and JavaScript from ``static/``; it lives in the browser and costs no rerun.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import streamlit as st

SHEET: Final[Mapping[str, Mapping[str, str]]] = {
    "Everywhere": {"?": "this sheet", "Escape": "close it; in a field, leave it"},
    "Review": {
        "K": "keep", "X": "reject", "N": "later", "U": "undo", "Y": "redo", "1 … 6": "a tag on or off",
        "T": "type a note; Enter when done",
    },
    "Select": {"S": "save as the project's selection"},
    "Grid of clips": {
        "arrows": "move", "Space": "select", "Shift": "with arrows or click: a range", "Ctrl": "with click: one more",
        "A": "select all", "Enter": "open",
    },
    "Player, once clicked": {
        "Space": "play or pause", ", .": "one frame back, on", "← →": "one second back, on",
        "0 … 9": "to a tenth of the clip", "< >": "slower, faster", "[ ]": "mark the span's start, end",
        "L": "repeat the marked span", "M": "keep, reject or review the marked span",
    },
}  # fmt: skip
"""What each key does, by the part of the dashboard it works in."""

_FOCUS: Final[Mapping[str, str]] = {"t": "Note"}


def show_sheet() -> None:
    """Show the button that opens the sheet; ``?`` opens it too, unless a field or the player has the key."""
    parts = [{"title": title, "lines": list(lines.items())} for title, lines in SHEET.items()]
    _component()(key="keys", data={"parts": parts, "focus": dict(_FOCUS)})


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    folder = resources.files("egoclean.ui") / "static"
    html, css, js = ((folder / f"keys.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("egoclean_keys", html=html, css=css, js=js)
