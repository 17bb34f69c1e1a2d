"""The whole way: from sources to a manifest, one verb after the other. The file to read first.

``plan`` says what would be done and why; ``run`` does it. Each clip and verb is one job with one cache key, made from
the keys of what it reads, so that what is finished is never done again and a killed run goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from egoclean.engines.local import Task, TaskResult, run_tasks
from egoclean.errors import SourceError
from egoclean.library import Library
from egoclean.records import Clip, Problem, Severity, SourceClip
from egoclean.report import Reporter, SilentReporter
from egoclean.store.cache import Cache
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.keys import EntryKey
from egoclean.store.project import Project, Settings
from egoclean.tables import clip_row, write_windows_table
from egoclean.verbs import embed, ingest, rectify, score, select, structure
from egoclean.verbs.export import export_selection
from egoclean.verbs.job import Job, Outcome, do_job
from egoclean.verbs.remote import RAW_FOLDER

CLIP_VERBS: Mapping[str, Any] = {
    "ingest": ingest,
    "rectify": rectify,
    "score": score,
    "embed": embed,
    "structure": structure,
}
"""The verbs that work clip by clip, in order, and the module of each."""

_STAGES: Sequence[tuple[tuple[str, ...], str]] = (
    (("ingest",), "cores"),
    (("rectify",), "cores"),
    (("score", "embed"), "model"),
    (("structure",), "cores"),
)
DECODER_MEMORY_BYTES = 8 << 30
"""Address space of a process that opens footage: a file that asks for more costs one clip, not the machine."""

_UNITS = {"ingest": "clips", "rectify": "frames", "score": "windows", "embed": "windows", "structure": "clips"}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One clip and one verb: the address of the result and whether it is there already."""

    clip_id: str
    verb: str
    key: EntryKey
    cached: bool


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended: counts by status over all clips and verbs, and what kept clips or windows away."""

    clips: int
    done: int
    reused: int
    rejected: int
    failed: int
    refused_inputs: int
    chosen: int = 0
    manifest: Path | None = None
    reasons: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 all done, 1 something failed, 3 done but some clips or lines were rejected."""
        if self.failed:
            return 1
        return 3 if self.rejected or self.refused_inputs else 0

    def sentence(self) -> str:
        """Return what happened in one or two sentences."""
        text = f"{self.clips} clips: {self.done} steps done, {self.reused} found finished"
        if self.rejected or self.failed or self.refused_inputs:
            text += f", {self.rejected} clips rejected, {self.failed} failed, {self.refused_inputs} inputs refused"
        return f"{text}. {self.chosen} windows chosen." if self.manifest else f"{text}."


@dataclass
class _Run:
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


def discover_clips(sources: Sequence[str], settings: Settings) -> tuple[list[SourceClip], list[Problem]]:
    """Return the clips that all ``sources`` offer, in order, and notes about what is not among them.

    Raises
    ------
    SourceError : a source is not there, or two sources hold a clip of the same id.
    """
    from egoclean.sources.discover import discover

    clips: dict[str, SourceClip] = {}
    notes: list[Problem] = []
    for source in sources:
        found = discover(source, settings.ingest)
        notes.extend(found.notes)
        for clip in found.clips:
            if clip.clip_id in clips:
                raise SourceError(
                    f"Two sources hold a clip {clip.clip_id}: {clips[clip.clip_id].source_uri} and {clip.source_uri}.",
                    "Give their common parent folder as the source, or rename one of the folders.",
                )
            clips[clip.clip_id] = clip
    return list(clips.values()), notes


def plan(project: Project, settings: Settings, sources: Sequence[str]) -> list[PlannedStep]:
    """Return every clip and verb with the key of its result and whether it is in the cache; nothing is made.

    Verbs that a rejected clip does not reach are left out.
    """
    clips, _ = discover_clips(sources, settings)
    cache = Cache(project.cache_root())
    steps = []
    for clip in (ingest.fingerprinted(source, cache.root, settings.ingest) for source in clips):
        for verb, key in _clip_keys(clip, settings).items():
            entry = cache.get(key)
            steps.append(PlannedStep(clip.clip_id, verb, key, entry is not None))
            if entry is not None and entry.rejection is not None:
                break
    return steps


def run(
    project: Project,
    settings: Settings,
    sources: Sequence[str],
    reporter: Reporter | None = None,
    *,
    until: str = "export",
    workers: int | None = None,
    on_discovered: Callable[[], None] | None = None,
) -> RunSummary:
    """Do every verb up to ``until`` for every clip of ``sources``; return how it ended.

    A clip that is rejected, or whose job fails, is recorded with its reason and the others go on. ``on_discovered`` is
    called once all sources were found to be there.

    Raises
    ------
    EgocleanError : nothing could be started, or the disk is full; what is finished is kept.
    """
    select.check_options(settings.select)
    state = _Run(project, settings, reporter or SilentReporter(), Library(project))
    state.library.cache.sweep()
    source_clips, notes = discover_clips(sources, settings)
    if on_discovered is not None:
        on_discovered()
    for note in notes:
        state.reporter.note(note.message)
    clips = _fingerprint(state, source_clips, workers)
    state.library.catalog.replace_clips([clip_row(clip) for clip in clips], [note.message for note in notes])
    _forget_outdated(state, clips)
    for verbs, resource in _STAGES:
        clips = _stage(state, clips, verbs, _worker_count(resource, workers))
        if "rectify" in verbs and not settings.ingest.keep_raw:
            _discard_fetched(state, clips)
        if "rectify" in verbs or "ingest" in verbs:
            state.library.catalog.replace_clips(
                [clip_row(clip, state.library) for clip in clips], [note.message for note in notes]
            )
        if until in verbs:
            break
    write_windows_table(state.library, clips)
    refused = sum(note.severity is Severity.REJECTION for note in notes)
    summary = RunSummary(clips=len(clips), refused_inputs=refused, reasons=tuple(state.reasons), **state.counts)  # type: ignore[arg-type]
    return _choose(state, summary, until) if until in ("select", "export") else summary


def _choose(state: _Run, summary: RunSummary, until: str) -> RunSummary:
    windows = state.library.windows()
    state.reporter.stage("select", 0, len(windows), "windows")
    view = select.select_and_save(state.library, state.settings.select)
    state.reporter.stage("select", len(windows), len(windows), "windows")
    summary = replace(summary, chosen=len(view.chosen))
    if until == "select":
        return summary
    manifest = state.project.exports / f"manifest.{state.settings.export.format}"
    export_selection(state.library, view, manifest, state.settings.export.format)
    state.reporter.stage("export", len(view.chosen), max(1, len(view.chosen)), "rows")
    return replace(summary, manifest=manifest)


def _fingerprint(state: _Run, sources: Sequence[SourceClip], workers: int | None) -> list[Clip]:
    root = state.library.cache.root
    found: dict[str, Clip] = {}
    state.reporter.stage("fingerprint", 0, len(sources), "clips")
    with ThreadPoolExecutor(_worker_count("cores", workers)) as threads:
        for clip in threads.map(lambda source: ingest.fingerprinted(source, root, state.settings.ingest), sources):
            found[clip.clip_id] = clip
            state.reporter.stage("fingerprint", len(found), len(sources), "clips")
    clips = [found[source.clip_id] for source in sources]
    for clip in clips:
        problem = next((item for item in clip.problems if item.severity is Severity.REJECTION), None)
        if problem is not None:
            _end(state, clip.clip_id, "ingest", "", StepStatus.REJECTED, problem.message, 0.0)
    return clips


def _stage(state: _Run, clips: list[Clip], verbs: tuple[str, ...], workers: int) -> list[Clip]:
    """Run ``verbs`` for every clip that is still in; return the clips with what was found out about them."""
    jobs = _jobs(state, clips, verbs)
    progress = _StageProgress(state, jobs, verbs)
    pending: dict[str, list[Job]] = {}
    for job in jobs:
        entry = state.library.cache.get(job.key)
        if entry is None:
            pending.setdefault(job.key.key, []).append(job)
        else:
            _finish(state, job, Outcome(job.key, entry.details, entry.rejection, True, 0.0), progress)
    share = max(1, workers // max(1, len(pending)))
    tasks = [Task(key, (replace(same[0], workers=share),), _timeout_s(state, same[0])) for key, same in pending.items()]
    memory_bytes = None if "score" in verbs else DECODER_MEMORY_BYTES
    results = run_tasks(
        do_job, tasks, workers, memory_bytes=memory_bytes, on_progress=progress.advance, with_progress=True
    )
    for result in results:
        for job in pending[result.key]:
            if result.value is not None:
                _finish(state, job, result.value, progress)
            else:
                _fail(state, job, result, progress)
    return [_with_facts(state, clip) for clip in clips] if "ingest" in verbs else clips


def _timeout_s(state: _Run, job: Job) -> float | None:
    """Return how long a job may take before it counts as hung; a full model on a CPU may think for hours."""
    if job.key.verb in ("score", "embed"):
        return None
    return 600.0 + state.frames.get(job.clip.clip_id, 0)


def _clip_keys(clip: Clip, settings: Settings) -> dict[str, EntryKey]:
    """Return the key of every verb's result for a clip under ``settings``; none for a clip that is rejected."""
    keys: dict[str, EntryKey] = {}
    for verb, module in CLIP_VERBS.items() if not clip.rejected else ():
        keys[verb] = module.key(clip, {done: key.key for done, key in keys.items()}, getattr(settings, verb))
    return keys


def _forget_outdated(state: _Run, clips: Iterable[Clip]) -> None:
    """Forget steps of other bytes or other settings, so that no result of theirs reaches a table or a manifest."""
    keep = [(clip_id, "ingest", "") for clip_id in state.stopped]
    for clip in clips:
        keep += [(clip.clip_id, verb, key.key) for verb, key in _clip_keys(clip, state.settings).items()]
    state.library.catalog.keep_steps(keep)


def _jobs(state: _Run, clips: Iterable[Clip], verbs: tuple[str, ...]) -> list[Job]:
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

    def __init__(self, state: _Run, jobs: Sequence[Job], verbs: tuple[str, ...]) -> None:
        self._state = state
        self._sizes = {job.key.key: _job_size(state, job) for job in jobs}
        self._verb_of = {job.key.key: job.key.verb for job in jobs}
        self._done: dict[str, float] = dict.fromkeys(self._sizes, 0.0)
        for verb in verbs:
            self._report(verb)

    def advance(self, key: str, done: int, total: int) -> None:
        """A job has done ``done`` of its ``total`` steps."""
        self._done[key] = self._sizes[key] * done / max(1, total)
        self._report(self._verb_of[key])

    def end(self, key: str) -> None:
        """A job has ended."""
        self._done[key] = self._sizes[key]
        self._report(self._verb_of[key])

    def _report(self, verb: str) -> None:
        keys = [key for key, of in self._verb_of.items() if of == verb]
        done, total = sum(self._done[key] for key in keys), sum(self._sizes[key] for key in keys)
        self._state.reporter.stage(verb, round(done, 2), total, _UNITS[verb])


def _job_size(state: _Run, job: Job) -> float:
    frames = state.frames.get(job.clip.clip_id, 1)
    if _UNITS[job.key.verb] == "frames":
        return float(frames)
    if _UNITS[job.key.verb] == "windows":
        records = len(job.clip.source.frame_records)
        rate = job.clip.header.average_rate if job.clip.header else None
        return float(
            records or max(1, round((frames - job.config.window_frames) / float(rate or 30) / job.config.stride_s))
        )
    return 1.0


def _finish(state: _Run, job: Job, outcome: Outcome, progress: _StageProgress) -> None:
    progress.end(job.key.key)
    if outcome.rejection is not None:
        reason = str(outcome.rejection["message"])
        _end(state, job.clip.clip_id, job.key.verb, job.key.key, StepStatus.REJECTED, reason, outcome.seconds)
        return
    state.counts["reused" if outcome.reused else "done"] += 1
    _record(state, job, StepStatus.DONE, str(outcome.details.get("reason", "")), outcome)


def _fail(state: _Run, job: Job, result: TaskResult, progress: _StageProgress) -> None:
    progress.end(job.key.key)
    reason = result.error.message if result.error else "unknown failure"
    _end(state, job.clip.clip_id, job.key.verb, job.key.key, StepStatus.FAILED, reason, 0.0)


def _record(state: _Run, job: Job, status: StepStatus, reason: str, outcome: Outcome) -> None:
    row = StepRow(job.clip.clip_id, job.key.verb, job.key.key, status, reason, outcome.details)
    state.library.catalog.record([row])
    if not outcome.reused:
        state.reporter.clip(job.key.verb, job.clip.clip_id, str(status), reason, outcome.seconds)


def _end(state: _Run, clip_id: str, verb: str, key: str, status: StepStatus, reason: str, seconds: float) -> None:
    """Take a clip out of the run, with the reason."""
    state.stopped.add(clip_id)
    state.counts["rejected" if status is StepStatus.REJECTED else "failed"] += 1
    state.reasons.append(f"{clip_id}: {verb}: {reason}")
    state.library.catalog.record([StepRow(clip_id, verb, key, status, reason)])
    state.reporter.clip(verb, clip_id, str(status), reason, seconds)


def _with_facts(state: _Run, clip: Clip) -> Clip:
    entry = state.library.entry(clip.clip_id, "ingest")
    if entry is None:
        return clip
    facts = ingest.read_facts(entry.details)
    state.frames[clip.clip_id] = facts.frame_count or sum(len(r.frame_paths) for r in clip.source.frame_records)
    return replace(clip, header=facts.header, problems=(*clip.problems, *facts.problems))


def _discard_fetched(state: _Run, clips: Sequence[Clip]) -> None:
    """Delete what was fetched from the hub for clips whose view was made and verified."""
    remote = [clip.source for clip in clips if clip.source.remote and state.library.entry(clip.clip_id, "rectify")]
    if remote:
        from egoclean.sources.hub_fetch import discard_fetched

        discard_fetched(remote, state.library.cache.root / RAW_FOLDER)


def _worker_count(resource: str, wanted: int | None) -> int:
    return 1 if resource == "model" else wanted or os.cpu_count() or 1
