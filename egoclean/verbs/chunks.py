"""Long work kept in chunks, so that a kill costs seconds and a resumed run repeats none that was finished."""

from __future__ import annotations

import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.records import Window
from egoclean.store.atomic import atomic_path
from egoclean.verbs.read_ahead import ReadAhead

CHUNK_WINDOWS = 16

Columns = dict[str, NDArray[Any]]
Computed = Columns | Callable[[], Columns]
"""The columns of a batch, or a function that waits for them: a GPU is given the next batch before they are taken."""


@dataclass(frozen=True, slots=True)
class Chunked:
    """The columns of all windows, and the share of the time (0 to 1) that the network waited for its pictures."""

    columns: Columns
    waited_share: float


def windows_in_chunks(
    folder: Path,
    windows: Sequence[Window],
    batch: int,
    pictures_of: Callable[[Sequence[Window]], Iterator[Any]],
    compute: Callable[[Sequence[Window], list[Any]], Computed],
    progress: Callable[[int, int], None] | None,
) -> Chunked:
    """Return the columns that ``compute`` gives for all ``windows``, row by row in their order.

    Chunks of :data:`CHUNK_WINDOWS` windows are stored in ``folder``; those found there are not computed again, and
    pictures are read from the first missing window on. Batches never cross a chunk, so a resumed run computes in the
    same batches as an uninterrupted one. ``compute`` is given at most ``batch`` windows and their pictures.
    """
    starts = range(0, len(windows), CHUNK_WINDOWS)
    chunks = _stored_chunks(folder, len(starts))
    resumed_at = len(chunks) * CHUNK_WINDOWS
    started = time.monotonic()
    with ReadAhead(pictures_of(windows[resumed_at:]), 2 * batch) as pictures:

        def computed(some: Sequence[Window]) -> Computed:
            return compute(some, list(islice(pictures, len(some))))

        parts: list[Columns] = []
        done = resumed_at
        for part in _one_behind(computed(some) for some in _batches(windows, resumed_at, batch)):
            parts.append(part)
            done += len(next(iter(part.values())))
            if progress:
                progress(done, len(windows))
            if done % CHUNK_WINDOWS == 0 or done == len(windows):
                chunks.append({name: np.concatenate([item[name] for item in parts]) for name in part})
                _store_chunk(folder, len(chunks) - 1, chunks[-1])
                parts = []
    waited_share = pictures.waited_s / max(time.monotonic() - started, 1e-9)
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]} if chunks else {}
    return Chunked(columns, min(1.0, waited_share))


def _batches(windows: Sequence[Window], start: int, batch: int) -> Iterator[Sequence[Window]]:
    for first in range(start, len(windows), CHUNK_WINDOWS):
        chunk = windows[first : first + CHUNK_WINDOWS]
        yield from (chunk[offset : offset + batch] for offset in range(0, len(chunk), batch))


def _one_behind(results: Iterator[Computed]) -> Iterator[Columns]:
    """Yield the columns of every result in order; one that must be waited for only after the next was begun."""
    begun: Callable[[], Columns] | None = None
    for result in results:
        if begun is not None:
            yield begun()
        begun = result if callable(result) else None
        if not callable(result):
            yield result
    if begun is not None:
        yield begun()


def _store_chunk(folder: Path, number: int, chunk: Columns) -> None:
    with atomic_path(_chunk_path(folder, number)) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **chunk)  # type: ignore[arg-type]  # the stub takes names for its flags


def _stored_chunks(folder: Path, count: int) -> list[Columns]:
    chunks: list[Columns] = []
    for number in range(count):
        path = _chunk_path(folder, number)
        if not path.is_file():
            break
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                chunks.append({name: stored[name] for name in stored.files})
        except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile, zlib.error):
            # a damaged chunk costs its windows and those after it, not the clip
            break
    return chunks


def _chunk_path(folder: Path, number: int) -> Path:
    return folder / f"chunk-{number:06d}.npz"
