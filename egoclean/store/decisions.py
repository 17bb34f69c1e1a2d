"""The journal of what a person decided: append-only, flushed line by line, with undo as one more line.

A decision is keyed by the clip's fingerprint and by start and stop pts with their time base, never by a window's
number, so that it keeps its seconds when the grid changes.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock

from egoclean.errors import UsageError
from egoclean.records import to_plain
from egoclean.store.lines import append_line, read_lines


class Verdict(StrEnum):
    """What a person said of a stretch of footage: keep, reject, or nothing yet: taken back, or sent to the review."""

    KEEP = "keep"
    REJECT = "reject"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the journal. ``undoes`` is the id of an earlier decision that this one takes back."""

    clip_sha256: str
    start_pts: int
    stop_pts: int
    time_base: str
    verdict: Verdict
    tags: tuple[str, ...] = ()
    note: str = ""
    undoes: str | None = None
    decision_id: str = ""
    made_at: float = 0.0

    @property
    def place(self) -> tuple[str, int, int, str]:
        """The stretch of footage the decision is about."""
        return self.clip_sha256, self.start_pts, self.stop_pts, self.time_base


class DecisionJournal:
    """The file ``decisions.jsonl`` of a project; any number of tabs and commands may append to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, decision: Decision) -> Decision:
        """Store ``decision`` durably and return it with its id and time."""
        with self._turn():
            return self._append(decision)

    def undo(self, decision_id: str) -> Decision:
        """Take one decision back; where that was done already, return the line that did.

        Raises
        ------
        UsageError : the journal holds no such decision.
        """
        with self._turn():
            decisions = self.read()
            undone = next((decision for decision in decisions if decision.undoes == decision_id), None)
            if undone is not None:
                return undone
            for decision in decisions:
                if decision.decision_id == decision_id:
                    return self._append(Decision(*decision.place, verdict=Verdict.NONE, undoes=decision_id))
        raise UsageError(f"{self.path} holds no decision {decision_id!r}.", "It may belong to another project.")

    def redoable(self) -> Decision | None:
        """Return the decision that :meth:`redo` would make again: the last one undone, unless another came since."""
        decisions = self.read()
        by_id = {decision.decision_id: decision for decision in decisions}
        undone: list[Decision] = []
        for decision in decisions:
            if decision.undoes is not None:
                target = by_id.get(decision.undoes)
                undone += [target] if target is not None and target.undoes is None else []
            elif undone and _says(decision) == _says(undone[-1]):
                undone.pop()
            else:
                undone.clear()
        return undone[-1] if undone else None

    def redo(self) -> Decision | None:
        """Make the last undone decision again and return it; None when there is none."""
        with self._turn():
            last = self.redoable()
            return None if last is None else self._append(last)

    def read(self) -> tuple[Decision, ...]:
        """Return every line in order, undone ones too; a torn last line is left out."""
        lines = enumerate(read_lines(self.path), 1)
        return tuple(_parse(line, f"{self.path}:{number}") for number, line in lines if line.strip())

    def current(self) -> dict[tuple[str, int, int, str], Decision]:
        """Return the decision that stands for each stretch: the newest that was not undone."""
        decisions = self.read()
        undone = {decision.undoes for decision in decisions if decision.undoes}
        standing = [item for item in decisions if not item.undoes and item.decision_id not in undone]
        return {decision.place: decision for decision in standing}

    def _turn(self) -> FileLock:
        """Return the lock that keeps what is read from changing before it is answered with a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_name(f".{self.path.name}.lock"))

    def _append(self, decision: Decision) -> Decision:
        stamped = _stamp(decision)
        append_line(self.path, json.dumps(to_plain(stamped), sort_keys=True, ensure_ascii=False, allow_nan=False))
        return stamped


def _says(decision: Decision) -> tuple[object, ...]:
    return (*decision.place, decision.verdict, decision.tags, decision.note)


def _stamp(decision: Decision) -> Decision:
    values = {name: getattr(decision, name) for name in decision.__dataclass_fields__}
    return Decision(**{**values, "decision_id": uuid.uuid4().hex, "made_at": round(time.time(), 3)})


def _parse(line: bytes, where: str) -> Decision:
    try:
        values: Mapping[str, Any] = json.loads(line)
        return Decision(**{**values, "verdict": Verdict(values["verdict"]), "tags": tuple(values["tags"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{where} is not a decision: {error}.", "Mend or remove this line.") from error
