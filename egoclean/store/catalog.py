"""The catalog of one project: which clips there are and how far each verb came. Derived: deleting it loses nothing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock

from egoclean.errors import CacheError
from egoclean.records import to_plain
from egoclean.store.atomic import atomic_path, disk_errors
from egoclean.store.stamps import Stamp, file_stamp

_SCHEMA_VERSION = 1
_PATIENCE_S = 30
_DISK_TROUBLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS clips (
    clip_id TEXT PRIMARY KEY, position INTEGER NOT NULL, facts TEXT NOT NULL, record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS steps (
    clip_id TEXT NOT NULL, verb TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    details TEXT NOT NULL, PRIMARY KEY (clip_id, verb)
);
CREATE TABLE IF NOT EXISTS notes (position INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StepStatus(StrEnum):
    """How a verb ended for a clip: waiting its turn, done, rejected for a reason that stays, or failed this time."""

    WAITING = "waiting"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One clip and one verb: the cache entry that answers, how it ended, and why where it is not done."""

    clip_id: str
    verb: str
    key: str
    status: StepStatus
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip of the project in source order, with the facts that pages show (plain JSON values).

    ``record`` is the whole :class:`~egoclean.records.Clip` as plain data; lists of clips are read without it.
    """

    clip_id: str
    facts: Mapping[str, Any]
    record: Mapping[str, Any] = field(default_factory=dict)


class Catalog:
    """SQLite in WAL mode: several processes may read and write it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether anything has been recorded yet."""
        return self.path.is_file()

    def stamp(self) -> Stamp:
        """Return what changes when the catalog does; its write-ahead log counts too."""
        return file_stamp(self.path, self.path.with_name(self.path.name + "-wal"))

    def replace_clips(self, clips: Sequence[ClipRow], notes: Sequence[str] = ()) -> None:
        """Make ``clips`` the project's clips, in this order; steps of clips that are gone are forgotten."""
        with self._connect() as connection:
            connection.execute("DELETE FROM clips")
            connection.executemany(
                "INSERT INTO clips VALUES (?, ?, ?, ?)",
                [(row.clip_id, position, _dump(row.facts), _dump(row.record)) for position, row in enumerate(clips)],
            )
            connection.execute("DELETE FROM steps WHERE clip_id != '' AND clip_id NOT IN (SELECT clip_id FROM clips)")
            connection.execute("DELETE FROM notes")
            connection.executemany("INSERT INTO notes VALUES (?, ?)", list(enumerate(notes)))

    def record(self, steps: Sequence[StepRow]) -> None:
        """Store steps, each in place of what was known of the same clip and verb."""
        with self._connect() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)",
                [(s.clip_id, s.verb, s.key, str(s.status), s.reason, _dump(s.details)) for s in steps],
            )

    def keep_steps(self, keys: Iterable[tuple[str, str, str]]) -> None:
        """Forget every step of a clip but those whose ``(clip_id, verb, key)`` is among ``keys``."""
        with self._connect() as connection:
            connection.execute("CREATE TEMP TABLE kept (clip_id TEXT, verb TEXT, key TEXT)")
            connection.executemany("INSERT INTO kept VALUES (?, ?, ?)", list(keys))
            connection.execute(
                "DELETE FROM steps WHERE clip_id != '' AND (clip_id, verb, key) NOT IN (SELECT * FROM kept)"
            )

    def set_fact(self, name: str, value: Any) -> None:
        """Store one JSON value of the project under ``name``."""
        with self._connect() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, _dump(value)))

    def fact(self, name: str) -> Any:
        """Return the value stored under ``name``, or None."""
        rows = self._query("SELECT value FROM facts WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def clips(self) -> tuple[ClipRow, ...]:
        """Return the clips in source order."""
        rows = self._query("SELECT clip_id, facts FROM clips ORDER BY position")
        return tuple(ClipRow(clip_id, json.loads(facts)) for clip_id, facts in rows)

    def record_of(self, clip_id: str) -> Mapping[str, Any] | None:
        """Return the whole record of one clip as plain data, or None when there is no such clip."""
        rows = self._query("SELECT record FROM clips WHERE clip_id = ?", (clip_id,))
        return json.loads(rows[0][0]) if rows else None

    def steps(self, clip_id: str | None = None) -> tuple[StepRow, ...]:
        """Return the steps of one clip, or of all, in clip order."""
        where, values = ("WHERE steps.clip_id = ?", (clip_id,)) if clip_id is not None else ("", ())
        rows = self._query(
            "SELECT steps.clip_id, verb, key, status, reason, details FROM steps LEFT JOIN clips USING (clip_id) "  # noqa: S608 -- a constant clause
            f"{where} ORDER BY clips.position, steps.rowid",
            values,
        )
        return _step_rows(rows)

    def bare_steps(self) -> tuple[StepRow, ...]:
        """Return the steps of all clips in clip order without their details, which take most of the time and memory."""
        rows = self._query(
            "SELECT steps.clip_id, verb, key, status, reason FROM steps LEFT JOIN clips USING (clip_id) "
            "ORDER BY clips.position, steps.rowid"
        )
        none: Mapping[str, Any] = {}
        return tuple(StepRow(a, sys.intern(b), c, StepStatus(d), e, none) for a, b, c, d, e in rows)

    def first_done(self, verb: str) -> StepRow | None:
        """Return the step of the first clip that ``verb`` is done for, or None."""
        rows = self._query(
            "SELECT steps.clip_id, verb, key, status, reason, details FROM steps JOIN clips USING (clip_id) "
            "WHERE verb = ? AND status = ? ORDER BY clips.position LIMIT 1",
            (verb, str(StepStatus.DONE)),
        )
        return next(iter(_step_rows(rows)), None)

    def first_with(self, verb: str, detail: str) -> str | None:
        """Return the id of the first clip for which ``verb`` told a ``detail`` that is not null, or None."""
        rows = self._query(
            "SELECT clip_id FROM steps JOIN clips USING (clip_id) WHERE verb = ? AND status = ? "
            "AND json_extract(details, '$.' || ?) IS NOT NULL ORDER BY clips.position LIMIT 1",
            (verb, str(StepStatus.DONE), detail),
        )
        return rows[0][0] if rows else None

    def step(self, clip_id: str, verb: str) -> StepRow | None:
        """Return one step, or None when the verb has not been tried on the clip."""
        rows = self._query(
            "SELECT clip_id, verb, key, status, reason, details FROM steps WHERE clip_id = ? AND verb = ?",
            (clip_id, verb),
        )
        return next(iter(_step_rows(rows)), None)

    def notes(self) -> tuple[str, ...]:
        """Return what discovery had to say about the sources: files ignored, members refused."""
        return tuple(row[0] for row in self._query("SELECT note FROM notes ORDER BY position"))

    def _query(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        if not self.exists:
            return []
        with self._connect() as connection:
            return connection.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._make()
            with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection:
                connection.execute("PRAGMA synchronous = NORMAL")
                if connection.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA_VERSION:
                    _write_schema(connection)
                with connection:
                    yield connection
        except sqlite3.DatabaseError as error:
            hint = "Delete this file and run again: it is made from the cache."
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                hint = f"Another process has written to it for {_PATIENCE_S} seconds: run again when it is done."
            if error.sqlite_errorcode & 0xFF in _DISK_TROUBLE:
                hint = "Free some space, or change the folder's permissions, and run again; finished work is kept."
            raise CacheError(f"The catalog {self.path} cannot be used: {error}.", hint) from error

    def _make(self) -> None:
        """Put an empty catalog in place of none: SQLite does not wait for others where it turns WAL on."""
        if self.exists:
            return
        with disk_errors(self.path), FileLock(self.path.with_name(f".{self.path.name}.lock")):
            if self.exists:
                return
            for suffix in ("-wal", "-shm"):  # of a catalog that was deleted: they would be read into the new one
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            with atomic_path(self.path) as temporary:
                _write_empty(temporary)


def _write_empty(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _write_schema(connection)


def _write_schema(connection: sqlite3.Connection) -> None:
    connection.executescript(f"{_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};")


def _dump(value: Any) -> str:
    return json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False)


def _step_rows(rows: Iterable[tuple[Any, ...]]) -> tuple[StepRow, ...]:
    return tuple(StepRow(a, b, c, StepStatus(d), e, json.loads(f)) for a, b, c, d, e, f in rows)
