"""Files of JSON lines that grow: every line durable once it is appended, a torn one never believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from egoclean.store.atomic import disk_errors


def append_line(path: Path, text: str) -> None:
    """Append one JSON text as a line and flush it to the disk; one writer at a time.

    What a writer that died left of a line at the end is cut off first: nobody was told that it was stored.

    Raises
    ------
    CacheError : the disk is full or the file cannot be written; no reader sees a part of the line.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            data = _end_mended(descriptor) + text.encode("utf-8") + b"\n"
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_lines(path: Path) -> tuple[bytes, ...]:
    """Return the lines of ``path`` in order, none when there is no file; a torn last line is left out.

    Lines end in a line feed alone, since JSON text may hold every other character that ends a line.
    """
    try:
        *whole, tail = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    return (*whole, tail) if _is_json(tail) else tuple(whole)


def _end_mended(descriptor: int) -> bytes:
    """Cut off a torn last line; return what must be written to end a whole one that lacks its end."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return b""
    tail = os.pread(descriptor, size, 0).rpartition(b"\n")[2]
    if _is_json(tail):
        return b"\n"
    os.ftruncate(descriptor, size - len(tail))
    return b""


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
