"""The content-addressed cache: folders that are complete or absent, checked when they are read.

An entry is ``<root>/<verb>/<first two digits>/<key>/`` with data files and ``entry.json``. It is built in a temporary
folder and renamed as a whole, so no reader ever sees half of one, with or without locks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from egoclean import __version__
from egoclean.errors import CacheError
from egoclean.records import to_plain
from egoclean.store.atomic import (
    disk_errors,
    fsync_file,
    fsync_folder,
    sweep_abandoned,
    temporary_name,
    write_json,
    write_text,
)
from egoclean.store.keys import EntryKey, digest

LAYOUT = 1
_logger = logging.getLogger(__name__)
_CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is egoclean's cache: deleting it loses time, not work.\n"
)
_HASHED_AT_ONCE_BYTES = 1 << 20
_VERIFIED_AT_READ_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete cache entry: its folder and what ``entry.json`` says.

    ``details`` is what the verb found out; ``rejection`` is None, or the problem for which the clip was rejected;
    ``material`` is what the key was made from.
    """

    verb: str
    key: str
    folder: Path
    details: Mapping[str, Any]
    rejection: Mapping[str, Any] | None
    material: Mapping[str, Any]

    def path(self, name: str) -> Path:
        """Return the path of one of the entry's data files."""
        return self.folder / name

    def array(self, name: str) -> NDArray[Any]:
        """Return an array of the entry, memory-mapped, read-only."""
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def json(self, name: str) -> Any:
        """Return a JSON file of the entry."""
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


class Cache:
    """All entries below one root folder; any number of processes on one machine may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[str] = set()
        self._prepare()

    def get(self, key: EntryKey) -> Entry | None:
        """Return the entry, or None when it is not there or was damaged; a damaged one is moved to quarantine."""
        return self.find(key.verb, key.key)

    def find(self, verb: str, key: str) -> Entry | None:
        """Return the entry of ``verb`` with this key, as :meth:`get`."""
        folder = self._folder(verb, key)
        try:
            about = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
            fault = self._fault(folder, about)
        except FileNotFoundError:
            # another process may have published meanwhile: a folder appears with its entry.json or not at all
            if folder.is_dir() and not (folder / "entry.json").exists():
                self._quarantine(folder, "entry.json is missing")
            return None
        except (ValueError, OSError, RecursionError) as error:
            self._quarantine(folder, f"entry.json cannot be read: {error}")
            return None
        if fault:
            self._quarantine(folder, fault)
            return None
        return Entry(verb, key, folder, about["details"], about["rejection"], about["material"])

    def has(self, key: EntryKey) -> bool:
        """Whether there is an entry for ``key``, looked at no further."""
        return (self._folder(key.verb, key.key) / "entry.json").is_file()

    @contextlib.contextmanager
    def lock(self, key: EntryKey) -> Iterator[None]:
        """Hold the entry's lock, so that two processes do not do the same work; the kernel frees it at death."""
        folder = self.root / "locks"
        folder.mkdir(exist_ok=True)
        with FileLock(folder / f"{key.verb}-{key.key[:32]}.lock"):
            yield

    @contextlib.contextmanager
    def building(self, key: EntryKey) -> Iterator[Path]:
        """Yield an empty temporary folder for the entry's data files; :meth:`publish` makes it the entry."""
        final = self._folder(key.verb, key.key)
        temporary = temporary_name(final)
        with disk_errors(final):
            try:
                temporary.mkdir(parents=True)
                yield temporary
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def publish(
        self,
        key: EntryKey,
        folder: Path,
        details: Mapping[str, Any],
        rejection: Mapping[str, Any] | None = None,
        recorded: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Make ``folder`` (from :meth:`building`) the entry of ``key``; where one stands already, that one stays.

        ``recorded`` is kept for the reader but says nothing about the result: device, timings.
        """
        final = self._folder(key.verb, key.key)
        with disk_errors(final):
            files = {}
            for path in sorted(folder.iterdir()):
                fsync_file(path)
                files[path.name] = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
            about = {
                "layout": LAYOUT,
                "key": key.key,
                "material": key.material,
                "files": files,
                "details": to_plain(details),
                "rejection": to_plain(rejection),
                "recorded": {"egoclean": __version__, **to_plain(recorded or {})},
            }
            write_json(folder / "entry.json", {**about, "digest": digest(about)})
            fsync_folder(folder)
            _rename_unless_there(folder, final)
        entry = self.get(key)
        if entry is None:
            raise CacheError(f"The cache entry {final} could not be published.", "Check the disk and run again.")
        return entry

    def partial_folder(self, key: EntryKey) -> Path:
        """Return the folder in which a long verb keeps finished chunks of an entry until it is published."""
        folder = self.root / "partial" / f"{key.verb}-{key.key[:32]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_partial(self, key: EntryKey) -> None:
        """Remove the chunks of an entry that has been published."""
        shutil.rmtree(self.root / "partial" / f"{key.verb}-{key.key[:32]}", ignore_errors=True)

    def forget(self, key: EntryKey) -> None:
        """Remove the entry of ``key`` where there is one."""
        self.remove(self._folder(key.verb, key.key))

    def remove(self, folder: Path) -> None:
        """Remove an entry by its folder; a reader finds it whole or not at all."""
        gone = temporary_name(folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def sweep(self) -> int:
        """Remove temporaries whose writer is dead; return how many."""
        return sweep_abandoned(self.root)

    def size_bytes(self) -> int:
        """Return the bytes of all files below the root."""
        return sum(Path(folder, name).lstat().st_size for folder, _, names in os.walk(self.root) for name in names)

    def _folder(self, verb: str, key: str) -> Path:
        return self.root / verb / key[:2] / key

    def _fault(self, folder: Path, about: Any) -> str:
        if not isinstance(about, dict) or about.get("layout") != LAYOUT or about.get("key") != folder.name:
            return "entry.json is not of this layout or not of this key"
        if about.pop("digest", None) != digest(about):
            return "entry.json was changed after it was written"
        for name, facts in about["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != facts["bytes"]:
                return f"{name} is missing or of another size"
            identity = str(path)
            if identity not in self._verified and facts["bytes"] <= _VERIFIED_AT_READ_BYTES:
                if file_sha256(path) != facts["sha256"]:
                    return f"{name} has other bytes than when it was written"
                self._verified.add(identity)
        return ""

    def _quarantine(self, folder: Path, reason: str) -> None:
        target = self.root / "quarantine" / temporary_name(folder).name.lstrip(".")
        target.parent.mkdir(exist_ok=True)
        try:
            folder.rename(target)
        except FileNotFoundError:
            return
        write_text(target / "reason.txt", reason + "\n")
        _logger.warning("Cache entry %s was damaged (%s): set aside and made again.", folder.name[:12], reason)

    def _prepare(self) -> None:
        layout = self.root / "layout.json"
        with disk_errors(layout):
            self.root.mkdir(parents=True, exist_ok=True)
            if not layout.exists():
                write_text(self.root / "CACHEDIR.TAG", _CACHEDIR_TAG)
                write_json(layout, {"layout": LAYOUT})
        try:
            found = json.loads(layout.read_text(encoding="utf-8")).get("layout")
        except (ValueError, AttributeError) as error:
            raise CacheError(
                f"{layout} is not a cache layout file: {error}.", "Delete it or choose another cache."
            ) from error
        if found != LAYOUT:
            raise CacheError(
                f"The cache {self.root} has layout {found!r}, this egoclean reads layout {LAYOUT}.",
                "Use another folder (EGOCLEAN_CACHE) or delete this one: it can be made again.",
            )


def _rename_unless_there(folder: Path, final: Path) -> None:
    try:
        folder.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return
    fsync_folder(final.parent)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASHED_AT_ONCE_BYTES):
            state.update(block)
    return state.hexdigest()


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write one ``.npy`` file without pickle, C order."""
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
