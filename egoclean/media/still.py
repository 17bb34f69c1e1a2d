"""One decoded picture rectified again and again: what another field of view would make of it, at once."""

from __future__ import annotations

from dataclasses import dataclass

from egoclean.config import RectifyConfig
from egoclean.core.rectification import RectificationReport, resized_camera
from egoclean.media.cameras import plan_cameras, with_straightness
from egoclean.media.images import narrowed, view_size
from egoclean.media.planes import ByteArray, Planes, black_luma, empty_frame, frame_planes, planes_to_rgb, turned
from egoclean.media.remap import PlaneRemapper
from egoclean.records import Intrinsics, VideoHeader


@dataclass(frozen=True, slots=True)
class RectifiedStill:
    """A picture as it came and as rectified, both RGB, and the report; lines are those of this picture alone."""

    before: ByteArray
    after: ByteArray
    report: RectificationReport


def rectify_still(
    planes: Planes, header: VideoHeader, intrinsics: Intrinsics | None, config: RectifyConfig, width_px: int
) -> RectifiedStill:
    """Return the picture of ``planes`` before and after rectification, at most ``width_px`` wide.

    The report is that of the full size, so its figures are those a run would write. A clip that is not rectified has
    the same picture twice.

    Raises
    ------
    MediaError, IntrinsicsError : as :func:`egoclean.media.cameras.plan_cameras`.
    """
    plan = with_straightness(plan_cameras(header, intrinsics, config), [planes[0]])
    upright = turned(planes, plan.rotation_deg)
    before = narrowed(planes_to_rgb(upright, full_range=header.full_range), width_px)
    if plan.source is None or plan.target is None:
        return RectifiedStill(before, before, plan.report)
    lines = max(2, round(plan.target.image_height * width_px / plan.target.image_width))
    width, height = view_size(plan.target.image_width, plan.target.image_height, lines)
    small = resized_camera(plan.target, width, height)
    made, into = empty_frame(width, height)
    PlaneRemapper(plan.source, small, black_luma(header))(planes, into)
    after = planes_to_rgb(frame_planes(made), full_range=header.full_range)
    return RectifiedStill(before, after, plan.report)
