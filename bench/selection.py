"""Time and memory of a selection on made-up embeddings.

``python bench/selection.py --rows 100000`` makes rows of 1,024 numbers (intrinsic dimension 32, a thousand clusters of
Zipf sizes, a fifth of the rows near-duplicates of others), selects a tenth and moves budget and threshold.
Up to 20,000 rows apricot-select's facility location on all pairs is timed beside it, where it is installed. Writes
``bench/results/selection_ROWS.json``. A file named select.py would hide the standard library's from the others.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.budget import parse_budget
from egoclean.core.eligibility import passing_rows, thresholds_of
from egoclean.core.prepare import Prepared, prepare
from egoclean.core.rows import unit_or_zero_rows
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput

WIDTH, INTRINSIC, CLUSTERS, DUPLICATES, BLOCK = 1024, 32, 1000, 0.2, 50_000
MOST_PAIRS = 20_000
THRESHOLDS = (-0.5, 0.0, 0.5, -1.0, -0.5)
"""Least scores that the threshold is moved to, one after the other; scores are spread as a standard normal."""


def write_rows(path: Path, rows: int, kind: str, seed: int = 0) -> None:
    """Write ``rows`` embeddings of type ``kind`` to a .npy file, block by block."""
    generator = np.random.default_rng(seed)
    plane = np.linalg.qr(generator.normal(size=(WIDTH, INTRINSIC)))[0].T.astype(np.float32)
    centres = generator.normal(size=(CLUSTERS, INTRINSIC)).astype(np.float32)
    sizes = 1 / np.arange(1, CLUSTERS + 1)
    unfinished = path.with_suffix(".unfinished")
    out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=kind, shape=(rows, WIDTH))
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        cluster = generator.choice(CLUSTERS, size=count, p=sizes / sizes.sum())
        latent = centres[cluster] + 0.5 * generator.normal(size=(count, INTRINSIC)).astype(np.float32)
        copies = generator.random(count) < DUPLICATES
        latent[copies] = latent[generator.integers(count, size=int(copies.sum()))]
        latent += 0.01 * generator.normal(size=latent.shape).astype(np.float32)
        out[start : start + count] = latent @ plane + 0.01 * generator.normal(size=(count, WIDTH)).astype(np.float32)
    out.flush()
    unfinished.replace(path)


def exact_recall(embeddings: NDArray[np.floating], prepared: Prepared, queries: int, nearest: int = 10) -> float:
    """Return recall@10 of the graph on rows that its own measure did not use."""
    graph = prepared.spaces[0].graph
    assert graph is not None
    asked = np.random.default_rng(12345).choice(len(embeddings), size=queries, replace=False)
    wanted = unit_or_zero_rows(embeddings, prepared.order[asked])
    best = np.full((queries, nearest), -2.0, dtype=np.float32)
    for start in range(0, len(embeddings), BLOCK):
        rows = prepared.order[start : start + BLOCK]
        near = wanted @ unit_or_zero_rows(embeddings, rows).T
        inside = np.flatnonzero((asked >= start) & (asked < start + len(rows)))
        near[inside, asked[inside] - start] = -2.0
        best = -np.sort(-np.concatenate([best, -np.partition(-near, nearest, axis=1)[:, :nearest]], axis=1), axis=1)
        best = best[:, :nearest]
    similarity = np.array([graph.similarity_of(float(value)) for value in best[:, -1]])
    return float((graph.similarities[asked][:, :nearest] >= similarity[:, None] - 2e-5).mean())


def apricot_order(embeddings: NDArray[np.floating], budget: int) -> NDArray[np.int64]:
    """Return what apricot-select's facility location takes, all pairs compared by cosine as it does by default."""
    from apricot import FacilityLocationSelection

    unit = unit_or_zero_rows(embeddings, slice(None))
    near = np.clip(unit @ unit.T, 0, None).astype(np.float64)
    return np.asarray(FacilityLocationSelection(budget, metric="precomputed").fit(near).ranking)


def mean_nearness(embeddings: NDArray[np.floating], chosen: NDArray[np.int64]) -> float:
    """Return the mean cosine of a row with the chosen row nearest to it: what both maximise, apart from weights."""
    unit = unit_or_zero_rows(embeddings, slice(None))
    return float(np.concatenate([(part @ unit[chosen].T).max(axis=1) for part in np.array_split(unit, 20)]).mean())


Result = TypeVar("Result")


class Clock:
    """Wall and processor seconds of named steps."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, work: Callable[[], Result]) -> Result:
        """Do ``work`` and note what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.steps[name] = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(f"{name}: {self.steps[name]}", file=sys.stderr, flush=True)
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kind", default="float32", choices=("float16", "float32"))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    path = arguments.folder / f"select_{arguments.rows}_{arguments.kind}.npy"
    if not path.exists():
        write_rows(path, arguments.rows, arguments.kind)
    embeddings = np.load(path, mmap_mode="r")
    score = np.random.default_rng(1).normal(size=arguments.rows)
    data = SelectionInput(embeddings, signals={"score": score}, durations_s=np.full(arguments.rows, 2.0))
    clock, config = Clock(), SelectConfig(budget="10%")
    prepared = clock("graph", lambda: prepare(data))
    selection = clock("selection", lambda: select(data, config, prepared))
    moved = [SelectConfig(budget="10%", minimum_score=score) for score in THRESHOLDS]
    clock("budget move", lambda: selection.cut(parse_budget("7%")).reason_counts())
    clock("threshold count", lambda: int(passing_rows(data.signals, thresholds_of(moved[0]), arguments.rows).sum()))
    for score, settings in zip(THRESHOLDS, moved, strict=True):
        clock(f"threshold moved to {score}", partial(select, data, settings, prepared))
    moves_s = [step["wall_s"] for name, step in clock.steps.items() if name.startswith("threshold moved")]
    nearness = {"egoclean": mean_nearness(embeddings, selection.rows)} if arguments.rows <= MOST_PAIRS else {}
    if nearness and importlib.util.find_spec("apricot") is not None:
        apricot_order(embeddings[:500], 20)  # compiles it
        taken = clock("apricot-select", lambda: apricot_order(embeddings, selection.length))
        nearness["apricot-select"] = mean_nearness(embeddings, taken)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    graph = prepared.spaces[0].graph
    assert graph is not None
    result = {
        "rows": arguments.rows,
        "width": WIDTH,
        "kind": arguments.kind,
        "neighbours": graph.width,
        "cells": graph.cells,
        "probes": graph.probes,
        "recall_at_10_reported": graph.recall,
        "recall_at_10_fresh_queries": exact_recall(embeddings, prepared, 1000),
        "chosen": selection.length,
        "coverage": float(selection.gains.sum()),
        "mean_nearness": nearness,
        "steps": clock.steps,
        "threshold_move_wall_s": {"median": float(np.median(moves_s)), "slowest": max(moves_s)},
        "peak_bytes": peak_bytes,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    out = Path(__file__).parent / "results" / f"selection_{arguments.rows}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
