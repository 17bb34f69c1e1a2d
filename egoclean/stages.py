"""One stage of a run: the jobs of its verbs, done by worker processes, with every ending recorded."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from egoclean.config import WindowConfig
from egoclean.engines.local import Task, TaskResult, run_tasks
from egoclean.library import Library
from egoclean.records import Clip
from egoclean.report import Reporter
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.project import Project, Settings
from egoclean.verbs import embed, ingest, rectify, score, structure
from egoclean.verbs.job import Job, Outcome, do_job

CLIP_VERBS: Mapping[str, Any] = {
    "ingest": ingest,
    "rectify": rectify,
    "score": score,
    "embed": embed,
    "structure": structure,
}
"""The verbs that work clip by clip, in order, and the module of each."""

DECODER_MEMORY_BYTES = 8 << 30
"""Address space of a process that opens footage: a file that asks for more costs one clip, not the machine."""

MODEL_VERBS = ("score", "embed")
"""Verbs that run networks: in processes that stay, and without a limit on time, since a CPU may think for hours."""

WINDOWS_A_PROCESS = 100
"""Windows for which a further process that loads networks is worth its start."""

DECODER_VERBS = ("ingest", "rectify")
"""Verbs that open footage."""

DECODER_DEATHS = frozenset({"crashed", "timeout", "out_of_memory"})
"""Ways in which footage can end the process that opens it: the clip is rejected, and tried again by the next run."""

_UNITS = {"ingest": "clips", "rectify": "frames", "score": "windows", "embed": "windows", "structure": "clips"}


@dataclass
class RunState:
    """What one run knows while it works."""

    project: Project
    settings: Settings
    reporter: Reporter
    library: Library
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("done", "reused", "rejected", "failed"), 0))
    reasons: list[str] = field(default_factory=list)
    frames: dict[str, int] = field(default_factory=dict)
    only: frozenset[str] = frozenset()


def run_stage(state: RunState, clips: list[Clip], verbs: tuple[str, ...], workers: int) -> list[Clip]:
    """Run ``verbs`` for every clip that is still in; return the clips with what was found out about them.

    What is in the cache is not done again; clips with the same bytes and settings share one job.
    """
    jobs = _jobs(state, clips, verbs)
    progress = _StageProgress(state, jobs, verbs)
    pending = _left_alone(state, _reuse(state, jobs, progress), progress)
    share = _cores_a_job(verbs, workers, len(pending))
    tasks = [Task(key, (replace(same[0], workers=share),), _timeout_s(state, same[0])) for key, same in pending.items()]
    memory_bytes = None if verbs == MODEL_VERBS else DECODER_MEMORY_BYTES
    processes = min(workers, progress.processes_worth_starting(pending)) if verbs == MODEL_VERBS else workers
    results = run_tasks(
        do_job, tasks, processes, memory_bytes=memory_bytes, on_progress=progress.advance, with_progress=True
    )
    for result in results:
        for job in pending[result.key]:
            if result.value is not None:
                _finish(state, job, result.value, progress)
            else:
                _fail(state, job, result, progress)
    return [_with_facts(state, clip) for clip in clips] if "ingest" in verbs else clips


def _cores_a_job(verbs: tuple[str, ...], workers: int, jobs: int) -> int:
    """Return how many cores one job may use: for networks always the same, so that sums are taken in one order."""
    if verbs == MODEL_VERBS:
        return max(1, (os.cpu_count() or 1) // workers)
    return max(1, workers // max(1, jobs))


def _timeout_s(state: RunState, job: Job) -> float | None:
    """Return how long a job may take before it counts as hung."""
    if job.key.verb in MODEL_VERBS:
        return None
    pictures = sum(len(record.frame_paths) for record in job.clip.source.frame_records)
    return 600.0 + max(pictures, state.frames.get(job.clip.clip_id, 0))


def _jobs(state: RunState, clips: Iterable[Clip], verbs: tuple[str, ...]) -> list[Job]:
    jobs = []
    for clip in clips:
        if clip.rejected or clip.clip_id in state.stopped:
            continue
        keys = state.keys.setdefault(clip.clip_id, {})
        for verb in verbs:
            config = getattr(state.settings, verb)
            key = CLIP_VERBS[verb].key(clip, keys, config)
            keys[verb] = key.key
            jobs.append(Job(state.library.cache.root, key, clip, config, dict(keys)))
    return jobs


class _StageProgress:
    """Adds up the progress of the jobs of one stage, verb by verb, in the verb's unit."""

    def __init__(self, state: RunState, jobs: Sequence[Job], verbs: tuple[str, ...]) -> None:
        self._reporter = state.reporter
        self._sizes = {job.key.key: _job_size(state, job) for job in jobs}
        self._verb_of = {job.key.key: job.key.verb for job in jobs}
        self._done = dict.fromkeys(self._sizes, 0.0)
        self._sum_done: dict[str, float] = defaultdict(float)
        self._sum_total: dict[str, float] = defaultdict(float)
        for key, verb in self._verb_of.items():
            self._sum_total[verb] += self._sizes[key]
        self._measured: dict[str, dict[str, Any]] = defaultdict(dict)
        self._seconds: dict[str, float] = defaultdict(float)
        self._waited_s: dict[str, float] = defaultdict(float)
        for verb in verbs:
            self._report(verb)

    def advance(self, key: str, done: int, total: int) -> None:
        """A job has done ``done`` of its ``total`` steps."""
        self._set(key, self._sizes[key] * done / max(1, total))

    def end(self, key: str) -> None:
        """A job has ended."""
        self._set(key, self._sizes[key])

    def processes_worth_starting(self, keys: Iterable[str]) -> int:
        """Return how many processes these jobs fill: loading networks takes as long as many windows do."""
        return max(1, round(sum(self._sizes[key] for key in keys) / WINDOWS_A_PROCESS))

    def measure(self, verb: str, recorded: Mapping[str, Any]) -> None:
        """A job was measured: keep its device, and the share of all jobs' time spent waiting for pictures."""
        if "device" in recorded:
            self._measured[verb]["device"] = recorded["device"]
        if "waited_share" in recorded:
            self._seconds[verb] += recorded["seconds"]
            self._waited_s[verb] += recorded["waited_share"] * recorded["seconds"]
            self._measured[verb]["waited_share"] = round(self._waited_s[verb] / max(self._seconds[verb], 1e-9), 3)

    def _set(self, key: str, done: float) -> None:
        verb = self._verb_of[key]
        self._sum_done[verb] += done - self._done[key]
        self._done[key] = done
        self._report(verb)

    def _report(self, verb: str) -> None:
        done, total = round(self._sum_done[verb], 2), self._sum_total[verb]
        self._reporter.stage(verb, done, total, _UNITS[verb], **self._measured[verb])


def _job_size(state: RunState, job: Job) -> float:
    frames = state.frames.get(job.clip.clip_id, 1)
    if _UNITS[job.key.verb] == "frames":
        return float(frames)
    return window_count(state, job.clip, job.config) if _UNITS[job.key.verb] == "windows" else 1.0


def window_count(state: RunState, clip: Clip, config: WindowConfig) -> float:
    """Return about how many windows a clip has, at least one."""
    if records := len(clip.source.frame_records):
        return float(records)
    rate_hz = float((clip.header.average_rate if clip.header else None) or 30)
    duration_s = state.frames.get(clip.clip_id, 1) / rate_hz
    return float(max(1, round((duration_s - config.window_s(rate_hz)) / config.stride_s)))


def _reuse(state: RunState, jobs: Sequence[Job], progress: _StageProgress) -> dict[str, list[Job]]:
    """Record what the cache has and return the other jobs, those of one key together."""
    pending: dict[str, list[Job]] = {}
    rows = []
    for job in jobs:
        entry = state.library.cache.get(job.key)
        if entry is None:
            pending.setdefault(job.key.key, []).append(job)
        elif entry.rejection is not None:
            _finish(state, job, Outcome(job.key, entry.details, entry.rejection, True, 0.0), progress)
        else:
            state.counts["reused"] += 1
            rows.append(_done_row(job, entry.details))
            progress.end(job.key.key)
    state.library.catalog.record(rows)
    return pending


def _left_alone(state: RunState, pending: dict[str, list[Job]], progress: _StageProgress) -> dict[str, list[Job]]:
    """Return the jobs to do: where only some clips are asked for, the others wait for another run."""
    if not state.only:
        return pending
    asked = {key: same for key, same in pending.items() if any(job.clip.clip_id in state.only for job in same)}
    for key in pending.keys() - asked.keys():
        state.stopped.update(job.clip.clip_id for job in pending[key])
        progress.end(key)
    return asked


def _finish(state: RunState, job: Job, outcome: Outcome, progress: _StageProgress) -> None:
    progress.measure(job.key.verb, outcome.recorded)
    progress.end(job.key.key)
    if outcome.rejection is not None:
        reason = str(outcome.rejection["message"])
        end_clip(state, job.clip.clip_id, job.key.verb, job.key.key, StepStatus.REJECTED, reason, outcome.seconds)
        return
    state.counts["reused" if outcome.reused else "done"] += 1
    row = _done_row(job, outcome.details)
    state.library.catalog.record([row])
    if not outcome.reused:
        state.reporter.clip(job.key.verb, job.clip.clip_id, str(row.status), row.reason, outcome.seconds)


def _done_row(job: Job, details: Mapping[str, Any]) -> StepRow:
    reason = str(details.get("reason", ""))
    return StepRow(job.clip.clip_id, job.key.verb, job.key.key, StepStatus.DONE, reason, details)


def _fail(state: RunState, job: Job, result: TaskResult, progress: _StageProgress) -> None:
    progress.end(job.key.key)
    reason = result.error.message if result.error else "unknown failure"
    ended_decoder = job.key.verb in DECODER_VERBS and result.error is not None and result.error.code in DECODER_DEATHS
    status = StepStatus.REJECTED if ended_decoder else StepStatus.FAILED
    end_clip(state, job.clip.clip_id, job.key.verb, job.key.key, status, reason, 0.0)


def end_clip(
    state: RunState, clip_id: str, verb: str, key: str, status: StepStatus, reason: str, seconds: float
) -> None:
    """Take a clip out of the run, with the reason."""
    state.stopped.add(clip_id)
    state.counts["rejected" if status is StepStatus.REJECTED else "failed"] += 1
    state.reasons.append(f"{clip_id}: {verb}: {reason}")
    state.library.catalog.record([StepRow(clip_id, verb, key, status, reason)])
    state.reporter.clip(verb, clip_id, str(status), reason, seconds)


def _with_facts(state: RunState, clip: Clip) -> Clip:
    entry = state.library.entry(clip.clip_id, "ingest")
    if entry is None:
        return clip
    facts = ingest.read_facts(entry.details)
    source = clip.source
    if source.location is not None and facts.last_pts is not None:
        source = replace(source, location=replace(source.location, last_pts=facts.last_pts))
    state.frames[clip.clip_id] = facts.frame_count or sum(len(r.frame_paths) for r in clip.source.frame_records)
    return replace(clip, source=source, header=facts.header, problems=(*clip.problems, *facts.problems))
