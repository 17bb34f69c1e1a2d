"""Trying another field of view on one picture: the still, its figures, and the settings that would make it so.

Nothing here touches the cache: a picture is decoded once in a process of its own, and drawn again for each wish.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from egoclean.config import RectifyConfig
from egoclean.core.fisheye import monotone_limit_rad
from egoclean.core.intrinsics import scale_intrinsics
from egoclean.core.lens import LensCurve, lens_curve
from egoclean.core.rectification import WIDEST_DEG, choose_camera, lens_field_deg
from egoclean.library import Library
from egoclean.records import CameraModel, Clip, Intrinsics
from egoclean.store.project import Project
from egoclean.store.stamps import Stamp
from egoclean.ui.format import moment
from egoclean.ui.glossary import meaning

if TYPE_CHECKING:
    from egoclean.media.planes import Planes
    from egoclean.media.still import RectifiedStill

STILL_WIDTH_PX: Final = 960
NARROWEST_DEG: Final = 30.0
SAME_DEG: Final = 0.05
"""Fields of view this close are the same to the eye and on the slider."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of the still: projection, field of view across in degrees, moment in seconds.

    ``differs`` says that the geometry is another than the one the clip was rectified with, ``moved`` that the moment
    is another than that of the pictures which were kept.
    """

    projection: str
    hfov_deg: float
    time_s: float
    differs: bool
    moved: bool

    @property
    def options(self) -> str:
        """The options of ``run`` and ``rectify`` that give this geometry."""
        return f"--hfov {self.hfov_deg:g} --projection {self.projection}"


def lens(library: Library, clip_id: str) -> Intrinsics | None:
    """Return the clip's calibration at its video's size, None when it has none or is no fisheye's."""
    record = clip_record(library, clip_id)
    intrinsics, header = record.source.intrinsics, record.header
    if intrinsics is None or header is None or intrinsics.model is not CameraModel.FISHEYE:
        return None
    return scale_intrinsics(intrinsics, header.width, header.height)


def curve(source: Intrinsics) -> LensCurve:
    """Return the curve of a lens."""
    return lens_curve(source)


def controls(clip_id: str, source: Intrinsics, found: Mapping[str, Any], duration_s: float) -> Wish:
    """Show projection, field of view and moment; return what they are set to, at first what the clip was made with."""
    made, made_deg = str(found["projection"]), float(found["hfov_deg"])
    left, middle, right = st.columns([1.4, 2, 2], gap="medium")
    projection = left.segmented_control(
        "Projection",
        [model.value for model in WIDEST_DEG],
        default=made,
        required=True,
        key=f"projection_{clip_id}",
        help="pinhole keeps straight lines straight. cylindrical bends level lines and keeps what is far to the sides "
        "from being stretched: for lenses that see more than about 120°.",
    )
    start_deg = made_deg if projection == made else _default_deg(source, projection)
    most_deg = widest_deg(source, projection)
    hfov_deg = middle.slider(
        "Field of view across, degrees",
        NARROWEST_DEG,
        most_deg,
        min(most_deg, max(NARROWEST_DEG, start_deg)),
        1.0,
        "%.0f°",
        key=f"hfov_{projection}_{clip_id}",
        help=f"{meaning('field of view')} The lens itself sees {lens_field_deg(source)[0]:.1f}°.",
    )
    middle_s = round(duration_s / 2, 2)
    time_s = middle_s
    if duration_s > 0:
        time_s = right.slider(
            "Moment, seconds", 0.0, duration_s, middle_s, 0.1, "%.1f s", key=f"moment_{clip_id}",
            help=f"Any moment of the {moment(duration_s)} of this clip. At first the middle.",
        )  # fmt: skip
    differs = projection != made or abs(hfov_deg - made_deg) > SAME_DEG
    return Wish(projection, hfov_deg, time_s, differs, abs(time_s - middle_s) > SAME_DEG)


def widest_deg(source: Intrinsics, projection: str) -> float:
    """Return the greatest whole field of view that ``projection`` holds and the lens's calibration reaches, degrees."""
    model = CameraModel(projection)
    limit = next(item.metadata["maximum"] for item in dataclasses.fields(RectifyConfig) if item.name == "hfov_deg")
    reach_deg = math.degrees(2 * monotone_limit_rad(source.coefficients))
    return float(max(NARROWEST_DEG + 1, int(min(limit, WIDEST_DEG[model], reach_deg))))


def still(library: Library, clip_id: str, wish: Wish) -> RectifiedStill:
    """Return the wished picture before and after, and its report.

    Raises
    ------
    MediaError : the source is gone, or damaged at that moment.
    """
    config = _config(library.project, wish)
    return _still(library, clip_id, str(clip_record(library, clip_id).sha256), wish.time_s, config)


def command(project: Project, wish: Wish) -> str:
    """Return the command that rectifies the whole project so."""
    return f"egoclean run --project {shlex.quote(str(project.root))} {wish.options}"


def apply(project: Project, wish: Wish) -> None:
    """Write the wished geometry into the project's settings; the next run uses it."""
    project.update(lambda settings: settings.changed("rectify", _values(wish), "this page"))


def pending(library: Library, source: Intrinsics, found: Mapping[str, Any]) -> str:
    """Return in a few words what geometry the project's settings ask for where the clip was made with another."""
    config = library.project.settings().rectify
    hfov_deg = lens_field_deg(choose_camera(source, config)[0])[0]
    if config.projection == found["projection"] and abs(hfov_deg - float(found["hfov_deg"])) <= SAME_DEG:
        return ""
    return f"{hfov_deg:.1f}° across, {config.projection}"


def clip_record(library: Library, clip_id: str) -> Clip:
    """Return the whole record of a clip."""
    return _record(library, str(library.project.root), library.catalog.stamp(), clip_id)


def _values(wish: Wish) -> dict[str, Any]:
    return {"hfov_deg": wish.hfov_deg, "projection": wish.projection, "balance": None}


def _config(project: Project, wish: Wish) -> RectifyConfig:
    return project.settings().changed("rectify", _values(wish), "this page").rectify


def _default_deg(source: Intrinsics, projection: str) -> float:
    return lens_field_deg(choose_camera(source, RectifyConfig(projection=projection))[0])[0]


@st.cache_resource(show_spinner=False, max_entries=64)
def _record(_library: Library, root: str, stamp: Stamp, clip_id: str) -> Clip:
    del root, stamp
    return _library.clip(clip_id)


@st.cache_resource(show_spinner=False, max_entries=32)
def _still(_library: Library, clip_id: str, sha256: str, time_s: float, config: RectifyConfig) -> RectifiedStill:
    from egoclean.errors import MediaError
    from egoclean.media.still import rectify_still

    record = clip_record(_library, clip_id)
    if record.header is None:
        raise MediaError("This clip is not a video.", code="not_video")
    planes = _planes(_library, clip_id, sha256, time_s)
    return rectify_still(planes, record.header, record.source.intrinsics, config, STILL_WIDTH_PX)


@st.cache_resource(show_spinner="Reading the picture…", max_entries=16)
def _planes(_library: Library, clip_id: str, sha256: str, time_s: float) -> Planes:
    from egoclean.errors import MediaError
    from egoclean.media.apart import still_planes

    del sha256
    location = clip_record(_library, clip_id).source.location
    if location is None:
        raise MediaError(
            "The recording is not on this machine any more, so no other picture of it can be drawn.",
            "Run with --keep-raw to keep what is fetched from the hub.",
            code="missing",
        )
    return still_planes(location, time_s)
