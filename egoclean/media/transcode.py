"""One decode, several outputs: a clip cut at keyframes into segments that are encoded alone and joined.

Where the cuts lie depends on the source alone, so the bytes do not depend on how many segments ran at once.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from egoclean.media.decode import decode_frames
from egoclean.media.encode import EncodeOptions, VideoWriter, join_videos
from egoclean.media.opening import open_video
from egoclean.media.planes import ByteArray, Planes, empty_frame, frame_planes, planes_to_rgb, turned
from egoclean.records import MediaLocation, VideoHeader
from egoclean.store.atomic import temporary_name

Progress = Callable[[int, int], None]

SEGMENT_S = 20.0
"""Segments are at least this long."""

_REPORT_EVERY_S = 0.25
_SEEKABLE = "mp4"


class PlaneMaker(Protocol):
    """Anything that makes the planes of an output picture from those of a source picture."""

    def __call__(self, planes: Planes, into: Planes) -> None:
        """Write the output picture into ``into``."""


@dataclass(frozen=True, slots=True)
class Output:
    """One file to write: where, how large, by what geometry, how encoded."""

    path: Path
    width: int
    height: int
    maker: PlaneMaker
    options: EncodeOptions


@dataclass(frozen=True, slots=True)
class Transcoded:
    """The pts of the source frames that were written, and in order what was to be kept of some of them.

    ``kept`` is the luma of source frames, ``pictures`` are frames of the first output as RGB.
    """

    pts: NDArray[np.int64]
    kept: list[ByteArray]
    pictures: list[ByteArray]


def transcode(
    location: MediaLocation,
    header: VideoHeader,
    rotation_deg: int,
    outputs: Sequence[Output],
    workers: int = 1,
    progress: Progress | None = None,
    keep_pts: Collection[int] = (),
    picture_pts: Collection[int] = (),
) -> Transcoded:
    """Write every output from one decode of the source and return which source frames they hold.

    Output pts are the source's; when those begin below zero, all are shifted so that the first is zero.

    Parameters
    ----------
    workers : segments worked on at once, each by one decoder and one encoder an output.
    progress : called in this thread with frames done and packets in all; an exception from it ends the work.
    keep_pts : pts of frames whose luma is returned too.
    picture_pts : pts of frames whose picture in the first output is returned too.

    Raises
    ------
    MediaError : as :func:`egoclean.media.decode.decode_frames`, for the earliest segment that fails.
    """
    cuts = segment_starts(location, header)
    with _one_opencv_thread(), _segment_folder(outputs[0].path.parent) as folder:
        job = _Job(location, header, rotation_deg, tuple(outputs), cuts, folder, keep_pts, picture_pts)
        with concurrent.futures.ThreadPoolExecutor(max(1, workers)) as pool:
            futures = [pool.submit(job.write_segment, index) for index in range(len(cuts) + 1)]
            try:
                _watch(futures, job, progress)
            except BaseException:
                job.last_wanted = -1
                raise
        found = [future.result() for future in futures]
        if cuts:
            for number, output in enumerate(outputs):
                join_videos([job.part(number, index) for index in range(len(futures))], output.path)
    kept, pictures = ([found_at[pts] for pts in sorted(found_at)] for found_at in (job.kept, job.pictures))
    return Transcoded(np.concatenate(found), kept, pictures)


def segment_starts(location: MediaLocation, header: VideoHeader) -> list[int]:
    """Return the pts of the keyframes at which a clip is cut, at least :data:`SEGMENT_S` apart; often none.

    Only MP4, whose table of contents names its keyframes, is cut. A damaged video is read in one piece, so that its
    decoder comes to the last good frame in the state it was found in.
    """
    if _SEEKABLE not in header.container.split(",") or header.duration_s < 2 * SEGMENT_S:
        return []
    if location.last_pts is not None:
        return []
    with open_video(location) as (container, stream):
        keys = sorted(p.pts for p in container.demux(stream) if p.is_keyframe and p.size and not p.is_discard)
    spacing = SEGMENT_S / float(header.time_base)
    end = header.start_pts + header.duration_s / float(header.time_base)
    starts: list[int] = []
    last = header.start_pts
    for pts in keys:
        if pts - last >= spacing and end - pts >= spacing:
            starts.append(pts)
            last = pts
    return starts


class _Job:
    """The segments of one clip; ``last_wanted`` falls to the first segment that failed and stops those after it."""

    def __init__(
        self,
        location: MediaLocation,
        header: VideoHeader,
        rotation_deg: int,
        outputs: tuple[Output, ...],
        cuts: list[int],
        folder: Path,
        keep_pts: Collection[int],
        picture_pts: Collection[int],
    ) -> None:
        self.location, self.header, self.outputs = location, header, outputs
        self.rotation_deg = rotation_deg
        self.bounds = list(zip([None, *cuts], [*cuts, None], strict=True))
        self.folder = folder
        self.frames_done = [0] * len(self.bounds)
        self.last_wanted = len(self.bounds)
        self.keep_pts = frozenset(keep_pts)
        self.kept: dict[int, ByteArray] = {}
        self.picture_pts = frozenset(picture_pts)
        self.pictures: dict[int, ByteArray] = {}
        self.shift = -min(0, header.start_pts)

    def part(self, number: int, index: int) -> Path:
        """Return where segment ``index`` of output ``number`` is written; a lone segment is the output itself."""
        return self.outputs[number].path if len(self.bounds) == 1 else self.folder / f"{number}_{index}.mp4"

    def write_segment(self, index: int) -> NDArray[np.int64]:
        """Write one segment of every output and return its pts."""
        try:
            return self._write(index)
        except BaseException:
            self.last_wanted = min(self.last_wanted, index)
            raise

    def _write(self, index: int) -> NDArray[np.int64]:
        found: list[int] = []
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(self._writer(number, index)) for number in range(len(self.outputs))]
            canvases = [empty_frame(output.width, output.height) for output in self.outputs]
            for frame in decode_frames(self.location, *self.bounds[index]):
                if index > self.last_wanted:
                    raise concurrent.futures.CancelledError
                planes = turned(frame_planes(frame), self.rotation_deg)
                for output, writer, (made, into) in zip(self.outputs, writers, canvases, strict=True):
                    if not found:
                        writer.copy_colours(frame)
                    output.maker(planes, into)
                    writer.write(made, frame.pts + self.shift)
                if frame.pts in self.keep_pts:
                    self.kept[frame.pts] = planes[0].copy()
                if frame.pts in self.picture_pts:
                    self.pictures[frame.pts] = planes_to_rgb(canvases[0][1], full_range=self.header.full_range)
                found.append(frame.pts)
                self.frames_done[index] = len(found)
        return np.array(found, dtype=np.int64)

    def _writer(self, number: int, index: int) -> VideoWriter:
        output = self.outputs[number]
        return VideoWriter(
            self.part(number, index),
            output.width,
            output.height,
            self.header.time_base,
            self.header.average_rate,
            output.options,
        )


def _watch(futures: list[concurrent.futures.Future[Any]], job: _Job, progress: Progress | None) -> None:
    pending: set[concurrent.futures.Future[Any]] = set(futures)
    while pending:
        _, pending = concurrent.futures.wait(pending, timeout=_REPORT_EVERY_S)
        if progress is not None:
            progress(sum(job.frames_done), job.header.packet_count)


@contextlib.contextmanager
def _segment_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder for segments, named so that it is known as abandoned when its writer was killed."""
    folder = temporary_name(parent / "segments")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own: the segments are what runs in parallel."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
