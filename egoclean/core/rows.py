"""Rows of embeddings: an order that does not depend on how they were listed, and unit rows block by block."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError


class Embeddings(Protocol):
    """Rows of numbers, shape (n, d): an array, a memory map, or rows of one in another order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, d)``."""

    def __len__(self) -> int:
        """Return n."""

    def __getitem__(self, wanted: Any, /) -> Any:
        """Return rows as an array."""


Unit = NDArray[np.float32]

_DIGEST_BYTES = 16


def canonical_order(embeddings: NDArray[np.floating], ids: Sequence[str] | None) -> NDArray[np.int64]:
    """Return the rows in the order that breaks every tie: by id, or by the SHA-256 of the row's bytes without ids.

    The same rows listed in another way come out in the same order. Without ids, rows with the same bytes cannot be
    told apart, and keep the order they were listed in.

    Raises
    ------
    UsageError : when an id stands on two rows, or the counts differ.
    """
    if ids is None:
        return np.argsort(_digests(embeddings), kind="stable").astype(np.int64)
    if len(ids) != len(embeddings):
        raise UsageError(f"There are {len(embeddings)} rows and {len(ids)} ids.", "Give each row one id.")
    names = np.asarray(ids, dtype=np.str_)
    order = np.argsort(names, kind="stable").astype(np.int64)
    repeated = np.flatnonzero(names[order[1:]] == names[order[:-1]])
    if len(repeated):
        first, second = order[repeated[0]], order[repeated[0] + 1]
        share = Counter(ids)[str(names[first])]
        raise UsageError(
            f"The id {str(names[first])!r} stands on {share} rows, for instance {first} and {second}.",
            "Give each row an id of its own.",
        )
    return order


def row_digest(row: NDArray[np.generic]) -> bytes:
    """Return the first 16 bytes of the SHA-256 of a row's bytes."""
    return hashlib.sha256(row.tobytes()).digest()[:_DIGEST_BYTES]


def _digests(embeddings: NDArray[np.floating]) -> NDArray[np.bytes_]:
    packed = b"".join(row_digest(row) for row in embeddings)
    return np.frombuffer(packed, dtype=np.dtype(f"S{_DIGEST_BYTES}"))


def unit_or_zero_rows(embeddings: Embeddings, rows: NDArray[np.int64] | slice) -> Unit:
    """Return ``embeddings[rows]`` scaled to length 1, float32; a row that is zero or not finite becomes zero."""
    block = np.array(embeddings[rows], dtype=np.float32)
    # Scaling by the largest entry first keeps squares of huge or tiny rows inside float32.
    largest = np.abs(block).max(axis=1, initial=0.0)
    usable = np.isfinite(largest) & (largest > 0)
    block[~usable] = 0.0
    block[usable] /= largest[usable, None]
    lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
    block[usable] /= lengths[usable, None]
    return block


def finite_rows(embeddings: Embeddings, block_rows: int = 8192) -> NDArray[np.bool_]:
    """Return which rows hold numbers only, shape (n,); read in blocks, so a memory-mapped array stays on disk."""
    result = np.zeros(len(embeddings), dtype=np.bool_)
    for start in range(0, len(embeddings), block_rows):
        block = np.asarray(embeddings[start : start + block_rows])
        result[start : start + block_rows] = np.isfinite(block).all(axis=1)
    return result
