"""Whose turn it is: one run a project at a time, and no run while a cache is cleaned.

The kernel ends the turn of a process that died.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from egoclean.errors import CacheError
from egoclean.store.atomic import disk_errors
from egoclean.store.project import Project


@contextlib.contextmanager
def run_turn(project: Project, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the project's turn to run; where another run has it, call ``on_wait`` once and wait until it ends."""
    locks = _locks(project.cache_root())
    mine = FileLock(locks / f"run-{project.catalog_file().stem}.lock")
    try:
        mine.acquire(timeout=0)
    except Timeout:
        on_wait()
        mine.acquire()
    try:
        # whoever cleans has this lock and has seen no run: let it end before an entry is looked for
        with FileLock(locks / "clean.lock"):
            pass
        yield
    finally:
        mine.release()


@contextlib.contextmanager
def cleaning_turn(cache_root: Path) -> Iterator[None]:
    """Hold the turn to clean a cache: runs that start now wait.

    Raises
    ------
    CacheError : a run of any project works with this cache, or another process cleans it.
    """
    locks = _locks(cache_root)
    with contextlib.ExitStack() as stack:
        for path in (locks / "clean.lock", *sorted(locks.glob("run-*.lock"))):
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise CacheError(
                    f"The cache {cache_root} is at work: {path.stem.partition('-')[0]}.",
                    "Clean it when the runs of all its projects have ended, or stop them.",
                ) from None
            stack.callback(lock.release)
        yield


def _locks(cache_root: Path) -> Path:
    folder = cache_root / "locks"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
