"""Opening a video strictly: the file checked first, every library error turned into a sentence with a code."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import av.stream

from egoclean.errors import MediaError
from egoclean.media.boxes import check_outline
from egoclean.records import MediaLocation

LIBRARY_ERRORS = (av.error.FFmpegError, UnicodeDecodeError, MemoryError, OSError, ValueError, IndexError, EOFError)
"""What PyAV raises on damaged files; only the first is its own."""


class SliceReader(io.RawIOBase):
    """``size_bytes`` of a file from ``offset_bytes``, read as a file of its own.

    Raises
    ------
    MediaError : on creation, when the file ends before the slice does.
    """

    def __init__(self, path: str, offset_bytes: int, size_bytes: int) -> None:
        super().__init__()
        self._file = Path(path).open("rb")  # noqa: SIM115
        self._offset = offset_bytes
        self._size = size_bytes
        self._position = 0
        if os.fstat(self._file.fileno()).st_size < offset_bytes + size_bytes:
            self._file.close()
            raise MediaError(
                f"{shown_name(path)} ends before the video inside it does.",
                "Download or copy the archive again.",
                code="truncated",
            )

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the slice."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in the slice and return the new position, never before its start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the position on and return how many bytes came; 0 at the slice's end."""
        wanted = min(len(buffer), max(0, self._size - self._position))
        self._file.seek(self._offset + self._position)
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._position += count
        return count

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()


def shown_name(path: str) -> str:
    """Return a file's name fit for a sentence: control characters and undecodable bytes escaped."""
    name = os.path.basename(path)  # noqa: PTH119
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


@contextlib.contextmanager
def open_video(location: MediaLocation) -> Iterator[tuple[Any, Any]]:
    """Yield ``(container, stream)`` of a video: the first stream of pictures that is not cover art.

    A location with a ``last_pts`` may be of a file whose end is missing.

    Raises
    ------
    MediaError : ``missing``, ``not_video``, ``truncated_header``, ``truncated``, ``no_video`` or ``no_decoder``.
    """
    name = shown_name(location.path)
    file = _open_bytes(location, name)
    with file:
        check_outline(file, _size_bytes(file), name, may_be_cut=location.last_pts is not None)
        file.seek(0)
        try:
            container = av.open(file, metadata_errors="ignore")
        except LIBRARY_ERRORS as error:
            message = f"{name} is not a video that can be read ({_reason(error)})."
            raise MediaError(message, "Check that it plays elsewhere, or leave it out.", code="not_video") from error
        with container:
            yield container, _first_video_stream(container, name)


def video_streams(container: Any) -> list[Any]:
    """Return the streams of moving pictures, cover art left out."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def decode_error(name: str, error: BaseException, time_s: float | None) -> MediaError:
    """Return the error for a damage met while reading, with the time up to which all was well."""
    at = "at its start" if time_s is None else f"after {time_s:.3f} s"
    message = f"{name} is damaged {at} ({_reason(error)})."
    hint = "Download or copy it again, leave it out, or use what comes before the damage with --salvage prefix."
    return MediaError(message, hint, code="decode_error", time_s=time_s)


def _open_bytes(location: MediaLocation, name: str) -> Any:
    try:
        status = Path(location.path).stat()
    except (OSError, ValueError) as error:
        raise MediaError(f"{name} cannot be opened ({_reason(error)}).", code="missing") from error
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{name} is not a regular file.", "Leave it out.", code="not_video")
    size = status.st_size - location.offset_bytes if location.size_bytes is None else location.size_bytes
    if size <= 0:
        raise MediaError(f"{name} is empty.", "Download or copy it again.", code="not_video")
    try:
        if location.offset_bytes == 0 and location.size_bytes is None:
            return Path(location.path).open("rb")
        return io.BufferedReader(SliceReader(location.path, location.offset_bytes, size), 1 << 16)
    except OSError as error:
        raise MediaError(f"{name} cannot be opened ({_reason(error)}).", code="missing") from error


def _size_bytes(file: Any) -> int:
    size: int = file.seek(0, os.SEEK_END)
    return size


def _first_video_stream(container: Any, name: str) -> Any:
    streams = video_streams(container)
    if not streams:
        raise MediaError(f"{name} has no video stream.", "Leave it out.", code="no_video")
    if streams[0].codec_context is None:
        message = f"{name} holds video of a kind that cannot be decoded here."
        raise MediaError(message, "Convert it to H.264 or H.265.", code="no_decoder")
    return streams[0]


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:120]
