"""How much room a cache takes, and giving back what no project of it needs any more."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egoclean.config import VERB_CONFIGS
from egoclean.store.cache import Cache
from egoclean.store.catalog import Catalog
from egoclean.store.turns import cleaning_turn

YOUNG_S: Final = 60.0
"""Entries younger than this are kept: whoever made them may be about to record them."""

QUARANTINE: Final = "quarantine"
_KEPT: Final[Mapping[str, str]] = {
    "demo": "demo footage",
    "raw": "fetched footage",
    "partial": "begun and not finished",
    "catalogs": "catalogs and tables",
    "tables": "catalogs and tables",
}


@dataclass(frozen=True, slots=True)
class Room:
    """What one part of a cache takes: entries and bytes, and how much of that no project needs."""

    entries: int = 0
    size_bytes: int = 0
    unneeded_entries: int = 0
    unneeded_bytes: int = 0

    def plus(self, size_bytes: int, needed: bool) -> Room:
        """Return the room with one more entry."""
        return Room(
            self.entries + 1,
            self.size_bytes + size_bytes,
            self.unneeded_entries + (not needed),
            self.unneeded_bytes + (0 if needed else size_bytes),
        )


@dataclass(frozen=True, slots=True)
class CacheUse:
    """The room that each verb's results and the other parts of a cache take, by name, and what could be removed."""

    rooms: Mapping[str, Room]
    unneeded: tuple[Path, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole cache."""
        return sum(room.size_bytes for room in self.rooms.values())

    @property
    def unneeded_bytes(self) -> int:
        """Bytes that cleaning gives back."""
        return sum(room.unneeded_bytes for room in self.rooms.values())


def cache_use(root: Path, needed: Collection[str] = ()) -> CacheUse:
    """Return what a cache holds and which entries no catalog in it refers to.

    An entry counts as needed when any project's catalog names it, when its key is in ``needed``, or when it is younger
    than a minute. Entries set aside as damaged are never needed; footage and begun work always are.

    Raises
    ------
    CacheError : a catalog cannot be read, so that nobody knows what its project needs.
    """
    keep = {*needed, *_recorded_keys(root)}
    rooms: dict[str, Room] = {}
    unneeded: list[Path] = []
    newest = time.time() - YOUNG_S
    for verb in VERB_CONFIGS:
        for folder in _folders(root / verb, depth=2):
            is_needed = folder.name.startswith(".") or folder.name in keep or _modified(folder) > newest
            rooms[verb] = rooms.get(verb, Room()).plus(_bytes(folder), is_needed)
            if not is_needed:
                unneeded.append(folder)
    for folder in _folders(root / QUARANTINE, depth=1):
        rooms[QUARANTINE] = rooms.get(QUARANTINE, Room()).plus(_bytes(folder), False)
        unneeded.append(folder)
    for part, name in _KEPT.items():
        if (root / part).is_dir():
            rooms[name] = rooms.get(name, Room()).plus(_bytes(root / part), True)
    return CacheUse(rooms, tuple(unneeded))


def clean_cache(root: Path, needed: Collection[str] = ()) -> CacheUse:
    """Remove what :func:`cache_use` finds unneeded, and what writers that died left; return what was found.

    Raises
    ------
    CacheError : a run works with this cache, or a catalog cannot be read; nothing was removed.
    """
    cache = Cache(root)
    with cleaning_turn(root):
        use = cache_use(root, needed)
        for folder in use.unneeded:
            cache.remove(folder)
        cache.sweep()
    return use


def _recorded_keys(root: Path) -> Iterator[str]:
    for path in sorted((root / "catalogs").glob("*.sqlite")):
        yield from (step.key for step in Catalog(path).steps())


def _folders(parent: Path, depth: int) -> Iterator[Path]:
    """Yield the folders ``depth`` levels below ``parent``; links are not followed."""
    if parent.is_symlink():
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(parent.iterdir()):
            if path.is_dir():
                yield from ((path,) if not path.is_symlink() else ()) if depth == 1 else _folders(path, depth - 1)


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _bytes(folder: Path) -> int:
    """Return the bytes of all files below ``folder``; what vanishes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(place, name).lstat().st_size
    return total
