"""Time and memory of the analysis of long clips, each in a process of its own.

A clip is hours of the demo world's work with interruptions and changes of light; its truth-made embeddings are turned
into as many dimensions as a large model has. Peak memory is that of the whole process, input included.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from dataclasses import dataclass, replace

import numpy as np
from structure_clips import WINDOW_S, truth_embeddings

from egoclean.core.structure import analyse
from egoclean.demo.describe import sample_clip
from egoclean.demo.timeline import EVENT_DURATIONS_S
from egoclean.demo.world import ACTIVITIES, rng_for

DIMENSIONS = 1024
PATTERN_S = 1200.0


@dataclass(frozen=True)
class Load:
    """One clip's size and the limits it is held to."""

    name: str
    windows: int
    with_tokens: bool
    limit_s: float
    limit_bytes: float


LOADS = (
    Load("1,200 windows with tokens (32 x 1024)", 1200, True, 5.0, 1.5e9),
    Load("36,000 windows of 1024", 36_000, False, 180.0, 2e9),
)


@dataclass(frozen=True)
class Speed:
    """What one analysis took: processor seconds over all cores, seconds on the clock, greatest memory, results."""

    name: str
    cpu_s: float
    clock_s: float
    peak_bytes: float
    input_bytes: float
    cycles: int
    segments: int
    anomalies: int


def long_clip(load: Load, seed: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return embeddings, starts and tokens: 20 minutes of work, repeated with fresh noise until long enough."""
    rng = rng_for(seed, "structure speed")
    plan = tuple((str(name), float(rng.uniform(100, 160))) for name in np.tile(rng.permutation(ACTIVITIES), 2))
    kinds = list(EVENT_DURATIONS_S)
    events = tuple((str(kinds[int(rng.integers(0, 4))]), 0.04 + 0.06 * index) for index in range(16))
    clip = sample_clip(seed, plan, events)
    made = truth_embeddings(clip)
    rows = made.tokens if load.with_tokens else made.means
    turn = (rng.normal(size=(rows.shape[-1], DIMENSIONS)) / np.sqrt(DIMENSIONS)).astype(np.float32)
    chosen = np.arange(load.windows) % len(rows)
    turned = np.concatenate([rows[chosen[a : a + 400]] @ turn for a in range(0, load.windows, 400)])
    turned += 0.01 * rng.standard_normal(turned.shape, dtype=np.float32)
    starts_s = np.arange(load.windows, dtype=np.float64)
    return (turned.mean(axis=1) if load.with_tokens else turned), starts_s, (turned if load.with_tokens else None)


def measure(load: Load) -> Speed:
    """Return what the analysis of one clip takes in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (load,))


def _measured(load: Load) -> Speed:
    means, starts_s, tokens = long_clip(load)
    analyse(means[:60], starts_s[:60], None if tokens is None else tokens[:60], WINDOW_S)
    used_s, began_s = time.process_time(), time.perf_counter()
    found = analyse(means, starts_s, tokens, WINDOW_S)
    speed = Speed(
        load.name,
        time.process_time() - used_s,
        time.perf_counter() - began_s,
        0.0,
        float(means.nbytes + (0 if tokens is None else tokens.nbytes)),
        len(found.cycles),
        len(found.segments),
        len(found.anomalies),
    )
    return replace(speed, peak_bytes=1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
