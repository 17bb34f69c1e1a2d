"""The measures behind :mod:`model_quality`: fill-in baseline, ranks, neighbours, events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.ndimage import gaussian_filter
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

Floats = NDArray[np.float64]

SMOOTHING_PX = 1.5


def fill_in_errors(frames: NDArray[np.uint8], mask: NDArray[np.bool_], patch_px: int) -> tuple[float, float]:
    """Return the mean squared error of filling hidden patches in from the visible ones of the same frame.

    Hidden pixels are interpolated linearly between the visible ones around them and smoothed; patches are then
    normalised as the model's targets are. The second number is the error after scaling the fill by the factor that
    suits this window best, which no honest predictor could know: the strongest fill there is.
    """
    places = frames.shape[1] // patch_px
    hidden = np.kron(mask.reshape(-1, places, places)[0], np.ones((patch_px, patch_px), bool))
    seen, asked = np.argwhere(~hidden), np.argwhere(hidden)
    known = frames[:, ~hidden].transpose(1, 0, 2).reshape(len(seen), -1).astype(float)
    inside, nearest = LinearNDInterpolator(seen, known)(asked), NearestNDInterpolator(seen, known)(asked)
    filled = frames.astype(float)
    filled[:, hidden] = np.where(np.isnan(inside), nearest, inside).reshape(len(asked), len(frames), 3).swapaxes(0, 1)
    smooth = np.where(hidden[None, :, :, None], gaussian_filter(filled, (0, *(2 * [SMOOTHING_PX]), 0)), filled)
    wanted, found = _normalised(frames, patch_px)[mask], _normalised(smooth, patch_px)[mask]
    scale = max(0.0, float((wanted * found).sum() / max(float((found**2).sum()), 1e-9)))
    return float(((found - wanted) ** 2).mean()), float(((scale * found - wanted) ** 2).mean())


def effective_rank(vectors: Floats) -> float:
    """Return exp of the entropy of the covariance's spectrum: how many directions the vectors really use."""
    spectrum = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    share = spectrum[spectrum > 0] / spectrum.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def unit(vectors: Floats, *, centred: bool) -> Floats:
    """Return rows of length one, after taking their mean away when ``centred``."""
    moved = vectors - vectors.mean(axis=0) if centred else vectors
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)


def across_workers(vectors: Floats, activities: list[str], workers: list[str]) -> float:
    """Return the balanced accuracy of naming each window's work by its nearest neighbour in other workers' clips.

    Works that no other worker does are left out: no neighbour could name them.
    """
    names, people = np.array(activities), np.array(workers)
    shared = [name for name in set(activities) if name and len(set(people[names == name])) > 1]
    rows = np.flatnonzero(np.isin(names, shared))
    similarity = vectors[rows] @ vectors[rows].T
    similarity[people[rows][:, None] == people[rows][None, :]] = -np.inf
    return float(balanced_accuracy_score(names[rows], names[rows][similarity.argmax(axis=1)]))


def neighbour_distance(vectors: Floats, clips: list[str], starts_s: Floats, *, own_clip: bool, k: int = 5) -> Floats:
    """Return the mean cosine distance to the ``k`` nearest windows that share no frame with it."""
    names = np.array(clips)
    similarity = vectors @ vectors.T
    same = names[:, None] == names[None, :]
    similarity[same & (np.abs(starts_s[:, None] - starts_s[None, :]) < 2.5)] = -np.inf
    if own_clip:
        similarity[~same] = -np.inf
    best = np.sort(similarity, axis=1)[:, -k:]
    return np.asarray(1.0 - np.where(np.isfinite(best), best, np.nan)).astype(float).mean(axis=1)


def event_auroc(signals: dict[str, Floats], events: list[str], clips: list[str]) -> dict[str, dict[str, float]]:
    """Return the AUROC of windows in events against ordinary ones, raw and after z-scoring within each clip.

    Below 0.5 the signal is low in events. Windows that an event only touches are left out.
    """
    labels, names = np.array(events), np.array(clips)
    table = {}
    for signal, values in signals.items():
        scored = values.copy()
        for name in set(clips):
            own = names == name
            scored[own] = (values[own] - np.nanmean(values[own])) / (np.nanstd(values[own]) + 1e-9)
        row = {}
        for kind in ["all", *sorted(set(events) - {"ordinary", "edge"})]:
            inside = ~np.isin(labels, ["ordinary", "edge"]) if kind == "all" else labels == kind
            chosen = (inside | (labels == "ordinary")) & np.isfinite(values)
            row[kind] = round(float(roc_auc_score(inside[chosen], scored[chosen])), 3)
            if kind == "all":
                row["all, raw"] = round(float(roc_auc_score(inside[chosen], values[chosen])), 3)
        table[signal] = row
    return table


def _normalised(frames: NDArray[np.generic], patch_px: int) -> Floats:
    time, places = len(frames) // 2, frames.shape[1] // patch_px
    split = frames.astype(np.float64).reshape(time, 2, places, patch_px, places, patch_px, 3)
    tokens = split.transpose(0, 2, 4, 1, 3, 5, 6).reshape(time * places * places, -1, 3) / 255
    return np.asarray(
        (tokens - tokens.mean(axis=1, keepdims=True)) / (tokens.std(axis=1, ddof=1, keepdims=True) + 1e-6)
    )
