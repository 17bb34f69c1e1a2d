"""Truth-made embeddings: what an ideal but noisy video model would say of a clip of the demo world.

They judge the method apart from the model. A moment is a latent point: the activity and where in its cycle it is,
or the event; glances turn it away, shadows and light changes shift it, the head's sway and the sensor's noise blur
it. Tokens see a little of their whole window and carry a bias of their place in it, as a video transformer's do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egoclean.demo.world import FactoryClip, Timeline, rng_for

WINDOW_S, STRIDE_S, PLACES, WIDTH = 64 / 30, 1.0, 32, 192


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of one clip: ``means`` (n, d), ``tokens`` (n, t, d), ``starts_s`` (n,), each ``window_s`` long."""

    means: np.ndarray
    tokens: np.ndarray
    starts_s: np.ndarray
    window_s: float


def truth_embeddings(clip: FactoryClip, noise: float = 1.0) -> Embeddings:
    """Return the embeddings of a clip; ``noise`` scales every disturbance, 1 is a fair model, 2 a poor one."""
    rng = rng_for(clip.seed, "truth embeddings")
    vectors = _Vectors(rng_for(clip.worker.seed, "truth vectors"))
    starts_s = np.arange(0.0, max(clip.duration_s - WINDOW_S, 0.0) + 1e-9, STRIDE_S)
    offsets_s = (np.arange(PLACES) + 0.5) * WINDOW_S / PLACES
    step_s = WINDOW_S / PLACES
    grid_s = np.arange(0.0, clip.duration_s + step_s, step_s)
    points = np.stack([_moment(clip.timeline, time_s, vectors) for time_s in grid_s])
    points += noise * _sway(rng, len(grid_s), step_s, vectors)
    moments = (starts_s[:, None] + offsets_s).reshape(-1)
    exact = np.stack([np.interp(moments, grid_s, column) for column in points.T], axis=1)
    tokens = exact.reshape(len(starts_s), PLACES, WIDTH)
    tokens = 0.75 * tokens + 0.25 * tokens.mean(axis=1, keepdims=True)
    tokens += rng_for(0, "place").normal(0.0, 0.5, (1, PLACES, WIDTH)) / np.sqrt(WIDTH) * 2
    tokens += noise * 0.9 * rng.normal(size=tokens.shape) / np.sqrt(WIDTH)
    tokens = tokens.astype(np.float32)
    return Embeddings(tokens.mean(axis=1), tokens, starts_s, WINDOW_S)


class _Vectors:
    """Directions of a workplace: drawn once from its seed, asked for by name."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._seed = int(rng.integers(0, 2**31))
        self._known: dict[tuple[str | int, ...], np.ndarray] = {}

    def __call__(self, *name: str | int) -> np.ndarray:
        if name not in self._known:
            vector = rng_for(self._seed, *name).normal(size=WIDTH)
            self._known[name] = vector / np.linalg.norm(vector)
        return self._known[name]


def _moment(timeline: Timeline, time_s: float, vectors: _Vectors) -> np.ndarray:
    scene = 3.0 * vectors("workplace")
    activity = next((span.name for span in timeline.activities if span.start_s <= time_s < span.stop_s), "idle")
    cycle = next((cycle for cycle in timeline.cycles if cycle.start_s <= time_s < cycle.stop_s), None)
    event = next((e for e in timeline.events if e.start_s <= time_s < e.stop_s and e.kind != "light_change"), None)
    if event is not None:
        share = (time_s - event.start_s) / (event.stop_s - event.start_s)
        content = vectors(event.kind) + _path(vectors, event.kind, share) * (0.15 if event.kind == "idle" else 0.8)
    elif cycle is not None:
        phase = (time_s - cycle.start_s) / (cycle.stop_s - cycle.start_s)
        content = 0.7 * vectors(activity) + _loop(vectors, activity, phase)
    else:
        content = 0.8 * vectors("idle")
    for glance in timeline.glances:
        if glance.start_s < time_s < glance.stop_s:
            turned = min(1.0, (time_s - glance.start_s) / 0.45, (glance.stop_s - time_s) / 0.45)
            content = (1 - 0.5 * turned) * content + 0.7 * turned * vectors("glance", round(glance.yaw_deg / 20))
    for shadow in timeline.shadows:
        if shadow.start_s < time_s < shadow.stop_s:
            content = content + shadow.depth * vectors("shadow")
    for light in timeline.events:
        if light.kind == "light_change" and light.start_s <= time_s < light.stop_s:
            content = content + 0.9 * vectors("light", light.variant)
    return scene + content


def _loop(vectors: _Vectors, activity: str, phase: float) -> np.ndarray:
    total = np.zeros(WIDTH)
    for harmonic in (1, 2, 3):
        angle = 2 * np.pi * harmonic * phase
        total += np.cos(angle) * vectors(activity, "cos", harmonic) / harmonic
        total += np.sin(angle) * vectors(activity, "sin", harmonic) / harmonic
    return 0.8 * total


def _path(vectors: _Vectors, name: str, share: float) -> np.ndarray:
    knots = np.stack([vectors(name, "knot", index) for index in range(5)])
    below = min(int(share * 4), 3)
    return knots[below] + (share * 4 - below) * (knots[below + 1] - knots[below])


def _sway(rng: np.random.Generator, count: int, step_s: float, vectors: _Vectors) -> np.ndarray:
    keep = np.exp(-step_s / 1.2)
    drive = rng.normal(size=(count, 6)) * np.sqrt(1 - keep**2)
    walk = np.zeros((count, 6))
    walk[0] = rng.normal(size=6)
    for index in range(1, count):
        walk[index] = keep * walk[index - 1] + drive[index]
    return 0.3 * walk @ np.stack([vectors("sway", index) for index in range(6)])
