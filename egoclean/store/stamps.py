"""Stamps of files: equal as long as nobody has written them."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, ...]


def file_stamp(*paths: Path) -> Stamp:
    """Return the modification times and sizes of files, zeros for one that is not there."""
    values: list[int] = []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            values += [0, 0]
        else:
            values += [status.st_mtime_ns, status.st_size]
    return tuple(values)
