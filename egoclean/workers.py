"""Resident processes beside the dashboard: one draws panels with the models, one chooses from a large project."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from egoclean.config import SelectConfig
from egoclean.errors import EgocleanError
from egoclean.store.project import Project

_PANEL_TIMEOUT_S = 120.0


class PanelWorker:
    """The resident model worker of one project: a child process that draws truth-against-prediction panels.

    Models never load in the dashboard's process. The child starts at the first request and leaves after some idle
    minutes; a later request starts another.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def panel(self, clip_id: str, window: int, frame: int | None = None) -> Path:
        """Return the PNG of a window's panel.

        Raises
        ------
        EgocleanError : the panel could not be made; the sentence says why.
        """
        with self._lock:
            process = self._running()
            request = json.dumps({"clip_id": clip_id, "window": window, "frame": frame})
            if process.stdin is None or process.stdout is None:
                raise EgocleanError("The model worker has no pipes.", "Restart the dashboard.")
            # a worker that left meanwhile gives no line, which is said below
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(request + "\n")
                process.stdin.flush()
            if not select.select([process.stdout], [], [], _PANEL_TIMEOUT_S)[0]:
                process.kill()
                raise EgocleanError(f"The model worker gave no panel in {_PANEL_TIMEOUT_S:.0f} s.", "Try again.")
            line = process.stdout.readline()
        if not line:
            raise EgocleanError("The model worker stopped.", "Try again; the dashboard's terminal says why.")
        answer = json.loads(line)
        if "error" in answer:
            raise EgocleanError(answer["error"])
        return Path(answer["path"])

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            for stream in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()
            self._process = None
        if self._process is None:
            command = [sys.executable, "-m", "egoclean.panels", str(self._project.root)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._process


_panel_workers: dict[Path, PanelWorker] = {}


def request_panel(project: Project, clip_id: str, window: int, frame: int | None = None) -> Path:
    """Return the PNG of a window's truth-against-prediction panel, from the project's resident model worker."""
    return _panel_workers.setdefault(project.root, PanelWorker(project)).panel(clip_id, window, frame)


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection that was asked for: since when, whether it is being made, and why it could not be.

    ``error`` is None while it is at work or when it has ended well.
    """

    config: SelectConfig
    started_at: float
    at_work: bool
    error: EgocleanError | None


class _ChoiceWorker:
    """The resident process that chooses from one project; the newest request counts."""

    def __init__(self, project: Project) -> None:
        command = [sys.executable, "-m", "egoclean.choosing", str(project.root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._config: SelectConfig | None = None
        self._started_at, self._answer = 0.0, dict[str, Any]()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._reader.is_alive() and self._process.poll() is None

    def ask(self, config: SelectConfig) -> None:
        """Ask for a selection in place of the one asked for before."""
        self._config, self._started_at = config, time.time()
        self._send({"config": dataclasses.asdict(config)})

    def warm(self, config: SelectConfig) -> None:
        """Let it read what it needs to choose with options like these."""
        self._send({"warm": dataclasses.asdict(config)})

    def state(self) -> Choice | None:
        """Return how the selection stands that was asked for last, or None before the first."""
        if self._config is None:
            return None
        answer = self._answer
        if answer.get("config") == dataclasses.asdict(self._config):
            error = EgocleanError(answer["message"], answer["hint"]) if "message" in answer else None
            return Choice(self._config, self._started_at, False, error)
        if self._reader.is_alive():
            return Choice(self._config, self._started_at, True, None)
        ended = f"Choosing ended with status {self._process.returncode}."
        error = EgocleanError(ended, "The dashboard's terminal says why.")
        return Choice(self._config, self._started_at, False, error)

    def stop(self) -> None:
        """End it, whatever it is doing."""
        self._process.terminate()

    def _send(self, request: dict[str, Any]) -> None:
        # a process that left meanwhile gives no answer, which state() says
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).write(json.dumps(request) + "\n")

    def _listen(self) -> None:
        for line in _pipe(self._process.stdout):
            self._answer = json.loads(line)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                _pipe(stream).close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


_choice_workers: dict[Path, _ChoiceWorker] = {}


def start_choice(project: Project, config: SelectConfig) -> None:
    """Make a selection in the project's resident process, in place of one that is still being made."""
    worker = _choice_workers.get(project.root)
    if worker is None or not worker.alive:
        worker = _choice_workers[project.root] = _ChoiceWorker(project)
    worker.ask(config)


def warm_choice(project: Project, config: SelectConfig) -> None:
    """Start the resident process where there is none, so that it has read the project when it is asked."""
    worker = _choice_workers.get(project.root)
    if worker is None or not worker.alive:
        worker = _choice_workers[project.root] = _ChoiceWorker(project)
        worker.warm(config)


def stop_choice(project: Project) -> None:
    """Give up the selection that is being made."""
    worker = _choice_workers.pop(project.root, None)
    if worker is not None:
        worker.stop()


def choice(project: Project) -> Choice | None:
    """Return the selection that this process asked for last, or None."""
    worker = _choice_workers.get(project.root)
    return None if worker is None else worker.state()
