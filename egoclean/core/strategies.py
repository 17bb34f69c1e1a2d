"""The strategy of each name, made ready for a set of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egoclean.config import SelectConfig
from egoclean.core.coverage import DenseGains, GraphGains
from egoclean.core.eligibility import row_weights
from egoclean.core.greedy import LazyGreedy
from egoclean.core.neighbours import background_cosine
from egoclean.core.pickers import (
    FarthestFirst,
    ListPicker,
    Picker,
    cluster_order,
    random_order,
    score_order,
    uniform_order,
)
from egoclean.core.prepare import Prepared
from egoclean.core.rows import Unit
from egoclean.core.selection_input import SelectionInput
from egoclean.errors import UsageError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

GAIN_MEANING: Mapping[str, str] = {
    "knn": "adds {gain:.3%} of coverage, the most of all rows left",
    "facility": "adds {gain:.3%} of coverage, the most of all rows left",
    "kcenter": "farthest from the rows chosen before, at a cosine distance of {gain:.3f}",
    "cluster": "next of its cluster, at {gain:.3f} to its centre",
    "score": "highest value left, {gain:.3f}",
    "uniform": "evenly spread in time",
    "random": "drawn at random",
}
"""Why a row was chosen, for each strategy; a form that ``gain`` is filled into.

Its gain is, for ``knn`` and ``facility``, the share of coverage added; for ``kcenter`` the cosine distance to the rows
chosen before; for ``cluster`` the similarity to the cluster's centre; for ``score`` the calibrated value; for
``uniform`` and ``random`` 0.
"""

MOST_FACILITY_ROWS = 50_000
"""Most rows that ``facility`` compares pair by pair."""


def make_picker(
    ordered: SelectionInput,
    config: SelectConfig,
    prepared: Prepared,
    values: Floats,
    part_of: Rows,
    closed: Flags,
    undemanded: Flags,
) -> tuple[Picker, float]:
    """Return the picker of ``config.strategy`` and what its gains are divided by; everything by position.

    ``undemanded`` rows count for nothing in coverage; near-duplicates that may not be chosen still count.

    Raises
    ------
    UsageError : for ``score`` without signals, ``uniform`` without times and ``facility`` of too many rows.
    """
    if config.strategy in ("knn", "facility"):
        return _coverage_picker(ordered, config, prepared, values, part_of, closed, undemanded)
    if config.strategy == "kcenter":
        return FarthestFirst(_open_spaces(ordered, prepared, closed), part_of, closed), 1.0
    order, gains = _fixed_order(ordered, config, prepared, values, closed)
    return ListPicker(order, gains, part_of, closed), 1.0


def _coverage_picker(
    ordered: SelectionInput,
    config: SelectConfig,
    prepared: Prepared,
    values: Floats,
    part_of: Rows,
    closed: Flags,
    undemanded: Flags,
) -> tuple[Picker, float]:
    weights = row_weights(values, config.value_strength)
    total = float(weights[~undemanded].sum()) or 1.0
    if config.strategy == "knn":
        return LazyGreedy(GraphGains(prepared.worth(weights), ~undemanded, part_of >= 0), part_of, closed), total
    weights[undemanded] = 0.0
    count = int((~undemanded).sum())
    if count > MOST_FACILITY_ROWS:
        raise UsageError(
            f"The strategy 'facility' compares every pair, and {count:,} rows are too many.", "Use the strategy knn."
        )
    demanded = _open_spaces(ordered, prepared, undemanded)
    spaces = [(rows, unit, _background(prepared, rows, unit)) for rows, unit in demanded]
    return LazyGreedy(DenseGains(spaces, weights), part_of, closed), total


def _fixed_order(
    ordered: SelectionInput, config: SelectConfig, prepared: Prepared, values: Floats, closed: Flags
) -> tuple[Rows, Floats]:
    nothing = np.zeros(ordered.row_count)
    if config.strategy == "random":
        return random_order(ordered.row_count, config.seed), nothing
    if config.strategy == "uniform":
        _, clips = ordered.labels("clips")
        return uniform_order(clips, ordered.column("times_s", "The strategy 'uniform'")), nothing
    if config.strategy == "score":
        if not ordered.signals:
            raise UsageError("The strategy 'score' needs a score, and no signals were given.", "Give scores.")
        return score_order(values), np.nan_to_num(values, nan=0.0)
    return _clustered(ordered, config, prepared, values, closed)


def _clustered(
    ordered: SelectionInput, config: SelectConfig, prepared: Prepared, values: Floats, closed: Flags
) -> tuple[Rows, Floats]:
    orders, gains = [np.flatnonzero(closed)], np.zeros(ordered.row_count)
    for rows, unit in _open_spaces(ordered, prepared, closed):
        count = config.clusters or max(round(len(rows) ** 0.5), 1)
        order, nearness = cluster_order(unit, values[rows], count, config.seed)
        orders.append(rows[order])
        gains[rows] = nearness
    return np.concatenate(orders), gains


def _open_spaces(ordered: SelectionInput, prepared: Prepared, closed: Flags) -> list[tuple[Rows, Unit]]:
    parts = [space.positions[~closed[space.positions]] for space in prepared.spaces]
    return [(rows, prepared.unit(ordered.embeddings, rows)) for rows in parts if len(rows)]


def _background(prepared: Prepared, rows: Rows, unit: Unit) -> float:
    graph = prepared.spaces[int(prepared.space_of[rows[0]])].graph
    return background_cosine(unit) if graph is None else graph.background
