"""Saved views in the sidebar: keep the page as it is under a name, open it again, in any tab and after any restart."""

from __future__ import annotations

import streamlit as st

from egoclean.library import Library
from egoclean.store.views import LONGEST_NAME, SavedView, forget_view, list_views, save_view
from egoclean.ui.first_minute import PAGE_SENTENCES
from egoclean.ui.format import shorten
from egoclean.ui.range_slider import present_ranges, set_range

_SHOWN_LETTERS = 24
_NAME = "view_name"


def show_views(library: Library, page: str) -> None:
    """Show the saved views of the project, each a button, and the field that saves the one of ``page``."""
    folder = library.project.views
    views = list_views(folder)
    with st.popover(f"Saved views ({len(views)})", icon=":material/bookmark:", width="stretch"):
        st.caption("A view is this page with all that is chosen on it. The address holds it too, to send or to mark.")
        st.text_input("Name", key=_NAME, max_chars=LONGEST_NAME, placeholder="night drives, least sure")
        st.button("Save this view", icon=":material/bookmark_add:", on_click=_save, args=(library, page))
        for number, view in enumerate(views):
            place = st.container(horizontal=True)
            page_title = view.page.capitalize() or "Overview"
            label, help_text = shorten(view.name, _SHOWN_LETTERS), f"{view.name}, on {page_title}"
            if place.button(label, key=f"view_{number}", help=help_text, width="stretch"):
                open_view(view)
            place.button(
                "Forget",
                key=f"forget_{number}",
                icon=":material/delete:",
                type="tertiary",
                on_click=forget_view,
                args=(folder, view.name),
            )


def open_view(view: SavedView) -> None:
    """Go to the page of a view with everything chosen as it was saved."""
    for key, (low, high) in view.ranges.items():
        set_range(key, low, high)
    for name in view.query:
        # what stands in the address counts where nothing newer was chosen
        st.session_state.pop(name, None)
    known = view.page if view.page.capitalize() in PAGE_SENTENCES else "overview"
    st.switch_page(f"pages/{known}.py", query_params={name: list(values) for name, values in view.query.items()})


def _save(library: Library, page: str) -> None:
    name = " ".join(str(st.session_state.get(_NAME) or "").split())
    if not name:
        st.toast("Give the view a name first.", icon=":material/edit:")
        return
    query = {key: st.query_params.get_all(key) for key in st.query_params}
    save_view(library.project.views, SavedView(name, page, query, present_ranges()))
    st.session_state[_NAME] = ""
    st.toast("View saved.", icon=":material/check:")
