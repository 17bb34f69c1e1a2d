"""Byte ranges of files on the hub: streamed with resume, and as a seekable file for reading a tar's headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from huggingface_hub import get_session, hf_raise_for_status

from egoclean.errors import SourceError
from egoclean.sources.hub_client import HUB_ERRORS, TIMEOUT_S, HubClient, wait_or_raise

WINDOW_BYTES = 16 << 10
"""How much is read around a tar header: the header, a small JSON file and the next header fit."""

_CHUNK_BYTES = 64 << 10
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


def stream_range(
    client: HubClient,
    path: str,
    start: int,
    stop: int,
    file_size_bytes: int,
    sink: Callable[[bytes], object],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Give ``sink`` exactly the bytes ``[start, stop)`` of a file, in order, whatever happens to the connection.

    After a break the stream goes on where it stopped; attempts are counted anew whenever bytes arrived.

    Raises
    ------
    SourceError : the hub refuses, answers with another file's length or without regard to the range, or keeps
        failing.
    """
    position = start
    attempt = 0
    while position < stop:
        arrived = 0
        try:
            for chunk in _chunks(client, path, position, stop, file_size_bytes):
                sink(chunk)
                position += len(chunk)
                arrived += len(chunk)
                if progress is not None:
                    progress(position - start, stop - start)
        except HUB_ERRORS as error:
            attempt = 1 if arrived else attempt + 1
            wait_or_raise(error, attempt, client.repository, client.token)
        else:
            attempt = 0 if arrived else attempt + 1
            if attempt > 2:
                raise SourceError(
                    f"The hub sends nothing of {path} after byte {position} of {file_size_bytes}.",
                    "Run again later; what was fetched is kept.",
                )


def _chunks(client: HubClient, path: str, position: int, stop: int, file_size_bytes: int) -> Iterator[bytes]:
    headers = {**client.headers(), "Range": f"bytes={position}-{stop - 1}"}
    with get_session().stream(
        "GET", client.url(path), headers=headers, timeout=TIMEOUT_S, follow_redirects=True
    ) as response:
        hf_raise_for_status(response)
        if response.status_code == 206:
            _check_range(response.headers.get("Content-Range", ""), path, position, file_size_bytes)
        elif position != 0 or stop != file_size_bytes:
            raise SourceError(
                f"The hub answered with the whole of {path} where a part was asked for.",
                "Use --verify-source, which fetches whole files, or another HF_ENDPOINT.",
            )
        left = stop - position
        for chunk in response.iter_raw(_CHUNK_BYTES):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return


def _check_range(content_range: str, path: str, position: int, file_size_bytes: int) -> None:
    found = _CONTENT_RANGE.match(content_range)
    if found is None or int(found.group(1)) != position:
        raise SourceError(f"The hub answered with another part of {path} than was asked for.", "Run again later.")
    if int(found.group(3)) != file_size_bytes:
        raise SourceError(
            f"{path} has {found.group(3)} bytes on the hub, where its listing says {file_size_bytes}.",
            "Run ingest again; if it stays so, the file on the hub is damaged.",
        )


class RangeReader:
    """A file on the hub as something to seek and read in; keeps the last window, so that headers cost few requests."""

    def __init__(self, client: HubClient, path: str, size_bytes: int) -> None:
        self._client = client
        self._path = path
        self._size_bytes = size_bytes
        self._position = 0
        self._window = b""
        self._window_start = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes from the current position."""
        stop = self._size_bytes if size < 0 else min(self._position + size, self._size_bytes)
        if stop <= self._position:
            return b""
        if not self._window_start <= self._position <= stop <= self._window_start + len(self._window):
            self._fill(stop)
        first = self._position - self._window_start
        data = self._window[first : first + stop - self._position]
        self._position = stop
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to ``offset`` from the start (``whence`` 0), from here (1) or from the end (2)."""
        base = (0, self._position, self._size_bytes)[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the current position."""
        return self._position

    def _fill(self, stop: int) -> None:
        wanted = min(max(stop, self._position + WINDOW_BYTES), self._size_bytes)
        parts: list[bytes] = []
        stream_range(self._client, self._path, self._position, wanted, self._size_bytes, parts.append)
        self._window, self._window_start = b"".join(parts), self._position
