"""Fingerprints remembered by path, size, modification time and inode, so that planning reads no video twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class FingerprintMemo:
    """A small SQLite table from a file's identity to its SHA-256; deleting it costs time only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS memo (identity TEXT PRIMARY KEY, digest TEXT NOT NULL)")

    def get(self, key: str) -> str | None:
        """Return the digest remembered for ``key``, or None."""
        with self._connect() as connection:
            row = connection.execute("SELECT digest FROM memo WHERE identity = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: str, digest: str) -> None:
        """Remember ``digest`` for ``key``."""
        with self._connect() as connection:
            connection.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", (key, digest))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)
