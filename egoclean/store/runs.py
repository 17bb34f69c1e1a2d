"""Records of runs: who works on a project, how far it is, what it said. One folder a run, below ``runs/``."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from egoclean.records import to_plain
from egoclean.store.atomic import process_alive, process_started, write_json
from egoclean.store.lines import append_line, read_lines


class RunState(StrEnum):
    """How a run stands; ``lost`` means that its process is gone without saying how it ended."""

    RUNNING = "running"
    DONE = "done"
    DONE_WITH_REJECTIONS = "done, some rejected"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage of a run is: ``done`` of ``total`` in ``unit``, and what it spent on it."""

    verb: str
    done: float
    total: float
    unit: str
    seconds: float
    state: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Units a second, None before anything is done."""
        return self.done / self.seconds if self.seconds > 0 and self.done > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the stage ends, None while unknown."""
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run as the pages show it."""

    run_id: str
    folder: Path
    pid: int
    command: tuple[str, ...]
    started_at: float
    state: RunState
    message: str
    stages: tuple[StageProgress, ...]

    @property
    def log(self) -> Path:
        """The run's log: what it printed."""
        return self.folder / "log.txt"


class RunRecorder:
    """Writes one run's folder. Progress is replaced atomically, events are appended line by line."""

    def __init__(self, runs: Path, command: Sequence[str], run_id: str | None = None) -> None:
        self.run_id = run_id or f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:6]}"
        self.folder = runs / self.run_id
        self._stages: dict[str, StageProgress] = {}
        self._started: dict[str, float] = {}
        self._written = 0.0
        self.finish(RunState.RUNNING, "")
        write_json(
            self.folder / "run.json",
            {
                "run_id": self.run_id,
                "pid": os.getpid(),
                "process_started": process_started(os.getpid()),
                "command": list(command),
                "started_at": time.time(),
            },
        )

    def stage(self, verb: str, done: float, total: float, unit: str, **details: Any) -> None:
        """Record how far ``verb`` is; written at most four times a second, and when a stage starts or ends."""
        now = time.monotonic()
        first = verb not in self._started
        started = self._started.setdefault(verb, now)
        ended = done >= total
        state = "done" if ended else "running"
        kept = {**(self._stages[verb].details if verb in self._stages else {}), **details}
        self._stages[verb] = StageProgress(verb, done, total, unit, round(now - started, 3), state, kept)
        if first or ended or now - self._written > 0.25:
            self._written = now
            write_json(self.folder / "stages.json", [to_plain(stage) for stage in self._stages.values()])

    def event(self, kind: str, **values: Any) -> None:
        """Append one event: a clip that ended, a note, a failure."""
        line = json.dumps({"at": round(time.time(), 3), "kind": kind, **to_plain(values)}, ensure_ascii=False)
        append_line(self.folder / "events.jsonl", line)

    def finish(self, state: RunState, message: str) -> None:
        """Record how the run stands."""
        write_json(self.folder / "state.json", {"state": str(state), "message": message, "at": time.time()})


def list_runs(runs: Path) -> tuple[RunInfo, ...]:
    """Return the runs of a project, newest first; folders that are not runs are passed over."""
    found = []
    for folder in sorted(runs.iterdir(), reverse=True) if runs.is_dir() else ():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found.append(read_run(folder))
    return tuple(sorted(found, key=lambda run: run.started_at, reverse=True))


def read_run(folder: Path) -> RunInfo:
    """Return one run; a run that says it is running while its process is gone is ``lost``."""
    about = _read_json(folder / "run.json")
    stated = _read_json(folder / "state.json")
    state = RunState(stated["state"])
    if state is RunState.RUNNING and not _is_running(about["pid"], about.get("process_started")):
        state = RunState.LOST
    try:
        stages = tuple(StageProgress(**stage) for stage in _read_json(folder / "stages.json"))
    except FileNotFoundError:
        stages = ()
    return RunInfo(
        about["run_id"],
        folder,
        about["pid"],
        tuple(about["command"]),
        about["started_at"],
        state,
        stated["message"],
        stages,
    )


def read_events(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the events of a run in order; a torn last line is left out."""
    return tuple(json.loads(line) for line in read_lines(folder / "events.jsonl") if line)


def _is_running(pid: int, started: str | None) -> bool:
    """Whether the very process still runs that had this id and start; its id may be another's by now."""
    return process_alive(pid) and (started is None or process_started(pid) == started)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
