"""Rectification as a person judges it: the same moment before and after, and the report in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from egoclean.library import Library
from egoclean.store.catalog import ClipRow
from egoclean.ui import loaders
from egoclean.ui.format import plain
from egoclean.ui.glossary import meaning

_NUMBERS: Final[Mapping[str, tuple[str, str, float, str]]] = {
    "hfov_deg": ("Field of view across", "{:.1f}°", 1.0, meaning("field of view")),
    "source_kept": ("Source pixels kept", "{:.1f} %", 100.0, "Share of the fisheye picture that is still to be seen."),
    "output_valid": (
        "Picture filled",
        "{:.1f} %",
        100.0,
        "Share of the new picture that shows something; the rest lies outside the lens and is black.",
    ),
    "greatest_stretch": (
        "Greatest stretch",
        "{:.2f}×",
        1.0,
        "How many new pixels one source pixel is drawn over at worst, along one direction.",
    ),
    "straightness_after_px": (
        "Line bend, now",
        "{:.2f} px",
        1.0,
        "How far the lines found in the picture bend from straight, root mean square.",
    ),
}


def report(library: Library, clip: ClipRow) -> Mapping[str, Any]:
    """Return the clip's rectification report."""
    entry = loaders.entry(library, clip.clip_id, "rectify")
    if entry is None or not entry.path("rectification.json").is_file():
        return {"rectified": False, "reason": "no report was written."}
    found: Mapping[str, Any] = loaders.entry_json(entry, "rectification.json")
    return {**found, **dict(found.get("report") or {})}


def reason(found: Mapping[str, Any]) -> str:
    """Return why a clip was not rectified, as a sentence's rest."""
    return plain(found.get("reason") or "there is no calibration for it.")


def show_pictures(library: Library, clip: ClipRow, found: Mapping[str, Any]) -> None:
    """Show the same moment before and after, side by side; for an unrectified clip what there is."""
    entry = loaders.entry(library, clip.clip_id, "rectify")
    if entry is None:
        return
    pictures = {"Before: as recorded": "before.jpg", "After: as the models see it": "after.jpg"}
    there = {label: entry.path(name) for label, name in pictures.items() if entry.path(name).is_file()}
    if not there and entry.path("poster.jpg").is_file():
        there = {"As the models see it": entry.path("poster.jpg")}
    if not there:
        st.info("No pictures were kept for this clip.")
        return
    grid = (
        st.toggle("Straight lines to compare with", value=False, help="Draws a grid over both pictures.")
        if found.get("rectified")
        else False
    )
    for place, (label, path) in zip(st.columns(len(there)), there.items(), strict=True):
        with place:
            st.caption(label)
            st.image(_with_grid(str(path)) if grid else str(path), width="stretch", alt=label)


def show_numbers(found: Mapping[str, Any]) -> None:
    """Show the report's figures with units, then its warnings."""
    shown = {name: item for name, item in _NUMBERS.items() if found.get(name) is not None}
    for place, (name, (label, form, factor, text)) in zip(st.columns(max(1, len(shown))), shown.items(), strict=False):
        place.metric(label, form.format(float(found[name]) * factor), help=text)
    before = found.get("straightness_before_px")
    if before is not None:
        st.caption(f"Before, the same lines were bent by {float(before):.2f} px.")
    if found.get("lens_hfov_deg") is not None:
        projection = plain(found.get("projection") or "not stated")
        st.caption(f"The lens itself sees {float(found['lens_hfov_deg']):.1f}° across; projection: {projection}.")
    for warning in found.get("warnings") or ():
        st.warning(plain(warning), icon=":material/warning:")


def show_cameras(library: Library, clip: ClipRow, found: Mapping[str, Any]) -> None:
    """Show the camera of the new picture, with the source's calibration inside, and the whole report."""
    entry = loaders.entry(library, clip.clip_id, "rectify")
    with st.expander("Calibration and full report", icon=":material/data_object:"):
        if entry is not None and entry.path("intrinsics.json").is_file():
            st.caption("Camera of the rectified picture at full size, in pixels; the source's calibration is inside.")
            st.json(loaders.entry_json(entry, "intrinsics.json"), expanded=1)
        st.json(dict(found), expanded=1)


@st.cache_data(show_spinner=False, max_entries=64)
def _with_grid(path: str, lines: int = 8) -> Any:
    from PIL import Image, ImageDraw

    picture = Image.open(path).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for index in range(1, lines):
        x, y = picture.width * index // lines, picture.height * index // lines
        pen.line([(x, 0), (x, picture.height)], fill=(255, 176, 0))
        pen.line([(0, y), (picture.width, y)], fill=(255, 176, 0))
    return picture
