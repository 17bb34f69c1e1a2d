"""The whole way: from sources to a manifest, one verb after the other. The file to read first.

``plan`` says what would be done and why; ``run`` does it. Each clip and verb is one job with one cache key, made from
the keys of what it reads, so that what is finished is never done again and a killed run goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from egoclean.errors import SourceError, UsageError
from egoclean.library import Library
from egoclean.records import Clip, Problem, Severity, SourceClip
from egoclean.report import Reporter, SilentReporter
from egoclean.stages import CLIP_VERBS, MODEL_VERBS, RunState, end_clip, run_stage, window_count
from egoclean.store.atomic import sweep_abandoned
from egoclean.store.cache import Cache
from egoclean.store.catalog import StepStatus
from egoclean.store.keys import EntryKey
from egoclean.store.project import Project, Settings
from egoclean.tables import clip_row, write_windows_table
from egoclean.verbs import ingest, select
from egoclean.verbs.cost import full_model_notes
from egoclean.verbs.export import export_selection
from egoclean.verbs.models import device_plan
from egoclean.verbs.remote import RAW_FOLDER

_STAGES: Sequence[tuple[tuple[str, ...], str]] = (
    (("ingest",), "cores"),
    (("rectify",), "cores"),
    (MODEL_VERBS, "model"),
    (("structure",), "cores"),
)


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
    again: Sequence[str] = (),
    on_discovered: Callable[[], None] | None = None,
) -> RunSummary:
    """Do every verb up to ``until`` for every clip of ``sources``; return how it ended.

    A clip that is rejected, or whose job fails, is recorded with its reason and the others go on. ``on_discovered`` is
    called once all sources were found to be there. ``again`` names the only clips on which there is work to do, and
    forgets that they were refused; the others stay as they are.

    Raises
    ------
    UsageError : ``again`` names a clip that the sources do not hold.
    EgocleanError : nothing could be started, or the disk is full; what is finished is kept.
    """
    select.check_options(settings.select)
    state = RunState(project, settings, reporter or SilentReporter(), Library(project))
    state.library.cache.sweep()
    sweep_abandoned(project.root)
    source_clips, notes = discover_clips(sources, settings)
    if on_discovered is not None:
        on_discovered()
    for note in notes:
        state.reporter.note(note.message)
    clips = _fingerprint(state, source_clips, workers)
    state.library.catalog.replace_clips([clip_row(clip) for clip in clips], [note.message for note in notes])
    _forget_outdated(state, clips)
    _forget_refusals(state, clips, again)
    for verbs, resource in _STAGES:
        if resource == "model":
            _say_what_models_cost(state, clips)
        processes = model_processes(settings, workers) if resource == "model" else _core_count(workers)
        clips = run_stage(state, clips, verbs, processes)
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


def _say_what_models_cost(state: RunState, clips: Sequence[Clip]) -> None:
    for verb in MODEL_VERBS:
        config = getattr(state.settings, verb)
        waiting = [
            clip
            for clip in clips
            if clip.clip_id not in state.stopped
            and (key := _clip_keys(clip, state.settings).get(verb)) is not None
            and state.library.cache.get(key) is None
        ]
        windows = sum(window_count(state, clip, config) for clip in waiting)
        for note in full_model_notes(config, windows) if waiting else ():
            state.reporter.note(note)


def _choose(state: RunState, summary: RunSummary, until: str) -> RunSummary:
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


def _fingerprint(state: RunState, sources: Sequence[SourceClip], workers: int | None) -> list[Clip]:
    root = state.library.cache.root
    found: dict[str, Clip] = {}
    state.reporter.stage("fingerprint", 0, len(sources), "clips")
    with ThreadPoolExecutor(_core_count(workers)) as threads:
        for clip in threads.map(lambda source: ingest.fingerprinted(source, root, state.settings.ingest), sources):
            found[clip.clip_id] = clip
            state.reporter.stage("fingerprint", len(found), len(sources), "clips")
    clips = [found[source.clip_id] for source in sources]
    for clip in clips:
        problem = next((item for item in clip.problems if item.severity is Severity.REJECTION), None)
        if problem is not None:
            end_clip(state, clip.clip_id, "ingest", "", StepStatus.REJECTED, problem.message, 0.0)
    return clips


def _clip_keys(clip: Clip, settings: Settings) -> dict[str, EntryKey]:
    """Return the key of every verb's result for a clip under ``settings``; none for a clip that is rejected."""
    keys: dict[str, EntryKey] = {}
    for verb, module in CLIP_VERBS.items() if not clip.rejected else ():
        keys[verb] = module.key(clip, {done: key.key for done, key in keys.items()}, getattr(settings, verb))
    return keys


def _forget_outdated(state: RunState, clips: Iterable[Clip]) -> None:
    """Forget steps of other bytes or other settings, so that no result of theirs reaches a table or a manifest."""
    keep = [(clip_id, "ingest", "") for clip_id in state.stopped]
    for clip in clips:
        keep += [(clip.clip_id, verb, key.key) for verb, key in _clip_keys(clip, state.settings).items()]
    state.library.catalog.keep_steps(keep)


def _forget_refusals(state: RunState, clips: Sequence[Clip], again: Sequence[str]) -> None:
    """Make ``again`` the only clips to work on, and forget the results that say that they cannot be used."""
    by_id = {clip.clip_id: clip for clip in clips}
    for clip_id in again:
        if clip_id not in by_id:
            raise UsageError(f"The sources hold no clip {clip_id!r}.", "See the names with: egoclean status")
        for key in _clip_keys(by_id[clip_id], state.settings).values():
            entry = state.library.cache.get(key)
            if entry is not None and entry.rejection is not None:
                state.library.cache.forget(key)
    state.only = frozenset(again)


def _discard_fetched(state: RunState, clips: Sequence[Clip]) -> None:
    """Delete what was fetched from the hub for clips whose view was made and verified."""
    remote = [clip.source for clip in clips if clip.source.remote and state.library.entry(clip.clip_id, "rectify")]
    if remote:
        from egoclean.sources.hub_fetch import discard_fetched

        discard_fetched(remote, state.library.cache.root / RAW_FOLDER)


def model_processes(settings: Settings, wanted: int | None) -> int:
    """Return how many processes run networks side by side: one a core for small networks on a CPU, else one."""
    used = (settings.score, settings.embed)
    alone = any(config.models != "small" or device_plan(config.device).device != "cpu" for config in used)
    return 1 if alone else _core_count(wanted)


def _core_count(wanted: int | None) -> int:
    return wanted or os.cpu_count() or 1
