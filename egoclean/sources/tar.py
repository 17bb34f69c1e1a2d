"""Tar archives as lists of members whose bytes are read in place: nothing is ever extracted.

Only regular files with a video's or ``.json`` base name count. An archive must be uncompressed, so that a member is a
plain stretch of the file, and must end with its end-of-archive marker: one cut at a member boundary looks whole
otherwise. Header reads are bounded, so that a forged extended header cannot ask for all memory.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from egoclean.errors import SourceError
from egoclean.records import Problem
from egoclean.sources.discovery import VIDEO_SUFFIXES, note, warning
from egoclean.sources.strict_json import parse_json

MEMBER_LIMIT = 200_000
"""Most members an archive may have."""

HEADER_READ_LIMIT_BYTES = 1 << 20
"""Most bytes that one header of an archive may make us read."""

SIDECAR_LIMIT_BYTES = 1 << 16
"""Largest JSON file that is carried along with a video."""

_BLOCK_BYTES = tarfile.BLOCKSIZE
_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}


class ArchiveError(SourceError):
    """An archive that is refused; ``code`` is ``archive_truncated``, ``not_an_archive``, ``archive_compressed``,
    ``archive_duplicate`` or ``archive_too_large``. As the source itself it stops the command before anything starts.
    """

    exit_status = 2

    def __init__(self, message: str, hint: str = "", *, code: str = "not_an_archive") -> None:
        super().__init__(message, hint)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_archive_error, (self.message, self.hint, self.code)


class Seekable(Protocol):
    """What an archive is read through: a file, or ranges of a file elsewhere."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes from the current position."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to ``offset``."""

    def tell(self) -> int:
        """Return the current position."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A video in an archive: ``size_bytes`` from ``offset_bytes``; ``carried`` is the JSON file beside it."""

    name: str
    offset_bytes: int
    size_bytes: int
    carried: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class TarIndex:
    """The videos of an archive in the archive's order, and notes about members that were ignored."""

    members: tuple[TarMember, ...]
    notes: tuple[Problem, ...]


def read_tar_file(path: Path, shown: str | None = None) -> TarIndex:
    """Return the index of the archive at ``path``; ``shown`` is how messages call it.

    Raises
    ------
    ArchiveError : see :func:`read_tar_index`.
    """
    with path.open("rb") as stream:
        return read_tar_index(stream, path.stat().st_size, shown or str(path))


def read_tar_index(stream: Seekable, size_bytes: int, shown: str) -> TarIndex:
    """Return the index of the archive in ``stream``, reading headers and small JSON files only.

    Raises
    ------
    ArchiveError : the stream is no tar, is compressed, ends before its end-of-archive marker, names one file twice
        (also in another case), or has more members than :data:`MEMBER_LIMIT`.
    """
    _require_tar(stream, shown)
    stream.seek(0)
    bounded = _BoundedReader(stream, shown)
    infos: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            while (info := archive.next()) is not None:
                _check_progress(info, size_bytes, len(infos), shown)
                infos.append(info)
            end = archive.offset
    except ArchiveError:
        raise
    except (tarfile.TarError, ValueError, OverflowError, IndexError) as error:
        raise _not_whole(shown, str(error), started=bool(infos)) from None
    _require_end_marker(stream, end, shown)
    return _index(stream, infos, shown)


def _require_tar(stream: Seekable, shown: str) -> None:
    stream.seek(0)
    head = stream.read(_BLOCK_BYTES)
    for magic, name in _COMPRESSIONS.items():
        if head.startswith(magic):
            raise ArchiveError(
                f"{shown} is compressed with {name}; a member of it cannot be read in place.",
                "Unpack it, or repack it as a plain .tar.",
                code="archive_compressed",
            )
    if len(head) < _BLOCK_BYTES:
        raise ArchiveError(
            f"{shown} is not a tar archive: it has {len(head)} bytes, fewer than one header.",
            "Fetch the archive again.",
        )
    if not any(head):
        return
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        hint = "Fetch the archive again; a page or an error message was probably saved under its name."
        raise ArchiveError(f"{shown} is not a tar archive: its first block is no tar header.", hint) from None


def _check_progress(info: tarfile.TarInfo, size_bytes: int, count: int, shown: str) -> None:
    if info.size < 0:
        raise ArchiveError(f"{shown} holds {info.name!r} with a negative size.", "Fetch the archive again.")
    if count >= MEMBER_LIMIT:
        raise ArchiveError(
            f"{shown} holds more than {MEMBER_LIMIT} members.", "Split the archive.", code="archive_too_large"
        )
    if info.isreg() and info.offset_data + info.size > size_bytes:
        raise _not_whole(shown, f"the bytes of {info.name!r} end past the end of the file", started=True)


def _not_whole(shown: str, detail: str, *, started: bool) -> ArchiveError:
    code = "archive_truncated" if started else "not_an_archive"
    what = "is cut off or damaged" if started else "is not a readable tar archive"
    return ArchiveError(f"{shown} {what}: {detail}.", "Fetch the archive again.", code=code)


def _require_end_marker(stream: Seekable, end: int, shown: str) -> None:
    stream.seek(end)
    marker = stream.read(_BLOCK_BYTES)
    if len(marker) == _BLOCK_BYTES and not any(marker):
        return
    detail = f"there is no end-of-archive marker at byte {end}"
    raise ArchiveError(
        f"{shown} is cut off or damaged: {detail}.", "Fetch the archive again.", code="archive_truncated"
    )


def _index(stream: Seekable, infos: list[tarfile.TarInfo], shown: str) -> TarIndex:
    notes: list[Problem] = []
    videos: dict[str, tarfile.TarInfo] = {}
    sidecars: dict[str, tarfile.TarInfo] = {}
    names: dict[str, str] = {}
    for info in infos:
        reason = _ignored_because(info)
        if reason is not None:
            if reason:
                notes.append(note("archive_member", f"{shown}: {info.name!r} was ignored: {reason}."))
            continue
        name = _plain_name(info.name)
        other = names.get(name.casefold())
        if other is not None:
            raise ArchiveError(
                f"{shown} holds {other!r} and {name!r}, which would be one file.",
                "Repack the archive with one file of each name.",
                code="archive_duplicate",
            )
        names[name.casefold()] = name
        suffix = PurePosixPath(name).suffix.lower()
        (sidecars if suffix == ".json" else videos)[name] = info
    by_stem = {str(PurePosixPath(name).with_suffix("")): info for name, info in sidecars.items()}
    members = tuple(
        _member(stream, name, info, by_stem.get(str(PurePosixPath(name).with_suffix(""))), shown)
        for name, info in videos.items()
    )
    return TarIndex(members, tuple(notes))


def _ignored_because(info: tarfile.TarInfo) -> str | None:
    """Return why a member is ignored, ``""`` when that is no news, None when it is not ignored."""
    if info.isdir():
        return ""
    if info.issym() or info.islnk():
        return "it is a link"
    if not info.isreg() or info.issparse():
        return "it is not a plain file"
    name = _plain_name(info.name)
    path = PurePosixPath(name)
    if name.startswith("/") or "\\" in name or ".." in path.parts or ":" in path.parts[0]:
        return "its name points outside the archive"
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in name):
        return "its name holds characters that are not text"
    if path.name.startswith("."):
        return ""
    if path.suffix.lower() not in VIDEO_SUFFIXES | {".json"}:
        return "it is neither a video nor JSON"
    return None


def _plain_name(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name or "."


def _member(
    stream: Seekable, name: str, info: tarfile.TarInfo, sidecar: tarfile.TarInfo | None, shown: str
) -> TarMember:
    carried: Mapping[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    if sidecar is not None:
        carried, problems = read_sidecar(stream, sidecar.offset_data, sidecar.size, f"{shown}#{sidecar.name}")
    return TarMember(name, info.offset_data, info.size, carried, problems)


def read_sidecar(
    stream: Seekable, offset_bytes: int, size_bytes: int, shown: str
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """Return the JSON object at a place of ``stream``, or nothing and a warning that says why."""
    if size_bytes > SIDECAR_LIMIT_BYTES:
        return {}, (warning("bad_sidecar", f"{shown} was not read: it has {size_bytes} bytes, too many for a note."),)
    stream.seek(offset_bytes)
    try:
        value = parse_json(stream.read(size_bytes))
    except ValueError as error:
        return {}, (warning("bad_sidecar", f"{shown} was not read: {error}."),)
    if not isinstance(value, dict):
        return {}, (warning("bad_sidecar", f"{shown} was not read: it is not a JSON object."),)
    return value, ()


class _BoundedReader(io.RawIOBase):
    """A stream that refuses a read larger than any honest header."""

    def __init__(self, stream: Seekable, shown: str) -> None:
        super().__init__()
        self._stream = stream
        self._shown = shown

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= HEADER_READ_LIMIT_BYTES:
            raise ArchiveError(
                f"{self._shown} holds a header that claims {size} bytes; at most {HEADER_READ_LIMIT_BYTES} are read.",
                "Fetch the archive again.",
                code="archive_too_large",
            )
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _rebuild_archive_error(message: str, hint: str, code: str) -> ArchiveError:
    return ArchiveError(message, hint, code=code)
