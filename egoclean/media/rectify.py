"""One clip from source to view.mp4, and to the full-size rectified video, in one decode, checked before it counts."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.config import RectifyConfig
from egoclean.core.rectification import resized_camera
from egoclean.errors import MediaError
from egoclean.media.cameras import (
    CameraPlan,
    intrinsics_document,
    plan_cameras,
    report_document,
    with_straightness,
)
from egoclean.media.decode import check_decoded
from egoclean.media.encode import EncodeOptions
from egoclean.media.planes import ByteArray, black_luma
from egoclean.media.probe import ProbeResult, probe
from egoclean.media.remap import PlaneRemapper, PlaneResizer
from egoclean.media.salvage import good_part
from egoclean.media.transcode import Output, PlaneMaker, Progress, transcode
from egoclean.records import Intrinsics, MediaLocation, Problem, VideoHeader
from egoclean.store.atomic import atomic_path

FULL_KEYFRAME_S = 2.0
"""Seconds between keyframes of the full-size video, which is stored and cut rather than played."""


STRAIGHTNESS_FRAMES = 3
"""Frames of a clip on which straightness of lines is measured."""


@dataclass(frozen=True, slots=True)
class RectifyResult:
    """What rectifying one clip made.

    ``intrinsics`` and ``report`` are the contents of NAME.intrinsics.json (None without a calibration) and
    NAME.rectification.json, whose ``salvaged_until_s`` says up to where a damaged video was used (None for a whole
    one); ``pts`` are the source's own, in its time base, of the frames that were decoded: frame ``i`` of the view is
    frame ``i`` of the source. ``pictures`` are as many frames of the view as were asked for, evenly spread, as RGB.
    """

    view_path: Path
    full_path: Path | None
    intrinsics: dict[str, Any] | None
    report: dict[str, Any]
    header: VideoHeader
    pts: NDArray[np.int64]
    problems: tuple[Problem, ...]
    pictures: tuple[ByteArray, ...] = ()


def rectify_video(
    location: MediaLocation,
    intrinsics: Intrinsics | None,
    config: RectifyConfig,
    out_dir: Path,
    stem: str,
    progress: Progress | None = None,
    *,
    probed: ProbeResult | None = None,
    workers: int = 1,
    salvage: bool = False,
    picture_count: int = 0,
) -> RectifyResult:
    """Write ``stem.view.mp4``, and ``stem.rectified.mp4`` when asked for and rectified, and return what they hold.

    Both come from one decode and carry one frame for each source frame at its pts. They take their names only after
    the decoded frames were checked against the packets, and the written ones against the decoded.

    Parameters
    ----------
    intrinsics : the calibration at its own size; None for footage without one.
    out_dir, stem : folder to write into and first part of the files' names.
    progress : called with frames done and frames in all; may raise to cancel.
    probed : the result of :func:`egoclean.media.probe.probe` when it is at hand.
    workers : parts of a long clip worked on at once; the bytes written do not depend on it.
    picture_count : frames of the view to return as pictures; a short clip has fewer.
    salvage : take the whole frames before the first damage of a damaged or cut video, instead of nothing.

    Raises
    ------
    MediaError : as :func:`~egoclean.media.probe.probe`, :func:`~egoclean.media.decode.decode_frames` and
        :func:`~egoclean.media.cameras.plan_cameras`; ``unverified`` when a written file does not read back.
    IntrinsicsError : when the calibration has another aspect than the video.
    CacheError : when the disk is full or cannot be written.
    """
    try:
        probed = probed or probe(location)
        return _rectify(location, probed, intrinsics, config, out_dir, stem, progress, workers, picture_count)
    except MediaError as error:
        if not salvage:
            raise
        location, probed = good_part(location, error)
    return _rectify(location, probed, intrinsics, config, out_dir, stem, progress, workers, picture_count)


def _rectify(
    location: MediaLocation,
    probed: ProbeResult,
    intrinsics: Intrinsics | None,
    config: RectifyConfig,
    out_dir: Path,
    stem: str,
    progress: Progress | None,
    workers: int,
    picture_count: int,
) -> RectifyResult:
    plan = plan_cameras(probed.header, intrinsics, config)
    view_path = out_dir / f"{stem}.view.mp4"
    full_path = out_dir / f"{stem}.rectified.mp4" if config.full and plan.target is not None else None
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(view_path))
        outputs = [_view_output(temporary, plan, probed.header, config)]
        if full_path is not None:
            outputs.append(_full_output(stack.enter_context(atomic_path(full_path)), plan, probed.header, config))
        keep = _sample_pts(probed.pts) if plan.target is not None else ()
        spread = _spread_pts(probed.pts, picture_count)
        done = transcode(location, probed.header, plan.rotation_deg, outputs, workers, progress, keep, spread)
        pts = done.pts
        problems = check_decoded(pts, probed.pts, location)
        for output in outputs:
            _verify(output.path, pts, probed.header)
    return RectifyResult(
        view_path=view_path,
        full_path=full_path,
        intrinsics=intrinsics_document(plan),
        report={
            **report_document(with_straightness(plan, done.kept), probed.header, len(pts)),
            "salvaged_until_s": None if location.last_pts is None else probed.header.duration_s,
        },
        header=probed.header,
        pts=pts,
        problems=(*probed.problems, *problems),
        pictures=tuple(done.pictures),
    )


def _sample_pts(pts: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the pts of a few frames spread over a clip, on which straightness is measured."""
    return tuple(int(pts[len(pts) * part // (STRAIGHTNESS_FRAMES + 1)]) for part in range(1, STRAIGHTNESS_FRAMES + 1))


def _spread_pts(pts: NDArray[np.int64], count: int) -> tuple[int, ...]:
    """Return the pts of ``count`` frames spread evenly over a clip, each in the middle of its part of it."""
    return tuple(dict.fromkeys(int(pts[len(pts) * (2 * part + 1) // (2 * count)]) for part in range(count)))


def _view_output(path: Path, plan: CameraPlan, header: VideoHeader, config: RectifyConfig) -> Output:
    width, height = plan.view_size
    maker: PlaneMaker = PlaneResizer()
    if plan.source is not None and plan.target is not None:
        camera = resized_camera(plan.target, width, height)
        maker = PlaneRemapper(plan.source, camera, black_luma(header))
    options = EncodeOptions(config.view_crf, config.view_preset, config.view_keyframe_s)
    return Output(path, width, height, maker, options)


def _full_output(path: Path, plan: CameraPlan, header: VideoHeader, config: RectifyConfig) -> Output:
    if plan.source is None or plan.target is None:
        raise ValueError("only a rectified clip has a full-size output")
    maker = PlaneRemapper(plan.source, plan.target, black_luma(header))
    options = EncodeOptions(config.full_crf, config.full_preset, FULL_KEYFRAME_S)
    return Output(path, plan.target.image_width, plan.target.image_height, maker, options)


def _verify(path: Path, pts: NDArray[np.int64], header: VideoHeader) -> None:
    written = probe(MediaLocation(str(path)))
    shifted = pts - min(0, header.start_pts)
    same = len(written.pts) == len(pts) and all(
        int(found) * written.header.time_base == int(wanted) * header.time_base
        for found, wanted in zip(written.pts, shifted, strict=True)
    )
    if not same:
        message = f"The written video holds {len(written.pts)} frames where {len(pts)} were decoded, or other times."
        raise MediaError(message, "Run it again; if it stays so, report the clip.", code="unverified")
