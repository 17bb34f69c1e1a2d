"""The few-label probe on a project: what a person kept and rejected becomes a signal, and asks for its next labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.core.probe import Probe, fit_probe, propose
from egoclean.core.rows import unit_or_zero_rows
from egoclean.errors import UsageError
from egoclean.library import Library
from egoclean.verbs.decided import decided_windows

PROBE = "probe"
"""The signal's name in expressions and thresholds: the probability that a person would keep a window."""


@dataclass(frozen=True, slots=True)
class SpaceRows:
    """The windows of one embedding space: their positions, unit embeddings, and which of them have an embedding."""

    rows: NDArray[np.int64]
    unit: NDArray[np.float32]
    there: NDArray[np.bool_]


def project_probe(library: Library, windows: pd.DataFrame) -> Probe:
    """Return the probe that has learned from the project's decisions; groups held out are clips.

    Raises
    ------
    UsageError : in no space was something kept and something rejected.
    """
    labels = window_labels(library, windows)
    probe = probe_of(embedding_spaces(windows, library.embeddings), labels, windows["clip_id"].to_numpy(dtype=str))
    if probe is None:
        kept, rejected = int((labels == 1).sum()), int((labels == 0).sum())
        raise UsageError(
            f"A probe needs windows kept and windows rejected, and there are {kept} and {rejected}.",
            "Label some of both on the review page.",
        )
    return probe


def proposed_windows(library: Library, windows: pd.DataFrame, count: int) -> tuple[NDArray[np.int64], Probe | None]:
    """Return the positions of up to ``count`` windows worth labelling next, best first, and the probe so far.

    Without labels of both kinds there is no probe yet, and windows that stand for many others come first.
    """
    labels = window_labels(library, windows)
    spaces = embedding_spaces(windows, library.embeddings)
    probe = probe_of(spaces, labels, windows["clip_id"].to_numpy(dtype=str))
    return propose_of(spaces, labels, probe, count), probe


def window_labels(library: Library, windows: pd.DataFrame) -> NDArray[np.int64]:
    """Return 1 for windows a person keeps, 0 for rejected ones, -1 for the others, shape (n,)."""
    keep, reject = decided_windows(library, windows)
    return np.where(keep, 1, np.where(reject, 0, -1)).astype(np.int64)


def embedding_spaces(
    windows: pd.DataFrame, embeddings_of: Callable[[pd.DataFrame], NDArray[np.float32]]
) -> list[SpaceRows]:
    """Return the windows by embedding space, in the order of the spaces' names; without one they are in none."""
    spaces = []
    for _, rows in windows.groupby("space", sort=True).indices.items():
        embeddings = embeddings_of(windows.iloc[rows])
        there = np.isfinite(embeddings).all(axis=1) & (np.abs(embeddings).max(axis=1, initial=0.0) > 0)
        spaces.append(SpaceRows(np.asarray(rows, dtype=np.int64), unit_or_zero_rows(embeddings, slice(None)), there))
    return spaces


def probe_of(spaces: list[SpaceRows], labels: NDArray[np.int64], clips: NDArray[np.str_]) -> Probe | None:
    """Return the probe learned from ``labels``; None where no space has labels of both kinds.

    Each embedding space learns from its own labels; windows of a space without labels of both kinds have no score. The
    AUROC is that of the space with the most labels.
    """
    scores = np.full(len(labels), np.nan)
    found: list[Probe] = []
    for space in spaces:
        rows = space.rows
        if {0, 1} <= set(labels[rows][space.there].tolist()):
            found.append(fit_probe(space.unit, labels[rows], clips[rows], space.there))
            scores[rows] = found[-1].scores
    if not found:
        return None
    most = max(found, key=lambda probe: probe.kept + probe.rejected)
    kept, rejected = sum(probe.kept for probe in found), sum(probe.rejected for probe in found)
    return Probe(scores, most.auroc, most.folds, kept, rejected, most.note)


def propose_of(
    spaces: list[SpaceRows], labels: NDArray[np.int64], probe: Probe | None, count: int
) -> NDArray[np.int64]:
    """Return the positions of up to ``count`` windows worth labelling next, best first.

    Embedding spaces take turns, each with its share of the windows.
    """
    turns: list[tuple[float, int]] = []
    for space in spaces:
        rows = space.rows
        share = max(1, round(count * len(rows) / max(1, len(labels))))
        scores = None if probe is None or not np.isfinite(probe.scores[rows]).any() else probe.scores[rows]
        found = rows[propose(space.unit, labels[rows], scores, share, space.there)]
        turns += [((turn + 0.5) / share, int(row)) for turn, row in enumerate(found)]
    return np.array([row for _, row in sorted(turns)[:count]], dtype=np.int64)
