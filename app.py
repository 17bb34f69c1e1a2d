"""The dashboard: its pages in order, and the frame around them.

Streamlit runs this file twice over: imported by its server, it gives ``app``, which serves media from files beside
Streamlit's own routes; run as a script for each viewer, it draws the frame and the page.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from egoclean.errors import EgocleanError
from egoclean.ui import frame, login, media, start

# Section to (file in pages/, title, icon): edit here to reorder or rename; the first page is where one lands.
PAGES = {
    "Footage": (
        ("overview", "Overview", ":material/dashboard:"),
        ("ingest", "Ingest", ":material/input:"),
        ("clips", "Clips", ":material/movie:"),
        ("rectify", "Rectify", ":material/lens_blur:"),
    ),
    "Signals": (
        ("score", "Score", ":material/bar_chart:"),
        ("structure", "Structure", ":material/timeline:"),
        ("map", "Map", ":material/scatter_plot:"),
    ),
    "Choice": (
        ("review", "Review", ":material/rate_review:"),
        ("select", "Select", ":material/checklist:"),
        ("evaluate", "Evaluate", ":material/balance:"),
    ),
    "Out": (
        ("export", "Export", ":material/ios_share:"),
        ("runs", "Runs", ":material/monitoring:"),
    ),
}


def draw() -> None:
    """Draw the page the viewer is on, inside the frame."""
    st.set_page_config(page_title="egoclean", page_icon=frame.ICON, layout="wide")
    first = PAGES["Footage"][0][0]
    pages = {
        section: [
            st.Page(f"pages/{name}.py", title=title, icon=icon, default=name == first) for name, title, icon in rows
        ]
        for section, rows in PAGES.items()
    }
    page = st.navigation(pages, position="sidebar" if login.is_in() else "hidden", expanded=True)
    login.require_login()
    try:
        frame.draw_sidebar(page.url_path or first)
        page.run()
    except EgocleanError as error:
        start.show_error(error)


if __name__ == "__main__":
    draw()
else:
    frame.use_registry_from_the_start()
    app = st.App(Path(__file__), routes=media.media_routes())
