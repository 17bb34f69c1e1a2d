"""A grid of pictures, one page at a time: to scrub over, click, Shift-click and keys to select and open; that of clips.

Plain HTML, CSS and JavaScript from ``static/``. Posters and sheets of small pictures of clips come from the cache, made
by the pipeline; a sheet is fetched when a pointer first moves over its tile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from egoclean.library import Library
from egoclean.ui import loaders, media
from egoclean.ui.format import count, duration, plain, shorten

SIZES: Final = (24, 36, 60)
"""Tiles a page: more than a few dozen pictures at once make a browser slow."""

Tile = Mapping[str, Any]
"""What the browser is sent of a picture: ``id``, ``title``, ``name`` and ``facts`` as text, addresses ``poster`` and
``sheet`` or what to say where they are ``missing``, and how many ``pictures`` the sheet has."""


def page_of(ids: Sequence[str], name: str, bar: DeltaGenerator) -> Sequence[str]:
    """Return those of ``ids`` that are on the page chosen in ``bar``, as many as chosen there."""
    tiles = bar.segmented_control(
        "Tiles a page", SIZES, default=SIZES[0], required=True, key=f"{name}_tiles", bind="query-params"
    )
    pages = max(1, -(-len(ids) // tiles))
    with bar:
        page = st.pagination(pages, key=f"{name}_page", bind="query-params") if pages > 1 else 1
    return ids[(page - 1) * tiles : page * tiles]


def tile_grid(tiles: Sequence[Tile], name: str, open_tile: Callable[[str], None]) -> list[str]:
    """Show pictures side by side and return the ids of the selected ones; opening one calls ``open_tile``."""
    ids = [tile["id"] for tile in tiles]
    selected_key, grid_key = f"{name}_selected", f"{name}_grid"
    picked = [tile_id for tile_id in st.session_state.get(selected_key, ()) if tile_id in ids]

    def opened() -> None:
        tile_id = st.session_state[grid_key].get("opened")
        if tile_id in ids:
            open_tile(str(tile_id))

    data = {"tiles": list(tiles), "selected": picked}
    result = _component()(
        key=grid_key, data=data, on_selected_change=_ignore, on_opened_change=opened, default={"selected": picked}
    )
    selected = [tile_id for tile_id in result.selected or () if tile_id in ids]
    st.session_state[selected_key] = selected
    return selected


def clip_grid(
    library: Library, clip_ids: Sequence[str], open_clip: Callable[[str], None], bar: DeltaGenerator
) -> list[str]:
    """Show the tiles of clips and return the ids of the selected ones; opening a clip calls ``open_clip``.

    How many tiles and which page of them is chosen in ``bar``.
    """
    shown = page_of(clip_ids, "clips", bar)
    found = loaders.clip_steps(library)
    selected = tile_grid([_tile(library, found[clip_id]) for clip_id in shown], "clips", open_clip)
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
    """Return the tile of a clip: the picture from its middle, and its sheet, or why there is none."""
    entry = loaders.entry(library, item.clip.clip_id, "rectify")
    facts = item.clip.facts
    size = (
        f"{facts['width']}×{facts['height']} px"
        if facts.get("width")
        else f"{facts.get('frame_count') or 0:,} pictures"
    )
    return {
        "id": item.clip.clip_id,
        "title": item.clip.clip_id,
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
