"""Fingerprints: the SHA-256 of a source's bytes, remembered so that planning over terabytes reads none of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from egoclean.errors import SourceError
from egoclean.records import ClipKind, MediaLocation, SourceClip

CHUNK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; may raise to cancel."""


class FingerprintMemo(Protocol):
    """Digests remembered by a key that changes when the file does."""

    def get(self, key: str) -> str | None:
        """Return the digest remembered for ``key``, or None."""

    def put(self, key: str, digest: str) -> None:
        """Remember ``digest`` for ``key``."""


def fingerprint_clip(clip: SourceClip, memo: FingerprintMemo | None = None, progress: Progress | None = None) -> str:
    """Return the fingerprint of a clip: of its video's bytes, or of the list of its images.

    Raises
    ------
    SourceError : see :func:`fingerprint_location`; also for a clip of the hub that was not fetched yet.
    """
    if clip.kind is ClipKind.FRAMES:
        return fingerprint_images(
            [path for record in clip.frame_records for path in record.frame_paths], memo, progress
        )
    if clip.location is None:
        raise SourceError(f"{clip.clip_id} was not fetched from the hub yet.", "Run ingest on its source again.")
    return fingerprint_location(clip.location, memo, progress)


def fingerprint_location(
    location: MediaLocation, memo: FingerprintMemo | None = None, progress: Progress | None = None
) -> str:
    """Return the SHA-256, in hexadecimal, of exactly the bytes of ``location``.

    The digest is remembered in ``memo`` by path, size, time of change and inode of the file, and by the place in it;
    without a memo, or to verify against rot, the bytes are read again.

    Raises
    ------
    SourceError : the file cannot be read, is shorter than the location says, or changes while it is read.
    """
    path = Path(location.path)
    before = _stat(path)
    size_bytes = before.st_size - location.offset_bytes if location.size_bytes is None else location.size_bytes
    key = json.dumps([*_identity(path, before), location.offset_bytes, size_bytes], ensure_ascii=True)
    remembered = memo.get(key) if memo is not None else None
    if remembered is not None:
        return remembered
    digest = _digest(path, location.offset_bytes, size_bytes, progress)
    if _identity(path, _stat(path)) != _identity(path, before):
        raise SourceError(f"{path} changed while it was read.", "Run again when nothing writes to it any more.")
    if memo is not None:
        memo.put(key, digest)
    return digest


def fingerprint_images(
    paths: Sequence[str], memo: FingerprintMemo | None = None, progress: Progress | None = None
) -> str:
    """Return the SHA-256 over the list of the images' own digests, one hexadecimal digest and a newline each.

    The same images under other names, or read from another folder, have the same fingerprint; another order has not.
    An image that stands in the list several times is read once.

    Raises
    ------
    SourceError : an image cannot be read, or changes while it is read.
    """
    unique = list(dict.fromkeys(paths))
    stats = {path: _stat(Path(path)) for path in unique}
    identities = [_identity(Path(path), stats[path]) for path in unique]
    order = {path: index for index, path in enumerate(unique)}
    key = "images:" + _sha256_of_text(json.dumps([identities, [order[path] for path in paths]], ensure_ascii=True))
    remembered = memo.get(key) if memo is not None else None
    if remembered is not None:
        return remembered
    digests: dict[str, str] = {}
    total_bytes = sum(stat.st_size for stat in stats.values())
    done_bytes = 0
    for path in unique:
        digests[path] = _digest(Path(path), 0, stats[path].st_size, None)
        done_bytes += stats[path].st_size
        if progress is not None:
            progress(done_bytes, total_bytes)
    digest = _sha256_of_text("".join(f"{digests[path]}\n" for path in paths))
    if memo is not None:
        memo.put(key, digest)
    return digest


def sha256_of_chunks(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256, in hexadecimal, of ``chunks`` one after another."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _digest(path: Path, offset_bytes: int, size_bytes: int, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    done_bytes = 0
    try:
        with path.open("rb") as stream:
            stream.seek(offset_bytes)
            while done_bytes < size_bytes:
                chunk = stream.read(min(CHUNK_BYTES, size_bytes - done_bytes))
                if not chunk:
                    raise SourceError(
                        f"{path} ends after {offset_bytes + done_bytes} bytes, {offset_bytes + size_bytes} expected.",
                        "Fetch the file again.",
                    )
                digest.update(chunk)
                done_bytes += len(chunk)
                if progress is not None:
                    progress(done_bytes, size_bytes)
    except OSError as error:
        raise _unreadable(path, error) from None
    return digest.hexdigest()


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} cannot be read: {error.strerror}.", "Check that it is there and readable.")


def _identity(path: Path, stat: os.stat_result) -> list[object]:
    return [os.path.abspath(path), stat.st_size, stat.st_mtime_ns, stat.st_ino]  # noqa: PTH100  (resolve() follows links)


def _sha256_of_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
