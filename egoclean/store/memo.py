"""Fingerprints remembered by path, size, modification time and inode, so that planning reads no video twice."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


class FingerprintMemo:
    """A small SQLite table from a file's identity to its SHA-256; losing it, or a line of it, costs time only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self._begin_anew()

    def get(self, key: str) -> str | None:
        """Return the digest remembered for ``key``, or None; a memo that cannot be read remembers nothing."""
        with contextlib.suppress(sqlite3.DatabaseError), self._connect() as connection:
            row = connection.execute("SELECT digest FROM memo WHERE identity = ?", (key,)).fetchone()
            return row[0] if row else None
        return None

    def put(self, key: str, digest: str) -> None:
        """Remember ``digest`` for ``key`` where there is room to."""
        with contextlib.suppress(sqlite3.DatabaseError), self._connect() as connection:
            connection.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", (key, digest))

    def _prepare(self) -> None:
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS memo (identity TEXT PRIMARY KEY, digest TEXT NOT NULL)")

    def _begin_anew(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.DatabaseError):
            self._prepare()

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            yield connection


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is no database, or a broken one; a full disk or a lock is neither."""
    return error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
