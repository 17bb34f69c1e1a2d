"""How a run tells its progress: a small protocol, and reporters that need no screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from egoclean.store.runs import RunRecorder


class Reporter(Protocol):
    """Hears what a run does; called from one thread."""

    def stage(self, verb: str, done: float, total: float, unit: str, **details: Any) -> None:
        """``verb`` has done ``done`` of ``total`` units."""

    def clip(self, verb: str, clip_id: str, status: str, reason: str, seconds: float) -> None:
        """``verb`` ended for a clip."""

    def note(self, text: str) -> None:
        """Something a person should read."""


class SilentReporter:
    """A reporter that keeps nothing."""

    def stage(self, verb: str, done: float, total: float, unit: str, **details: Any) -> None:
        """Do nothing."""

    def clip(self, verb: str, clip_id: str, status: str, reason: str, seconds: float) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class RecordingReporter:
    """Writes what it hears into a run's folder."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder

    def stage(self, verb: str, done: float, total: float, unit: str, **details: Any) -> None:
        """Store the stage's progress."""
        self._recorder.stage(verb, done, total, unit, **details)

    def clip(self, verb: str, clip_id: str, status: str, reason: str, seconds: float) -> None:
        """Append an event."""
        self._recorder.event(
            "clip", verb=verb, clip_id=clip_id, status=status, reason=reason, seconds=round(seconds, 3)
        )

    def note(self, text: str) -> None:
        """Append an event."""
        self._recorder.event("note", text=text)


class ReporterGroup:
    """Passes everything on to several reporters."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = tuple(reporters)

    def stage(self, verb: str, done: float, total: float, unit: str, **details: Any) -> None:
        """Tell every reporter."""
        for reporter in self._reporters:
            reporter.stage(verb, done, total, unit, **details)

    def clip(self, verb: str, clip_id: str, status: str, reason: str, seconds: float) -> None:
        """Tell every reporter."""
        for reporter in self._reporters:
            reporter.clip(verb, clip_id, status, reason, seconds)

    def note(self, text: str) -> None:
        """Tell every reporter."""
        for reporter in self._reporters:
            reporter.note(text)
