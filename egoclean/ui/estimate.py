"""How long a run will take: amounts of footage, and rates from earlier runs of the project or stated ones.

Plain functions without streamlit. A rate counts only what a run really did: what it found finished took no time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from egoclean.config import STAGE_RATES, ScoreConfig
from egoclean.store.runs import RunInfo, read_events

STAGES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "ingest": (("ingest",), "clips"),
    "rectify": (("rectify",), "megapixels"),
    "score and embed": (("score", "embed"), "windows"),
    "structure": (("structure",), "clips"),
}
"""What takes time, in order: verbs that work at the same time are one stage. And the unit its work is counted in."""

FEWEST: Final[Mapping[str, float]] = {"clips": 5, "megapixels": 1000, "windows": 100}
"""Work a run must have done for its rate to count: with less, the start of the processes is most of the time."""

ASSUMED_SIZE_PX: Final = (1920, 1080)
ASSUMED_RATE: Final = 30.0
RECORD_FRAMES: Final = 16
_RUNS_LOOKED_AT: Final = 5


@dataclass(frozen=True, slots=True)
class Footage:
    """An amount of footage in the units of :data:`STAGES`; ``duration_s`` is its time on the clock."""

    clips: float = 0.0
    megapixels: float = 0.0
    windows: float = 0.0
    duration_s: float = 0.0

    def __add__(self, other: Footage) -> Footage:
        return Footage(
            self.clips + other.clips,
            self.megapixels + other.megapixels,
            self.windows + other.windows,
            self.duration_s + other.duration_s,
        )

    def times(self, factor: float) -> Footage:
        """Return ``factor`` times as much of everything."""
        return Footage(*(factor * value for value in (self.clips, self.megapixels, self.windows, self.duration_s)))


@dataclass(frozen=True, slots=True)
class StageRate:
    """Units a second of one stage; how much was done when it was measured, and when, None for a stated rate."""

    per_s: float
    measured_at: float | None = None
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """What one stage will take: ``seconds`` for ``amount`` of ``unit`` at ``rate``."""

    stage: str
    amount: float
    unit: str
    rate: StageRate
    seconds: float


def video_footage(
    duration_s: float, config: ScoreConfig, *, frame_rate: float = 0.0, width: int = 0, height: int = 0
) -> Footage:
    """Return one video as footage; what is not known of it is taken as 1920 x 1080 at 30 pictures a second."""
    rate = frame_rate or ASSUMED_RATE
    pixels = (width or ASSUMED_SIZE_PX[0]) * (height or ASSUMED_SIZE_PX[1])
    frames = duration_s * rate
    fitting = (duration_s - config.window_s(rate)) / config.stride_s
    windows = math.floor(fitting + 1e-6) + 1 if fitting >= 0 else 0
    return Footage(1.0, frames * pixels / 1e6, float(windows), duration_s)


def records_footage(frame_count: int, duration_s: float = 0.0, size_px: tuple[int, int] = ASSUMED_SIZE_PX) -> Footage:
    """Return a frame manifest's clip as footage: each record of 16 pictures is a window."""
    width, height = size_px
    return Footage(1.0, frame_count * width * height / 1e6, frame_count / RECORD_FRAMES, duration_s)


def catalog_footage(facts: Mapping[str, Any], config: ScoreConfig) -> Footage:
    """Return a clip of the catalog, given its facts, as footage."""
    duration_s, size = float(facts.get("duration_s") or 0.0), (facts.get("width") or 0, facts.get("height") or 0)
    if facts.get("kind") == "frames":
        return records_footage(int(facts.get("frame_count") or 0), duration_s, size if all(size) else ASSUMED_SIZE_PX)
    rate = float(facts.get("frame_rate") or 0.0)
    return video_footage(duration_s, config, frame_rate=rate, width=size[0], height=size[1])


def measured_rates(
    runs: Sequence[RunInfo], clips: Mapping[str, Mapping[str, Any]], config: ScoreConfig
) -> dict[str, StageRate]:
    """Return the rate of each stage in the newest of the last runs that did enough in it, see :data:`FEWEST`.

    Parameters
    ----------
    runs : newest first.
    clips : the catalog's facts by clip id; a stage that worked on a clip that is gone has no rate.
    config : windows are counted by it; runs that asked for other models say nothing of the stage that runs them.
    """
    found: dict[str, StageRate] = {}
    for run in runs[:_RUNS_LOOKED_AT]:
        seconds = {stage.verb: stage.seconds for stage in run.stages if stage.state == "done"}
        ended = [event for event in read_events(run.folder) if event.get("status") == "done"]
        for stage, (verbs, unit) in STAGES.items():
            if stage in found or not all(seconds.get(verb) for verb in verbs):
                continue
            if stage == "score and embed" and _models(run.command, config.models) != config.models:
                continue
            done = {event["clip_id"] for event in ended if event["verb"] == verbs[-1]}
            if done and done <= clips.keys():
                amount = sum(getattr(catalog_footage(clips[clip_id], config), unit) for clip_id in done)
                spent_s = max(seconds[verb] for verb in verbs)
                if amount >= FEWEST[unit]:
                    found[stage] = StageRate(amount / spent_s, run.started_at, amount)
    return found


def estimate(footage: Footage, measured: Mapping[str, StageRate], models: str) -> tuple[StageEstimate, ...]:
    """Return what each stage will take, at its measured rate or else the stated one for ``models``.

    No stage takes less than its start does.
    """
    stages = []
    for stage, (_, unit) in STAGES.items():
        stated_per_s, start_s = STAGE_RATES[f"{stage}, {models}" if unit == "windows" else stage]
        rate = measured.get(stage, StageRate(stated_per_s))
        amount = float(getattr(footage, unit))
        stages.append(StageEstimate(stage, amount, unit, rate, max(start_s, amount / rate.per_s)))
    return tuple(stages)


def whole(parts: Iterable[Footage]) -> Footage:
    """Return the sum of ``parts``."""
    return sum(parts, Footage())


def _models(command: Sequence[str], otherwise: str) -> str:
    words = [*command, ""]
    for word, following in itertools.pairwise(words):
        if word == "--models":
            return following
        if word.startswith("--models="):
            return word.removeprefix("--models=")
    return otherwise
