"""A selection beside the same number of windows drawn at random, evenly in time, and by score alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from egoclean.charts.selection_charts import coverage_curve
from egoclean.library import Library, SelectionView
from egoclean.ui import loaders
from egoclean.ui.glossary import meaning

_MOST_ROWS: Final = 20_000
_DRAWS: Final = 5
_NEIGHBOUR: Final = 10
_CURVE_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of the selection and its rivals, one row each, coverage over budget, and what they were made on."""

    table: pd.DataFrame
    curve: go.Figure
    note: str


def compare(library: Library, view: SelectionView) -> Comparison:
    """Return the comparison of a saved selection with its rivals at the same number of windows."""
    stamp = (*loaders.file_stamp(library.windows_file), *loaders.file_stamp(library.project.selections / "latest.json"))
    return _compare(library, stamp, view)


def columns() -> dict[str, Any]:
    """Return how the comparison's columns are named, explained and written."""
    return {
        "which": st.column_config.TextColumn("chosen by", help="random: the mean of five draws."),
        "coverage": _share("coverage", meaning("coverage") + " Higher = stands for more."),
        "redundancy": _share(
            "redundancy", "Share of the chosen windows with another chosen one just as close. Lower = less said twice."
        ),
        "groups": _share(
            "groups met",
            "Share of all workers and scenes with at least one chosen window. Higher = nobody is forgotten.",
        ),
    }


def coverage_of(rows: NDArray[np.float32], chosen: NDArray[np.int64], radius: float) -> tuple[float, float]:
    """Return ``(coverage, redundancy)`` of chosen rows at a cosine distance ``radius``.

    Coverage is the share of all rows with a chosen row within ``radius``; redundancy the share of chosen rows with
    another chosen one within it. ``rows`` are of unit length, shape (n, d); 0 and 0 when nothing is chosen.
    """
    if len(chosen) == 0:
        return 0.0, 0.0
    likeness = rows @ rows[chosen].T
    among = likeness[chosen]
    np.fill_diagonal(among, -2.0)
    limit = 1.0 - radius - 1e-6
    return float((likeness.max(axis=1) >= limit).mean()), float((among.max(axis=1) >= limit).mean())


def coverage_by_budget(
    rows: NDArray[np.float32], order: NDArray[np.int64], radius: float, budgets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the coverage of the first ``budgets[i]`` rows of ``order``, as :func:`coverage_of` counts it."""
    near = rows @ rows[order].T >= 1.0 - radius - 1e-6
    first = np.where(near.any(axis=1), near.argmax(axis=1), len(order))
    return np.array([float((first < budget).mean()) for budget in budgets])


def neighbour_radius(rows: NDArray[np.float32], neighbour: int = _NEIGHBOUR) -> float:
    """Return the median cosine distance of a row to its tenth nearest neighbour, from at most 2,000 rows."""
    sample = rows[:: max(1, len(rows) // 2000)]
    if len(rows) <= neighbour:
        return 0.0
    likeness = np.partition(sample @ rows.T, -(neighbour + 1), axis=1)[:, -(neighbour + 1)]
    return float(max(0.0, np.median(1.0 - likeness)))


def _share(label: str, text: str) -> Any:
    return st.column_config.ProgressColumn(label, help=text, min_value=0, max_value=100, format="%.0f %%")


@st.cache_resource(show_spinner="Comparing with random choices…", max_entries=4)
def _compare(_library: Library, stamp: loaders.Stamp, _view: SelectionView) -> Comparison:
    windows = loaders.windows(_library)
    windows = windows.iloc[:: max(1, -(-len(windows) // _MOST_ROWS))]
    embeddings = _library.embeddings(windows)
    there = np.isfinite(embeddings).all(axis=1) if embeddings.shape[1] else np.zeros(len(windows), dtype=bool)
    windows, embeddings = windows[there].reset_index(drop=True), embeddings[there]
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    radius = neighbour_radius(unit)
    place = pd.Series(np.arange(len(windows)), index=windows["row"])
    chosen = place.reindex(_view.chosen.sort_values("rank")["row"]).dropna().to_numpy(dtype=np.int64)
    rivals = {"this selection": [chosen], **_rivals(windows, len(chosen))}
    groups = windows["worker"].fillna(windows["scene"]).fillna(windows["clip_id"]).astype(str)
    rows = []
    for name, draws in rivals.items():
        met = [groups.iloc[draw].nunique() / max(1, groups.nunique()) for draw in draws]
        figures = [(*coverage_of(unit, draw, radius), share) for draw, share in zip(draws, met, strict=True)]
        rows.append((name, *(100 * np.mean(figures, axis=0)).round(1)))
    note = (
        f"{len(chosen):,} of {len(windows):,} windows each. Close means a cosine distance of at most {radius:.4f}, "
        "the median distance to the tenth nearest neighbour. Judged by the embeddings alone: what a model trained "
        "on them makes of it is not measured here."
    )
    table = pd.DataFrame(rows, columns=["which", "coverage", "redundancy", "groups"])
    return Comparison(table, _curve(unit, radius, rivals), note)


def _curve(unit: NDArray[np.float32], radius: float, rivals: Mapping[str, list[NDArray[np.int64]]]) -> go.Figure:
    many = len(next(iter(rivals.values()))[0])
    budgets = np.unique(np.linspace(1, max(1, many), min(_CURVE_POINTS, max(1, many))).astype(np.int64))
    lines: dict[str, tuple[Any, Any]] = {}
    bands: dict[str, tuple[Any, Any]] = {}
    for name, draws in rivals.items():
        if name == "evenly in time":
            continue
        values = np.stack([coverage_by_budget(unit, draw, radius, budgets) for draw in draws])
        lines[name] = (budgets, values.mean(axis=0))
        if len(draws) > 1:
            bands[name] = (values.min(axis=0), values.max(axis=0))
    return coverage_curve(lines, bands=bands).update_traces(mode="lines")


def _rivals(windows: pd.DataFrame, many: int) -> dict[str, list[NDArray[np.int64]]]:
    generator = np.random.default_rng(0)
    rivals = {"random": [generator.choice(len(windows), many, replace=False) for _ in range(_DRAWS)]}
    rivals["evenly in time"] = [np.unique(np.linspace(0, len(windows) - 1, many).round().astype(np.int64))]
    if windows["score"].notna().any():
        rivals["highest score"] = [np.argsort(-windows["score"].fillna(-np.inf).to_numpy(), kind="stable")[:many]]
    return rivals
