"""What a container's own outline says about a missing end, without decoding: MP4 boxes and the Matroska segment."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from egoclean.errors import MediaError

_MP4_TYPES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"pnot"})
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_DOWNLOAD_AGAIN = "Download or copy it again."
_AGAIN_OR_SALVAGE = "Download or copy it again, or use what comes before the cut with --salvage prefix."


def check_outline(file: IO[bytes], size_bytes: int, name: str, *, may_be_cut: bool = False) -> None:
    """Refuse a file that its own outline shows to be cut; files of other containers pass.

    Parameters
    ----------
    file : the bytes of one video, seekable, left at an arbitrary position.
    size_bytes : how many there are.
    may_be_cut : whether one that can be read up to its cut passes too.

    Raises
    ------
    MediaError : ``truncated_header`` when an MP4 has no ``moov`` box, ``truncated`` when a box or a Matroska segment
        claims bytes past the end.
    """
    file.seek(0)
    head = file.read(12)
    try:
        if head[4:8] in _MP4_TYPES:
            _check_mp4(file, size_bytes, name)
        elif head[:4] == _EBML:
            _check_matroska(file, size_bytes, name)
    except MediaError as error:
        if error.code != "truncated" or not may_be_cut:
            raise


def _check_mp4(file: IO[bytes], size_bytes: int, name: str) -> None:
    boxes = list(_mp4_boxes(file, size_bytes))
    if not any(kind == b"moov" for kind, _, _ in boxes):
        message = f"{name} is cut or unfinished: its table of contents (moov) is missing."
        raise MediaError(message, _DOWNLOAD_AGAIN, code="truncated_header")
    kind, start, length = boxes[-1]
    if start + length > size_bytes:
        missing = start + length - size_bytes
        shown = kind.decode("latin-1")
        code = "truncated_header" if kind == b"moov" else "truncated"
        message = f"{name} is cut: the last {missing} bytes of its {shown!r} box are missing."
        raise MediaError(message, _AGAIN_OR_SALVAGE if code == "truncated" else _DOWNLOAD_AGAIN, code=code)


def _mp4_boxes(file: IO[bytes], size_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield ``(type, start, length)`` of each top-level box; a length of 0 in the file means up to the end."""
    start = 0
    while start + 8 <= size_bytes:
        file.seek(start)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        elif length == 0:
            length = size_bytes - start
        yield kind, start, length
        if length < 8:
            return
        start += length


def _check_matroska(file: IO[bytes], size_bytes: int, name: str) -> None:
    file.seek(4)
    header_bytes, used = _ebml_size(file.read(8))
    file.seek(4 + used + header_bytes)
    identifier = file.read(4)
    length, used_by_length = _ebml_size(file.read(8))
    start = 4 + used + header_bytes + 4 + used_by_length
    unknown = length == (1 << (7 * used_by_length)) - 1
    if identifier == _SEGMENT and not unknown and start + length > size_bytes:
        message = f"{name} is cut: the last {start + length - size_bytes} bytes of its segment are missing."
        raise MediaError(message, _AGAIN_OR_SALVAGE, code="truncated")


def _ebml_size(data: bytes) -> tuple[int, int]:
    """Return ``(value, bytes used)`` of an EBML variable-size number; ``(0, 1)`` for none."""
    if not data or data[0] == 0:
        return 0, 1
    used = 9 - data[0].bit_length()
    value = data[0] & ((1 << (8 - used)) - 1)
    for byte in data[1:used]:
        value = value << 8 | byte
    return value, used
