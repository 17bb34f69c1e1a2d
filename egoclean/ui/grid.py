"""A grid of clips, one page at a time: pictures to scrub over, click, Shift-click and keys to select and open.

Plain HTML, CSS and JavaScript from ``static/``; posters and sheets of small pictures come from the cache, made by the
pipeline, and a sheet is fetched when a pointer first moves over its tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from egoclean.library import Library
from egoclean.ui import loaders, media
from egoclean.ui.format import count, duration, plain, shorten

SIZES: Final = (24, 36, 60)
"""Tiles a page: more than a few dozen pictures at once make a browser slow."""

_SELECTED: Final = "clips_selected"
_GRID: Final = "clips_grid"


def clip_grid(
    library: Library, clip_ids: Sequence[str], open_clip: Callable[[str], None], bar: DeltaGenerator
) -> list[str]:
    """Show the tiles of clips and return the ids of the selected ones; opening a clip calls ``open_clip``.

    How many tiles and which page of them is chosen in ``bar``.
    """
    tiles = bar.segmented_control(
        "Tiles a page", SIZES, default=SIZES[0], required=True, key="clips_tiles", bind="query-params"
    )
    pages = max(1, -(-len(clip_ids) // tiles))
    with bar:
        page = st.pagination(pages, key="clips_page", bind="query-params") if pages > 1 else 1
    found = loaders.clip_steps(library)
    shown = clip_ids[(page - 1) * tiles : page * tiles]
    picked = [clip_id for clip_id in st.session_state.get(_SELECTED, ()) if clip_id in shown]
    data = {"tiles": [_tile(library, found[clip_id]) for clip_id in shown], "selected": picked}

    def opened() -> None:
        clip_id = st.session_state[_GRID].get("opened")
        if clip_id in shown:
            open_clip(str(clip_id))

    result = _component()(
        key=_GRID, data=data, on_selected_change=_ignore, on_opened_change=opened, default={"selected": picked}
    )
    selected = [clip_id for clip_id in result.selected or () if clip_id in shown]
    st.session_state[_SELECTED] = selected
    _actions(found, selected or list(shown[:1]), len(selected), open_clip)
    return selected


def _actions(
    found: dict[str, loaders.ClipSteps], clip_ids: list[str], selected: int, open_clip: Callable[[str], None]
) -> None:
    if clip_ids:
        first = clip_ids[0]
        with st.container(horizontal=True, vertical_alignment="center"):
            label = f"Open {plain(shorten(found[first].name, 40))}"
            st.button(label, key="open_clip", icon=":material/play_arrow:", on_click=open_clip, args=(first,))
            if selected > 1:
                total = sum(float(found[clip_id].clip.facts.get("duration_s") or 0.0) for clip_id in clip_ids)
                st.caption(f"{count(selected, 'clip')} selected, {duration(total)}.")


def _tile(library: Library, item: loaders.ClipSteps) -> dict[str, Any]:
    """Return what the browser is sent of one clip: names as text, addresses of its pictures or why there are none."""
    entry = loaders.entry(library, item.clip.clip_id, "rectify")
    facts = item.clip.facts
    size = (
        f"{facts['width']}×{facts['height']} px"
        if facts.get("width")
        else f"{facts.get('frame_count') or 0:,} pictures"
    )
    return {
        "id": item.clip.clip_id,
        "name": shorten(item.name, 34),
        "facts": f"{duration(facts.get('duration_s'))} · {size}",
        "poster": media.media_url(entry, "poster.jpg"),
        "missing": f"No picture: {shorten(str(facts.get('reason') or 'not made yet'), 90)}",
        "sheet": media.media_url(entry, "sprite.jpg"),
        "pictures": int(entry.details.get("sprite_pictures") or 1) if entry else 1,
    }


def _ignore() -> None:
    return None


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    folder = resources.files("egoclean.ui") / "static"
    html, css, js = ((folder / f"tiles.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("egoclean_tiles", html=html, css=css, js=js)
