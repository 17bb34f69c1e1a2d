"""The nouns: frozen records that flow between the verbs.

Times are presentation times (pts). ``*_pts`` are integers in the stream's ``time_base``; ``*_s`` are seconds
counted from the clip's first frame; intervals are half-open ``[start, stop)``; pixel sizes are width, height.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

import cattrs


class Severity(StrEnum):
    """How much a problem matters: a note, a warning, or the rejection of the clip."""

    NOTE = "note"
    WARNING = "warning"
    REJECTION = "rejection"


class ClipKind(StrEnum):
    """Where a clip's frames come from: a video file, or image files listed in a manifest."""

    VIDEO = "video"
    FRAMES = "frames"


class CameraModel(StrEnum):
    """Projection of a camera: Kannala-Brandt fisheye, pinhole, or cylindrical (equal angles across, pinhole down)."""

    FISHEYE = "fisheye"
    PINHOLE = "pinhole"
    CYLINDRICAL = "cylindrical"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something found wrong with a clip, and when: ``time_s`` is seconds from the first frame, or None."""

    code: str
    message: str
    severity: Severity
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A camera's calibration at ``image_width`` x ``image_height`` pixels.

    ``fx fy cx cy`` are pixels. ``k1..k4`` are the Kannala-Brandt coefficients of
    ``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)`` and mean something for
    ``CameraModel.FISHEYE`` only; they are zero for the other models.
    """

    model: CameraModel
    image_width: int
    image_height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """The four distortion coefficients ``(k1, k2, k3, k4)``."""
        return self.k1, self.k2, self.k3, self.k4


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """The bytes of one video: a whole file, or ``size_bytes`` of an uncompressed archive from ``offset_bytes``.

    ``last_pts`` is the pts of the last frame that is read of a video whose rest is damaged or missing, else None.
    """

    path: str
    offset_bytes: int = 0
    size_bytes: int | None = None
    last_pts: int | None = None


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What the container says, plus the packet times: known without decoding, and only as true as the file is.

    ``frame_count_header`` is the container's own count, None where it has none; ``packet_count`` is counted.
    ``full_range`` says that black is 0 and white 255 rather than 16 and 235.
    """

    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation_deg: int
    time_base: Fraction
    average_rate: Fraction | None
    frame_count_header: int | None
    packet_count: int
    start_pts: int
    duration_s: float
    bit_rate: int | None
    interlaced: bool = False
    full_range: bool = False


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One line of a frame manifest: 16 images that make one window, with their times when known.

    ``timestamps_s`` counts from the first frame of the clip; ``carried`` is every other field of the line.
    ``line`` is the line's number in its manifest, from 1.
    """

    frame_paths: tuple[str, ...]
    stored_paths: tuple[str, ...]
    timestamps_s: tuple[float, ...] | None
    line: int
    carried: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """The bytes of one video on the hub: ``size_bytes`` of ``path`` from ``offset_bytes``, at one commit.

    ``file_sha256`` is the hub's digest of the whole file, ``file_size_bytes`` its length; the intrinsics of the
    clip's worker lie at ``intrinsics_path`` of the same commit.
    """

    repository: str
    commit: str
    path: str
    offset_bytes: int
    size_bytes: int
    file_size_bytes: int
    file_sha256: str | None = None
    intrinsics_path: str | None = None


@dataclass(frozen=True, slots=True)
class SourceClip:
    """A clip that a source offers, before any of its bytes were read.

    ``clip_id`` is unique in its source: the path below the source's root, with ``#member`` for an archive member.
    ``remote`` is where the bytes of a clip on the hub are; its ``location`` stays None until it was fetched.
    """

    clip_id: str
    kind: ClipKind
    source_uri: str
    location: MediaLocation | None = None
    frame_records: tuple[FrameRecord, ...] = ()
    intrinsics_path: str | None = None
    intrinsics: Intrinsics | None = None
    scene: str | None = None
    camera: str | None = None
    factory: str | None = None
    worker: str | None = None
    licence: str | None = None
    expected_sha256: str | None = None
    carried: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remote: RemoteLocation | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One source video, or one camera of one scene in a frame manifest, after ingestion.

    ``sha256`` is the fingerprint of the video's bytes (of the list of image fingerprints for frames); two clips may
    share it. ``header`` is None for frames and for videos that could not be opened.
    """

    source: SourceClip
    sha256: str
    header: VideoHeader | None
    problems: tuple[Problem, ...] = ()

    @property
    def clip_id(self) -> str:
        """The id, unique in a project."""
        return self.source.clip_id

    @property
    def rejected(self) -> bool:
        """Whether any problem rejects the clip."""
        return any(problem.severity is Severity.REJECTION for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Window:
    """``[start_s, stop_s)`` of a clip; what it says stands at its centre.

    ``first_frame`` is the index of its first frame in decoding order and ``frame_count`` how many it spans.
    ``record_index`` is the index of its frame record for a manifest, None for a video.
    """

    index: int
    start_s: float
    stop_s: float
    start_pts: int
    stop_pts: int
    first_frame: int
    frame_count: int
    record_index: int | None = None

    @property
    def centre_s(self) -> float:
        """Seconds of the middle of the window."""
        return (self.start_s + self.stop_s) / 2


@dataclass(frozen=True, slots=True)
class DroppedWindow:
    """A window that the grid would hold but that cannot be filled, and why."""

    start_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Span:
    """A detected stretch of a clip: an anomaly, a cycle or a segment, with its evidence in ``details``."""

    start_s: float
    stop_s: float
    label: str
    details: Mapping[str, Any] = field(default_factory=dict)


def to_plain(value: Any) -> Any:
    """Return ``value`` as JSON-ready plain data: dataclasses become dicts, enums strings, fractions ``"n/d"``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def clip_from_plain(value: Mapping[str, Any]) -> Clip:
    """Return the clip that :func:`to_plain` made ``value`` of."""
    return _converter().structure(value, Clip)


def header_from_plain(value: Mapping[str, Any]) -> VideoHeader:
    """Return the header that :func:`to_plain` made ``value`` of."""
    return _converter().structure(value, VideoHeader)


def problem_from_plain(value: Mapping[str, Any]) -> Problem:
    """Return the problem that :func:`to_plain` made ``value`` of."""
    return _converter().structure(value, Problem)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Fraction, lambda text, _: Fraction(text))
    return converter
