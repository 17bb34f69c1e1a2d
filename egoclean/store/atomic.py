"""Files that are complete or absent: write beside, flush to the disk, rename.

A unique temporary name in the same folder keeps two writers apart; ``fsync`` before the rename keeps an empty file
from standing under the final name after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoclean.errors import CacheError

_TEMPORARY = re.compile(r"^\..+\.(\d+)\.[0-9a-f]{8}\.tmp(\..+)?$")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def temporary_name(final: Path) -> Path:
    """Return a name beside ``final`` that no other process or thread uses; the suffix is kept for muxers."""
    return final.with_name(f".{final.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp{final.suffix}")


@contextlib.contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``final``; it replaces ``final`` when the block ends without an error.

    Raises
    ------
    CacheError : the disk is full or the folder cannot be written; ``final`` is as it was.
    """
    temporary = temporary_name(final)
    with disk_errors(final):
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            fsync_file(temporary)
            temporary.replace(final)
            fsync_folder(final.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a :class:`CacheError` that names ``target``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL or _is_short_write(error):
            raise CacheError(
                f"No room left to write {target}: {error.strerror or error}.",
                "Free some space and run the same command again; finished work is kept.",
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise CacheError(
                f"{target.parent} cannot be written: {error.strerror}.",
                "Choose another folder with --project or EGOCLEAN_CACHE, or change its permissions.",
            ) from error
        raise


def _is_short_write(error: OSError) -> bool:
    """Whether numpy could not write an array to its end, which it says without an error number."""
    return error.errno is None and str(error).endswith(" written")


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, complete or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, complete or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as strict, indented JSON with sorted keys; NaN and infinity are refused with ``ValueError``."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def fsync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Flush a folder's list of names to the disk."""
    fsync_file(path)


def is_temporary(name: str) -> bool:
    """Whether a file name is one of :func:`temporary_name`."""
    return _TEMPORARY.match(name) is not None


def is_abandoned(path: Path, minimum_age_s: float = 0.0) -> bool:
    """Whether ``path`` is a temporary whose writer is dead (its process id is gone) and that is old enough."""
    found = _TEMPORARY.match(path.name)
    if found is None or process_alive(int(found.group(1))):
        return False
    try:
        return time.time() - path.stat().st_mtime >= minimum_age_s
    except FileNotFoundError:
        return False


def sweep_abandoned(root: Path) -> int:
    """Remove the temporaries below ``root`` whose writer is dead; return how many."""
    removed = 0
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            path = Path(folder, name)
            if is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
                removed += 1
        names[:] = [name for name in names if Path(folder, name).is_dir()]
    return removed


def process_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def process_started(pid: int) -> str | None:
    """Return when a process started, in the kernel's own count, or None where that is not known.

    Together with the id it names one process for good: ids are used again. None as well for a process that has ended
    and was not waited for.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
