"""One frozen configuration per verb: the only place where a default lives.

Command line flags, page widgets and cache keys are derived from these fields. Each field carries its help text and
its limits in its metadata; ``keyed=False`` marks what changes how fast a result comes, not what it is, so that it is
recorded but stays out of the cache key.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from egoclean.errors import UsageError

ConfigType = TypeVar("ConfigType")


def option(
    default: Any,
    help_text: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    keyed: bool = True,
    environment: str | None = None,
    flag: str | None = None,
) -> Any:
    """Declare one configuration field with its default, help, limits and whether it is part of the cache key.

    ``environment`` names a variable that beats the default; ``flag`` is the option's name where it is not the field's.
    """
    metadata = {
        "help": help_text,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "keyed": keyed,
        "environment": environment,
        "flag": flag,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class IngestConfig:
    """What is read from a source and how it is checked."""

    licence: str | None = option(None, "Licence of the footage, written into every manifest row.", keyed=False)
    factory: str | None = option(None, "Take clips of this factory only (hub and Egocentric layouts).", keyed=False)
    worker: str | None = option(None, "Take clips of this worker only (hub and Egocentric layouts).", keyed=False)
    clips: int | None = option(None, "Take at most this many clips of each source.", minimum=1, keyed=False)
    camera: str = option("CAM_FRONT", "nuScenes camera channels to read, separated by commas.", keyed=False)
    data_root: str | None = option(None, "Folder that relative frame paths of a manifest start from.", keyed=False)
    match: str | None = option(
        None, "Take clips whose id matches this pattern only, for instance '*_00003.mp4'.", keyed=False
    )
    nuscenes_frames: str = option(
        "keyframes", "nuScenes frames to read: annotated keyframes or all.", choices=("keyframes", "all"), keyed=False
    )
    nuscenes_rate_hz: float | None = option(
        None, "Read nuScenes frames at about this rate instead.", minimum=0.1, maximum=100.0, keyed=False
    )
    salvage: str = option(
        "none",
        "What is used of a damaged or cut video: nothing, or the whole frames before the first damage.",
        choices=("none", "prefix"),
    )
    verify_source: bool = option(False, "Fetch whole files from the hub and check its SHA-256.", keyed=False)
    keep_raw: bool = option(False, "Keep what was fetched from the hub after it was rectified.", keyed=False)


@dataclass(frozen=True)
class RectifyConfig:
    """Geometry and encoding of view.mp4 and, on request, of the full-size rectified video."""

    projection: str = option("pinhole", "Projection of the rectified picture.", choices=("pinhole", "cylindrical"))
    hfov_deg: float | None = option(
        None,
        "Horizontal field of view of the rectified picture, degrees; the default is chosen from the lens.",
        minimum=10.0,
        maximum=175.0,
        flag="hfov",
    )
    balance: float | None = option(
        None,
        "Choose the new camera as OpenCV's fisheye balance does, instead of by field of view.",
        minimum=0.0,
        maximum=1.0,
    )
    view_max_lines: int = option(480, "Greatest height of view.mp4, pixels.", minimum=64, maximum=2160)
    view_keyframe_s: float = option(0.5, "Seconds between keyframes of view.mp4.", minimum=0.1, maximum=10.0)
    view_crf: int = option(23, "x264 quality of view.mp4, lower is better.", minimum=0, maximum=51)
    view_preset: str = option(
        "superfast",
        "x264 preset of view.mp4.",
        choices=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium"),
    )
    full: bool = option(False, "Also write the full-size rectified video.")
    full_crf: int = option(30, "x264 quality of the full-size video, lower is better.", minimum=0, maximum=51)
    full_preset: str = option(
        "superfast",
        "x264 preset of the full-size video.",
        choices=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium"),
    )

    def __post_init__(self) -> None:
        if self.hfov_deg is not None and self.balance is not None:
            raise UsageError(
                f"hfov ({self.hfov_deg:g} degrees) and balance ({self.balance:g}) both choose the new camera.",
                "Give one of the two.",
            )


@dataclass(frozen=True)
class WindowConfig:
    """The grid that every signal of a clip stands on."""

    window_frames: int = option(64, "Frames of a window of video.", minimum=2, maximum=1024)
    stride_s: float = option(1.0, "Seconds from one window's start to the next.", minimum=0.05, maximum=3600.0)
    window_fps: float | None = option(
        None,
        "Pictures a second within a window of video: window-frames at this rate; V-JEPA 2 was trained at 4. Without it "
        "a window is consecutive frames.",
        minimum=0.1,
        maximum=240.0,
    )

    def window_s(self, frame_rate: float) -> float:
        """Return how long a window of video of ``frame_rate`` frames a second lasts, in seconds."""
        return self.window_frames / (self.window_fps or frame_rate)


@dataclass(frozen=True)
class ModelConfig:
    """Which models run, where and in which number format.

    ``dtype`` is what is asked for; the format that it comes to is part of a result's key.
    """

    models: str = option(
        "small",
        "Models to use: small ones that come with egoclean, or the full published ones.",
        choices=("small", "full"),
    )
    device: str = option("auto", "Where models run.", choices=("auto", "cpu", "cuda", "mps"), keyed=False)
    dtype: str = option(
        "auto",
        "Number format models compute in; auto is float16 on CUDA, bfloat16 for VideoMAE on a CPU with units for it, "
        "else float32.",
        choices=("auto", "float32", "bfloat16", "float16"),
        keyed=False,
    )
    batch: int = option(
        0,
        "Windows a model sees at once, halved where memory does not suffice; 0 is 16 on CUDA and 4 elsewhere.",
        minimum=0,
        maximum=256,
        keyed=False,
    )


@dataclass(frozen=True)
class ScoreConfig(WindowConfig, ModelConfig):
    """VideoMAE reconstruction score: mean squared error of the masked patches, in the model's normalised space."""

    masks: int = option(2, "Masks a window is scored with; their visible patches never overlap.", minimum=1, maximum=14)
    mask: str = option(
        "tube",
        "Masking: tubes through time as in training, or random tokens as the published pipeline had.",
        choices=("tube", "random"),
    )
    crop: str = option("center", "How a frame is made square.", choices=("center", "squash", "pad"))
    seed: int = option(42, "Seed of the masks.", minimum=0, maximum=2**32 - 1, environment="SEED")


@dataclass(frozen=True)
class EmbedConfig(WindowConfig, ModelConfig):
    """V-JEPA 2 embeddings of each window, mean-pooled and as tokens pooled over space."""

    surprise: bool = option(
        False,
        "Also measure how far each window is from what the model predicts of its future: half as much work again.",
    )
    frames: int = option(
        64, "Frames of a window that the model sees, evenly spaced.", choices=(), minimum=2, maximum=64
    )
    crop: str = option("center", "How a frame is made square.", choices=("center", "squash", "pad"))


@dataclass(frozen=True)
class StructureConfig:
    """Temporal structure of one clip: change, self-similarity, period, cycles, segments and anomalies."""

    smoothing: float = option(
        0.15, "Weight of the newest value in the moving average of the anomaly score.", minimum=0.01, maximum=1.0
    )
    debounce: int = option(3, "Windows that must agree before an anomaly starts or ends.", minimum=1, maximum=100)
    minimum_anomaly_s: float = option(3.0, "Shortest anomaly, seconds.", minimum=0.0, maximum=3600.0)


@dataclass(frozen=True)
class SelectConfig:
    """Which windows are chosen, how many and why."""

    budget: str = option("10%", "How much to choose: a count (100), a share (10%) or a duration (30min, 2h, 90s).")
    strategy: str = option(
        "knn",
        "How windows are chosen.",
        choices=("knn", "kcenter", "facility", "cluster", "score", "uniform", "random"),
    )
    neighbours: int = option(
        0,
        "Neighbours a row keeps in the kNN graph; 0 chooses it from the number of rows, 50 to 200.",
        minimum=0,
        maximum=4096,
    )
    signal: str = option(
        "score",
        "What a row is worth: a signal or an expression over signals (0.7*score + 0.3*anomaly); 'none' is worth alike.",
    )
    calibrate_by: str = option(
        "camera",
        "Group within which a signal is ranked before it is compared.",
        choices=("none", "clip", "camera", "worker", "scene", "factory"),
    )
    calibration: str = option("rank", "How a signal is calibrated.", choices=("rank", "robust", "none"))
    value_strength: float = option(
        0.5,
        "How much the signal weighs the choice: 0 not at all, 1 gives the lowest row no weight.",
        minimum=0.0,
        maximum=1.0,
    )
    minimum_score: float | None = option(None, "Leave out windows scored below this.")
    maximum_score: float | None = option(None, "Leave out windows scored above this.")
    thresholds: str = option("", "Thresholds on any raw signal, such as: score >= 0.2, anomaly < 3")
    near_duplicate: float = option(
        0.995,
        "Windows at least this similar (cosine) to another are its near-duplicates.",
        minimum=0.0,
        maximum=1.0,
    )
    near_duplicates: str = option(
        "last",
        "What happens to near-duplicates: chosen last, left out, or treated like any window.",
        choices=("last", "drop", "keep"),
    )
    cap: str = option("", "Most a group may have: 50, 30% of what is chosen, or by name: worker_001=20, worker_002=10%")
    least_per_group: int = option(0, "Windows each group gets first, where it has them.", minimum=0)
    least_gap_s: float = option(0.0, "Least seconds between starts of two chosen windows of a clip.", minimum=0.0)
    typical_cycles: int = option(
        0, "Keep only this many typical work cycles a group, and every anomaly; 0 keeps all cycles.", minimum=0
    )
    idle_share: float = option(1.0, "Share of idle windows kept when cycles are thinned.", minimum=0.0, maximum=1.0)
    clusters: int = option(0, "Clusters of the cluster strategy; 0 takes the square root of the rows.", minimum=0)
    seed: int = option(
        42, "Seed of the strategies that draw at random.", minimum=0, maximum=2**32 - 1, environment="SEED"
    )


@dataclass(frozen=True)
class ExportConfig:
    """Form of the exported manifest."""

    format: str = option("jsonl", "Format of the manifest.", choices=("jsonl", "csv", "parquet"))


VERB_CONFIGS: Mapping[str, type[Any]] = types.MappingProxyType(
    {
        "ingest": IngestConfig,
        "rectify": RectifyConfig,
        "score": ScoreConfig,
        "embed": EmbedConfig,
        "structure": StructureConfig,
        "select": SelectConfig,
        "export": ExportConfig,
    }
)
"""The seven verbs, in the order they run, and the configuration of each."""

VERB_VERSIONS: Mapping[str, int] = types.MappingProxyType(
    {**dict.fromkeys(VERB_CONFIGS, 1), "rectify": 2, "embed": 4, "structure": 8, "select": 2}
)
"""Behaviour version of each verb: raised when the same inputs and configuration give another result."""


STAGE_RATES: Mapping[str, tuple[float, float]] = types.MappingProxyType(
    {
        "ingest": (14.0, 2.0),
        "rectify": (100.0, 4.0),
        "score and embed, small": (5.0, 15.0),
        "score and embed, full": (0.008, 60.0),
        "structure": (1.6, 5.0),
    }
)
"""Work a second and seconds to start of each stage, for estimates before a project has runs of its own.

Units: clips, megapixels of source pictures, windows, clips. Measured on a whole run over the demo (22 clips, 354
windows, 10,744 pictures of 960 x 540 and less) on two cores without a GPU; those of the full models are worked out, not
measured: some 12 TFLOP a window at 0.1 TFLOP a second.
"""


CPU_FLOP_PER_S: float = 5e10
"""Operations a second of one CPU core in float32, to say beforehand what full models cost: stated, not measured."""


def build_config(config_class: type[ConfigType], values: Mapping[str, Any], where: str) -> ConfigType:
    """Return ``config_class`` made from ``values``, every one checked.

    ``where`` names the origin of the values (a file, ``the command line``) in the error.

    Raises
    ------
    UsageError : for an unknown key, a value of another type, or a value outside its limits.
    """
    known = {item.name: item for item in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(config_class)
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{where}: unknown option {name!r}.", f"Known options: {', '.join(sorted(known))}.")
        _check_value(name, value, hints[name], known[name].metadata, where)
    checked = {name: float(value) if _wants_float(hints[name], value) else value for name, value in values.items()}
    return config_class(**checked)


def keyed_values(config: Any) -> dict[str, Any]:
    """Return the fields of ``config`` that belong in a cache key."""
    return {
        item.name: getattr(config, item.name) for item in dataclasses.fields(config) if item.metadata.get("keyed", True)
    }


def value_type(hint: Any) -> tuple[type, bool]:
    """Return ``(type, optional)`` of a field's type hint: ``float | None`` gives ``(float, True)``."""
    arguments = [item for item in typing.get_args(hint) if item is not type(None)]
    return (arguments[0], True) if arguments else (hint, False)


def _wants_float(hint: Any, value: Any) -> bool:
    return value_type(hint)[0] is float and isinstance(value, int) and not isinstance(value, bool)


def _check_value(name: str, value: Any, hint: Any, metadata: Mapping[str, Any], where: str) -> None:
    expected, optional = value_type(hint)
    if value is None and optional:
        return
    accepted: tuple[type, ...] = (int, float) if expected is float else (expected,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise UsageError(f"{where}: {name} must be of type {expected.__name__}, found {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where}: {name} must be a finite number, found {value!r}.")
    choices = metadata.get("choices") or ()
    if choices and value not in choices:
        raise UsageError(f"{where}: {name} must be one of {', '.join(choices)}; found {value!r}.")
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        raise UsageError(f"{where}: {name} must be from {low} to {high}, found {value!r}.")
