"""Progress on standard error: bars on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 5.0

interruption = threading.Event()
"""Set when a person or the system asked this process to stop."""


class TerminalReporter:
    """Shows each stage with its rate and time left; a context manager that puts the terminal back as it was."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description:>11}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._printed: dict[str, float] = {}

    def __enter__(self) -> TerminalReporter:
        """Start drawing when standard error is a terminal."""
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        if self._console.is_terminal:
            self._progress.stop()

    def stage(self, verb: str, done: float, total: float, unit: str, **details: object) -> None:
        """Draw or print how far a stage is; raise ``KeyboardInterrupt`` where an earlier one was swallowed.

        Compiled libraries drop one that arrives while they are being imported, and the run would go on.
        """
        if interruption.is_set():
            raise KeyboardInterrupt
        now = time.monotonic()
        seconds = now - self._started.setdefault(verb, now)
        rate = f"{done / seconds:.1f}/s" if seconds > 0.5 and done else ""
        if self._console.is_terminal:
            task = self._tasks.get(verb)
            if task is None:
                task = self._tasks[verb] = self._progress.add_task(verb, total=total, unit=unit, rate="")
            self._progress.update(task, completed=round(done), total=round(total), unit=unit, rate=rate)
        elif now - self._printed.get(verb, -_LINE_EVERY_S) >= _LINE_EVERY_S or done >= total:
            if self._printed.get(verb) == float("inf"):
                return
            self._printed[verb] = float("inf") if done >= total else now
            left = f", {(total - done) * seconds / done:.0f} s left" if done and done < total else ""
            sys.stderr.write(f"{verb:>11}  {done:.0f}/{total:.0f} {unit}  {rate}{left}\n")

    def clip(self, verb: str, clip_id: str, status: str, reason: str, seconds: float) -> None:
        """Print a clip that was rejected or failed."""
        if reason:
            self.note(f"{status}: {clip_id}: {reason}")

    def note(self, text: str) -> None:
        """Print one line, above the bars."""
        if self._console.is_terminal:
            self._console.print(text, markup=False)
        else:
            sys.stderr.write(text + "\n")
