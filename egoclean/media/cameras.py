"""Which camera a clip's outputs have, and what NAME.intrinsics.json and NAME.rectification.json say of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from egoclean.config import RectifyConfig
from egoclean.core.intrinsics import intrinsics_to_dict, scale_intrinsics
from egoclean.core.rectification import RectificationReport, choose_camera, rectification_report
from egoclean.errors import MediaError
from egoclean.media.images import view_size
from egoclean.media.planes import ByteArray
from egoclean.media.straightness import measure_straightness
from egoclean.records import CameraModel, Intrinsics, VideoHeader, to_plain

LINES_FOR_A_WARNING = 20
"""With fewer lines a calibration is not doubted."""


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """How a clip's pictures become those of its view and of its full-size output.

    ``source`` is the calibration at the video's size and ``target`` the rectified camera at full size; both are None
    when the clip is not rectified. ``known`` is the camera of the output at full size, when there is one.
    ``rotation_deg`` is how far pictures are turned, counter-clockwise, before anything else.
    """

    source: Intrinsics | None
    target: Intrinsics | None
    known: Intrinsics | None
    report: RectificationReport
    view_size: tuple[int, int]
    rotation_deg: int = 0


def plan_cameras(header: VideoHeader, intrinsics: Intrinsics | None, config: RectifyConfig) -> CameraPlan:
    """Return the cameras of a clip's outputs and the report on them, without touching a picture.

    Without intrinsics nothing is rectified, and a camera that is not a fisheye passes as it is; both say so in
    ``report.reason``.

    Raises
    ------
    IntrinsicsError : when the calibration has another aspect than the video.
    MediaError : ``rotated`` or ``interlaced`` for a video of a calibrated camera that is so: its calibration is for
        whole pictures as they were coded.
    """
    if intrinsics is None:
        sideways = header.rotation_deg % 180 == 90
        width, height = (header.height, header.width) if sideways else (header.width, header.height)
        report = RectificationReport(False, "There is no calibration for this clip, so it was not rectified.")
        view = view_size(width, height, config.view_max_lines)
        return CameraPlan(None, None, None, report, view, header.rotation_deg)
    _refuse_unfit(header)
    source = scale_intrinsics(intrinsics, header.width, header.height)
    if intrinsics.model is not CameraModel.FISHEYE:
        reason = f"The calibration says the pictures are {intrinsics.model.value} already, so they were not rectified."
        view = view_size(header.width, header.height, config.view_max_lines)
        return CameraPlan(None, None, source, RectificationReport(False, reason), view)
    target, warnings = choose_camera(source, config)
    report = rectification_report(source, target, warnings)
    view = view_size(target.image_width, target.image_height, config.view_max_lines)
    return CameraPlan(source, target, target, report, view)


def with_straightness(plan: CameraPlan, pictures: Sequence[ByteArray]) -> CameraPlan:
    """Return ``plan`` with how straight the lines of some source ``pictures`` become, and a warning when they do not.

    Unchanged when the clip is not rectified or shows too few lines.
    """
    if plan.source is None or plan.target is None:
        return plan
    found = measure_straightness(pictures, plan.source, plan.target)
    if found is None:
        return plan
    warnings = plan.report.warnings
    if found.after_px > found.before_px and found.line_count >= LINES_FOR_A_WARNING:
        warnings += ("Lines bend more after rectification than before: the calibration may belong to another camera.",)
    report = dataclasses.replace(
        plan.report,
        lines_found=found.line_count,
        straightness_before_px=found.before_px,
        straightness_after_px=found.after_px,
        warnings=warnings,
    )
    return dataclasses.replace(plan, report=report)


def intrinsics_document(plan: CameraPlan) -> dict[str, Any] | None:
    """Return the contents of NAME.intrinsics.json: the output's camera at full size; None when nothing is known."""
    return None if plan.known is None else intrinsics_to_dict(plan.known, plan.source)


def report_document(plan: CameraPlan, header: VideoHeader, frame_count: int) -> dict[str, Any]:
    """Return the contents of NAME.rectification.json: the report, the outputs' sizes and the source's facts.

    ``view_start_s`` is where the first frame stands on a player's clock: the outputs keep the source's pts, and
    browsers count from zero.
    """
    document: dict[str, Any] = to_plain(dataclasses.asdict(plan.report))
    document["view_width"], document["view_height"] = plan.view_size
    document["view_start_s"] = float(max(0, header.start_pts) * header.time_base)
    document["frame_count"] = frame_count
    document["source"] = to_plain(header)
    return document


def _refuse_unfit(header: VideoHeader) -> None:
    if header.rotation_deg:
        raise MediaError(
            f"The video is tagged as rotated by {header.rotation_deg} degrees, but a calibration is for the pictures "
            "as they were coded.",
            "Remove the rotation tag if the calibration is for the coded pictures.",
            code="rotated",
        )
    if header.interlaced:
        raise MediaError(
            "The video is interlaced: the two halves of a picture show two moments.",
            "Deinterlace it first.",
            code="interlaced",
        )
