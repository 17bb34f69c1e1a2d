"""One clip and one verb, ready to be done in any process: a job names its inputs, its key and its cache."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from egoclean.errors import IntrinsicsError, MediaError, ModelError
from egoclean.records import Clip
from egoclean.store.cache import Cache, Entry
from egoclean.store.keys import EntryKey

ProgressCallback = Callable[[int, int], None]

_MAKERS = {verb: f"egoclean.verbs.{verb}" for verb in ("ingest", "rectify", "score", "embed", "structure")}


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a process needs to make one cache entry.

    ``inputs`` maps a verb to the key of the entry this job reads. ``workers`` is how many cores it may use: parts of a
    long clip worked on at once, or threads of a network.
    """

    cache_root: Path
    key: EntryKey
    clip: Clip
    config: Any
    inputs: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1

    def input_entry(self, cache: Cache, verb: str) -> Entry:
        """Return the entry of an input, which an earlier stage made.

        Raises
        ------
        MediaError : the entry is gone; running again makes it.
        """
        entry = cache.find(verb, self.inputs[verb])
        if entry is None:
            raise MediaError(
                f"{self.clip.clip_id}: the result of {verb} is not in the cache.", "Run again.", code="input_missing"
            )
        return entry


@dataclass(frozen=True, slots=True)
class Made:
    """What a verb found out (``details``, part of the result) and what it merely recorded (device, timings)."""

    details: Mapping[str, Any]
    recorded: Mapping[str, Any] = field(default_factory=dict)


class Maker(Protocol):
    """A verb's ``make``: writes data files into ``folder`` and says what they mean."""

    def __call__(self, job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
        """Make the entry's files."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: the entry's details, or why the clip was rejected; ``reused`` when it was there already.

    ``recorded`` is what was merely measured while it was made, such as the device.
    """

    key: EntryKey
    details: Mapping[str, Any]
    rejection: Mapping[str, Any] | None
    reused: bool
    seconds: float
    recorded: Mapping[str, Any] = field(default_factory=dict)


def do_job(job: Job, progress: ProgressCallback | None = None) -> Outcome:
    """Make the job's cache entry unless it is there; a clip that cannot be used becomes a rejection, kept as well.

    Runs in a worker process; safe to run twice at once: the second waits for the first and takes its result.
    """
    started = time.monotonic()
    cache = Cache(job.cache_root)
    recorded: Mapping[str, Any] = {}
    with cache.lock(job.key):
        entry = cache.get(job.key)
        if entry is not None:
            return Outcome(job.key, entry.details, entry.rejection, True, 0.0)
        with cache.building(job.key) as folder:
            make: Maker = importlib.import_module(_MAKERS[job.key.verb]).make
            try:
                made = make(job, cache, folder, progress)
                recorded = {**made.recorded, "seconds": time.monotonic() - started}
                entry = cache.publish(job.key, folder, made.details, recorded=recorded)
            except (MediaError, IntrinsicsError) as error:
                if getattr(error, "code", "") == "input_missing":
                    raise
                entry = cache.publish(job.key, _emptied(folder), {}, rejection=rejection_of(error))
        cache.drop_partial(job.key)
    return Outcome(job.key, entry.details, entry.rejection, False, time.monotonic() - started, recorded)


def rejection_of(error: MediaError | IntrinsicsError | ModelError) -> dict[str, Any]:
    """Return the record of why a clip was rejected."""
    code = error.code if isinstance(error, MediaError) else "bad_intrinsics"
    time_s = error.time_s if isinstance(error, MediaError) else None
    return {"code": code, "message": str(error), "time_s": time_s}


def _emptied(folder: Path) -> Path:
    for path in folder.iterdir():
        path.unlink()
    return folder
