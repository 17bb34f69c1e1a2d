"""A grid of posters, one page at a time: more than a few dozen pictures at once make a browser slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from egoclean.library import Library
from egoclean.ui import loaders
from egoclean.ui.format import duration, plain, shorten

TILES = 24
_COLUMNS = 4


def clip_grid(library: Library, clip_ids: Sequence[str], open_clip: Callable[[str], None]) -> None:
    """Show the posters of clips, 24 a page; a tile's button calls ``open_clip`` with the clip's id."""
    pages = max(1, -(-len(clip_ids) // TILES))
    page = st.pagination(pages, key="clips_page", bind="query-params") if pages > 1 else 1
    found = loaders.clip_steps(library)
    shown = clip_ids[(page - 1) * TILES : page * TILES]
    places = st.columns(_COLUMNS)
    for position, clip_id in enumerate(shown):
        with places[position % _COLUMNS], st.container(border=True, gap="xsmall"):
            _tile(library, found[clip_id], position, open_clip)


def _tile(library: Library, item: loaders.ClipSteps, position: int, open_clip: Callable[[str], None]) -> None:
    rectified = loaders.entry(library, item.clip.clip_id, "rectify")
    poster = rectified.path("poster.jpg") if rectified is not None else None
    if poster is not None and poster.is_file():
        st.image(str(poster), width="stretch", alt=f"First picture of {item.name}")
    else:
        st.caption(f"No picture: {plain(item.clip.facts.get('reason') or 'not made yet')}")
    st.text(shorten(item.name, 34))
    facts = item.clip.facts
    size = (
        f"{facts['width']}×{facts['height']} px"
        if facts.get("width")
        else f"{facts.get('frame_count') or 0:,} pictures"
    )
    st.caption(f"{duration(facts.get('duration_s'))} · {size}")
    st.button("Open", key=f"open_{position}", width="stretch", on_click=open_clip, args=(item.clip.clip_id,))
