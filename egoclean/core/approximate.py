"""Nearest rows of many rows: FAISS searches cells of a projection, and reads the best candidates at full width.

A row is looked for in the cells nearest to it (an inverted file over k-means cells in a 64-dimensional projection);
twice as many candidates as wanted are then compared at full width. How many cells are visited is chosen on 500 rows
whose true neighbours were found by comparing them with every row, and the recall is measured on 500 others.

FAISS and torch each bring a thread pool that does not bear the other, so where torch is loaded the search runs in a
child process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.rows import Embeddings, Unit, unit_or_zero_rows
from egoclean.errors import EgocleanError

_PROJECTED = 64
_ROWS_A_CELL = 250
_TRAINING_ROWS_A_CELL = 40
_PROJECTION_ROWS = 8000
_QUERIES = 1000
_CANDIDATES = 2
_NEAREST = 10
_WANTED_RECALL = 0.95
_LEAST_GAIN = 0.001
"""Recall that a widening must have brought for the next: where candidates are what lacks, more cells only cost time."""
_FULL_FLOAT_BYTES = 1 << 30
_BLOCK_ROWS = 16384
_CHILD = "import sys; from egoclean.core.approximate import _search_files; _search_files(sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Parameters
    ----------
    neighbours : shape (n, k), int32, nearest first, -1 where there is none; never the row itself.
    cosines : shape (n, k), float32, -1 where there is no neighbour.
    recall : share of the true ten nearest rows that were found, on ``queries`` rows that chose nothing.
    cells, probes : cells in all and cells visited for each row.
    """

    neighbours: NDArray[np.int32]
    cosines: NDArray[np.float32]
    recall: float
    queries: int
    cells: int
    probes: int


def search(embeddings: Embeddings, width: int, seed: int) -> Found:
    """Return the ``width`` nearest rows of each row by cosine, most of them.

    Parameters
    ----------
    embeddings : shape (n, d) with n over 1,000; may be memory-mapped. It is read a block at a time, and kept once as
        float32 up to one gigabyte, as float16 above.
    seed : seed of the cells and of the rows that recall is measured on.

    Raises
    ------
    EgocleanError : when the child process fails.
    """
    if "torch" not in sys.modules:
        return _search(embeddings, width, seed)
    with tempfile.TemporaryDirectory(prefix="egoclean-neighbours-") as folder:
        rows = np.lib.format.open_memmap(
            Path(folder) / "rows.npy", mode="w+", dtype=np.float32, shape=(len(embeddings), embeddings.shape[1])
        )
        for start in range(0, len(embeddings), _BLOCK_ROWS):
            rows[start : start + _BLOCK_ROWS] = unit_or_zero_rows(embeddings, slice(start, start + _BLOCK_ROWS))
        rows.flush()
        command = [sys.executable, "-c", _CHILD, folder, str(width), str(seed)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EgocleanError(
                f"The search for nearest rows ended with status {done.returncode}: {done.stderr.strip()[-500:]}"
            )
        with np.load(Path(folder) / "found.npz") as found:
            numbers = found["numbers"].tolist()
            return Found(found["neighbours"], found["cosines"], numbers[0], *(int(number) for number in numbers[1:]))


def _search_files(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    found = _search(np.load(folder / "rows.npy", mmap_mode="r"), int(arguments[1]), int(arguments[2]))
    numbers = np.array([found.recall, found.queries, found.cells, found.probes], dtype=np.float64)
    np.savez(folder / "found.npz", neighbours=found.neighbours, cosines=found.cosines, numbers=numbers)


def _search(embeddings: Embeddings, width: int, seed: int) -> Found:
    import faiss  # here and not above: it must not load beside torch

    count = len(embeddings)
    generator = np.random.default_rng(seed)
    index = _Index(faiss, embeddings, generator, seed)
    queries = generator.choice(count, size=min(_QUERIES, count), replace=False)
    asked = unit_or_zero_rows(embeddings, queries)
    queries, asked = queries[asked.any(axis=1)], asked[asked.any(axis=1)]  # a zero row is near nothing
    true_rows = _true_nearest(embeddings, asked, queries)
    half = len(queries) // 2
    reached, before = _recall(index, asked[:half], queries[:half], true_rows[:half], width), -1.0
    while reached < _WANTED_RECALL and reached - before > _LEAST_GAIN and index.widen():
        reached, before = _recall(index, asked[:half], queries[:half], true_rows[:half], width), reached
    recall = _recall(index, asked[half:], queries[half:], true_rows[half:], width)
    neighbours = np.empty((count, width), dtype=np.int32)
    cosines = np.empty((count, width), dtype=np.float32)
    for start in range(0, count, _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, count))
        rows = np.arange(block.start, block.stop)
        neighbours[block], cosines[block] = index.nearest(unit_or_zero_rows(embeddings, block), rows, width)
    return Found(neighbours, cosines, recall, len(queries) - half, index.cells, index.probes)


class _Index:
    """Cells over projected rows, and the rows themselves to compare candidates with."""

    def __init__(self, faiss: Any, embeddings: Embeddings, generator: np.random.Generator, seed: int) -> None:
        count, full = embeddings.shape
        narrow = min(_PROJECTED, full)
        self.cells = max(count // _ROWS_A_CELL, 1)
        self._quantiser = faiss.IndexFlatIP(narrow)
        self._inverted = faiss.IndexIVFFlat(self._quantiser, narrow, self.cells, faiss.METRIC_INNER_PRODUCT)
        settings = self._inverted.cp
        settings.niter, settings.seed, settings.spherical = 8, seed % 2**31, True
        settings.max_points_per_centroid, settings.min_points_per_centroid = _TRAINING_ROWS_A_CELL, 1
        basis = _projection(unit_or_zero_rows(embeddings, _sample(count, _PROJECTION_ROWS, generator)), narrow)
        self._projection = faiss.LinearTransform(full, narrow, False)
        faiss.copy_array_to_vector(np.ascontiguousarray(basis.T).ravel(), self._projection.A)
        self._projection.is_trained = True
        self._narrow = faiss.IndexPreTransform(self._projection, self._inverted)
        half_floats = faiss.ScalarQuantizer.QT_fp16
        self._rows = (
            faiss.IndexFlatIP(full)
            if count * full * 4 <= _FULL_FLOAT_BYTES
            else faiss.IndexScalarQuantizer(full, half_floats, faiss.METRIC_INNER_PRODUCT)
        )
        self._whole = faiss.IndexRefine(self._narrow, self._rows)
        self._whole.k_factor = _CANDIDATES
        self._whole.train(unit_or_zero_rows(embeddings, _sample(count, self.cells * _TRAINING_ROWS_A_CELL, generator)))
        for start in range(0, count, _BLOCK_ROWS):
            self._whole.add(unit_or_zero_rows(embeddings, slice(start, start + _BLOCK_ROWS)))
        self.probes = min(4, self.cells)
        self._inverted.nprobe = self.probes

    def widen(self) -> bool:
        """Visit half as many cells more for each row; return false when all are visited already."""
        if self.probes == self.cells:
            return False
        self.probes = min(self.probes + (self.probes + 1) // 2, self.cells)
        self._inverted.nprobe = self.probes
        return True

    def nearest(self, unit: Unit, rows: NDArray[np.int64], width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the nearest rows of ``rows``, whose unit embeddings are ``unit``, without themselves."""
        cosines, found = self._whole.search(unit, width + 1)
        cosines[(found == rows[:, None]) | (found < 0)] = -2.0
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :width]
        cosines, found = np.take_along_axis(cosines, order, axis=1), np.take_along_axis(found, order, axis=1)
        missing = cosines < -1.5
        found[missing], cosines[missing] = -1, -1.0
        return found.astype(np.int32), cosines


def _true_nearest(embeddings: Embeddings, asked: Unit, queries: NDArray[np.int64]) -> NDArray[np.int64]:
    best = np.full((len(asked), _NEAREST), -2.0, dtype=np.float32)
    rows = np.full((len(asked), _NEAREST), -1, dtype=np.int64)
    for start in range(0, len(embeddings), _BLOCK_ROWS):
        near = asked @ unit_or_zero_rows(embeddings, slice(start, start + _BLOCK_ROWS)).T
        inside = np.flatnonzero((queries >= start) & (queries < start + near.shape[1]))
        near[inside, queries[inside] - start] = -2.0
        first = max(near.shape[1] - _NEAREST, 0)
        columns = np.argpartition(near, first, axis=1)[:, first:]
        values = np.concatenate([best, np.take_along_axis(near, columns, axis=1)], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :_NEAREST]
        best = np.take_along_axis(values, order, axis=1)
        rows = np.take_along_axis(np.concatenate([rows, columns + start], axis=1), order, axis=1)
    return rows


def _recall(index: _Index, asked: Unit, queries: NDArray[np.int64], true_rows: NDArray[np.int64], width: int) -> float:
    if len(queries) == 0:
        return 1.0
    # As wide as the graph will be: the number of candidates goes with it.
    found, _ = index.nearest(asked, queries, width)
    return float((true_rows[:, :, None] == found[:, None, :]).any(axis=2).mean())


def _projection(sample: Unit, width: int) -> Unit:
    _, vectors = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return np.ascontiguousarray(vectors[:, ::-1][:, :width], dtype=np.float32)


def _sample(count: int, wanted: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(generator.choice(count, size=min(wanted, count), replace=False)).astype(np.int64)
