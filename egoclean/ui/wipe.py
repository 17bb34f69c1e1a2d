"""Two pictures of one moment and a slider that wipes between them, with a straight grid to hold edges against.

Plain HTML, CSS and JavaScript from ``static/``; layout, grid and slider live in the browser and cost no rerun.
"""

from __future__ import annotations

import base64
from importlib import resources
from typing import Any

import streamlit as st

LABEL = "How much of the picture is shown as recorded, per cent from the left"


def show(before: str, after: str, labels: tuple[str, str], ratio: float, key: str) -> None:
    """Show two pictures, given by address, over each other; ``ratio`` is their width over their height."""
    pictures = [{"source": source, "label": label} for source, label in zip((before, after), labels, strict=True)]
    _component()(key=key, data={"pictures": pictures, "ratio": round(ratio, 5), "label": LABEL})


def inline(jpeg: bytes) -> str:
    """Return a JPEG as an address that holds it: for pictures that are not kept."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    folder = resources.files("egoclean.ui") / "static"
    html, css, js = ((folder / f"wipe.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("egoclean_wipe", html=html, css=css, js=js)
