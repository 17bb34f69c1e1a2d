"""Rectification as a person judges it: the same moment before and after, the report in words, the lens as a curve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from egoclean.charts.lens_charts import lens_plot
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.records import Intrinsics
from egoclean.store.catalog import ClipRow
from egoclean.ui import loaders, media, rectify_trial, start, wipe
from egoclean.ui.format import plain
from egoclean.ui.glossary import meaning
from egoclean.ui.guards import active_run

_LABELS: Final = ("Before: as recorded", "After: as the models see it")
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


def show_unrectified(library: Library, clip: ClipRow, found: Mapping[str, Any]) -> None:
    """Say why a clip was not rectified, and show its picture as the models see it."""
    reason = plain(found.get("reason") or "there is no calibration for it.")
    st.info(f"Not rectified: {reason} The picture is used as it is, only made smaller.", icon=":material/info:")
    entry = loaders.entry(library, clip.clip_id, "rectify")
    names = ("after.jpg", "poster.jpg")
    path = next((entry.path(name) for name in names if entry.path(name).is_file()), None) if entry else None
    if path is None:
        st.caption("No picture was kept for this clip.")
    else:
        st.image(str(path), "As the models see it", alt="As the models see it")


@st.fragment
def show_rectified(library: Library, clip: ClipRow, found: Mapping[str, Any]) -> None:
    """Show the pictures, the report and the lens of a rectified clip, and let another field of view be tried on it."""
    source = rectify_trial.lens(library, clip.clip_id)
    if source is None or found.get("hfov_deg") is None:
        _show_kept(library, clip, found)
        show_numbers(found)
        return
    wish = rectify_trial.controls(clip.clip_id, source, found, float(clip.facts.get("duration_s") or 0.0))
    shown = _show_still(library, clip, wish) if wish.differs or wish.moved else None
    if shown is None:
        _show_kept(library, clip, found)
    show_numbers(shown or found, _kept_figures(library, clip, wish, found) if shown and wish.differs else None)
    _show_settings(library, source, wish, found)
    st.subheader("The lens", anchor=False)
    figure = _lens_figure(source, float((shown or found)["hfov_deg"]) / 2)
    st.plotly_chart(figure, key="lens_plot", config={"displayModeBar": False})
    st.caption(
        "Where a ray lands by its angle. Past the limit the calibration's polynomial falls back and describes no lens: "
        "nothing is ever taken from there."
    )


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs={Intrinsics: repr})
def _lens_figure(source: Intrinsics, half_view_deg: float) -> go.Figure:
    return lens_plot(rectify_trial.curve(source), half_view_deg)


def show_numbers(found: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> None:
    """Show the report's figures with units, then its warnings; ``beside`` are figures to compare with."""
    shown = {name: item for name, item in _NUMBERS.items() if found.get(name) is not None}
    for place, (name, (label, form, factor, text)) in zip(st.columns(max(1, len(shown))), shown.items(), strict=False):
        was = beside.get(name) if beside else None
        said = None if was is None else f"was {form.format(float(was) * factor)}"
        value = form.format(float(found[name]) * factor)
        place.metric(label, value, said, delta_color="off", delta_arrow="off", help=text)
    parts = []
    if found.get("straightness_before_px") is not None:
        lines, bend_px = int(found.get("lines_found") or 0), float(found["straightness_before_px"])
        parts.append(f"Before, the same {lines:,} lines were bent by {bend_px:.2f} px.")
    if found.get("lens_hfov_deg") is not None:
        projection = plain(found.get("projection") or "not stated")
        parts.append(f"The lens itself sees {float(found['lens_hfov_deg']):.1f}° across; projection: {projection}.")
    if parts:
        st.caption(" ".join(parts))
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


def _show_kept(library: Library, clip: ClipRow, found: Mapping[str, Any]) -> None:
    """Show the pictures that were kept when the clip was rectified."""
    entry = loaders.entry(library, clip.clip_id, "rectify")
    before, after = (media.media_url(entry, name) for name in ("before.jpg", "after.jpg"))
    if before is None or after is None:
        st.info("No pictures were kept for this clip.")
        return
    about = found.get("source") or {}
    ratio = float(about.get("width") or 16) / float(about.get("height") or 9)
    wipe.show(before, after, _LABELS, ratio, "wipe")


def _show_still(library: Library, clip: ClipRow, wish: rectify_trial.Wish) -> Mapping[str, Any] | None:
    """Show a picture drawn now and return its report; when it cannot be drawn, say why and return None."""
    from egoclean.media.images import jpeg_bytes

    try:
        drawn = rectify_trial.still(library, clip.clip_id, wish)
    except EgocleanError as error:
        start.show_error(error)
        return None
    height, width = drawn.before.shape[:2]
    before, after = (wipe.inline(jpeg_bytes(picture)) for picture in (drawn.before, drawn.after))
    label = f"After: {wish.hfov_deg:g}°, {wish.projection}"
    wipe.show(before, after, (_LABELS[0], label if wish.differs else _LABELS[1]), width / height, "wipe")
    return dataclasses.asdict(drawn.report)


def _kept_figures(
    library: Library, clip: ClipRow, wish: rectify_trial.Wish, found: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the figures of the wished picture in the geometry the clip was made with: lines of one picture compare."""
    kept = dataclasses.replace(wish, projection=str(found["projection"]), hfov_deg=float(found["hfov_deg"]))
    return dataclasses.asdict(rectify_trial.still(library, clip.clip_id, kept).report)


def _show_settings(library: Library, source: Intrinsics, wish: rectify_trial.Wish, found: Mapping[str, Any]) -> None:
    """Show the command for the wished geometry and the button that makes it the project's."""
    waiting = rectify_trial.pending(library, source, found)
    if waiting:
        st.info(f"The project asks for {waiting} now; the next run draws this clip anew.", icon=":material/schedule:")
        st.page_link("pages/runs.py", label="Run it", icon=":material/arrow_forward:")
    if not wish.differs:
        return
    text, button = st.columns([4, 1], vertical_alignment="bottom")
    with text:
        st.caption("For every clip of the project, in a terminal or by the button; scores and embeddings follow.")
        st.code(rectify_trial.command(library.project, wish), language="sh", wrap_lines=True)
    busy = active_run(library) is not None
    if button.button(
        "Use for the project", icon=":material/save:", width="stretch", disabled=busy,
        help="Not while a run is at work." if busy else "Writes it into project.toml; the next run uses it.",
    ):  # fmt: skip
        rectify_trial.apply(library.project, wish)
        st.rerun()
