"""What a selection needs of the rows and not of the settings: their order and the graph. Made once, then re-cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.core.coverage import Reach, Worth, reach_of, worth_of
from egoclean.core.duplicates import ClosePairs
from egoclean.core.neighbours import NeighbourGraph, Progress, build_graph
from egoclean.core.rows import Unit, canonical_order, finite_rows, unit_or_zero_rows
from egoclean.core.selection_input import SelectionInput

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space: the positions of its rows, how many columns it fills, and its graph over those positions."""

    positions: Rows
    width: int
    graph: NeighbourGraph | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows in the order that breaks ties; a position is a place in that order.

    Parameters
    ----------
    order : shape (n,), the row at each position.
    space_of : shape (n,), number of the space of each position; ``embedded`` : whether it has an embedding.
    spaces : the embedding spaces in the order of their names.
    reach : who stands for whom, over positions; None when no graph was asked for.
    close_pairs : positions so similar that they may be near-duplicates; None likewise.
    """

    order: Rows
    space_of: Rows
    embedded: Flags
    spaces: tuple[Space, ...]
    reach: Reach | None
    close_pairs: ClosePairs | None
    _last_worth: list[Worth] = field(default_factory=list, repr=False, compare=False)

    def worth(self, weights: Floats) -> Worth:
        """Return what every edge of the graphs is worth with these weights; of the last weights it is at hand.

        Thresholds, quotas and budgets leave the weights as they are: a re-cut need not weigh the graph again.
        """
        assert self.reach is not None
        last = self._last_worth[:1]
        if not last or not np.array_equal(last[0].weights, weights):
            last = self._last_worth[:] = [worth_of(self.reach, weights)]
        return last[0]

    @property
    def recall(self) -> float | None:
        """Least measured recall@10 of the graphs, 1 when all are exact, None without a graph."""
        graphs = [space.graph for space in self.spaces if space.graph is not None]
        return min((graph.recall for graph in graphs), default=None)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence about each graph that is approximate."""
        return tuple(
            f"Neighbours of {graph.row_count:,} rows were searched for in {graph.probes} of {graph.cells:,} cells: "
            f"recall@10 is {graph.recall:.3f}, measured on {graph.recall_queries:,} rows."
            for graph in (space.graph for space in self.spaces)
            if graph is not None and not graph.exact
        )

    def unit(self, embeddings: NDArray[np.floating], positions: Rows) -> Unit:
        """Return the unit embeddings of positions of one space, shape (m, width of the space)."""
        if len(positions) == 0:
            return np.zeros((0, 0), dtype=np.float32)
        width = self.spaces[int(self.space_of[positions[0]])].width
        return unit_or_zero_rows(embeddings[:, :width], self.order[positions])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything but what follows from the graph as named arrays, to be stored."""
        result: dict[str, NDArray[Any]] = {
            "order": self.order,
            "space_of": self.space_of,
            "embedded": self.embedded,
            "widths": np.array([space.width for space in self.spaces], dtype=np.int64),
        }
        for number, space in enumerate(self.spaces):
            if (graph := space.graph) is not None:
                result[f"neighbours_{number}"] = graph.neighbours
                result[f"similarities_{number}"] = graph.similarities
                result[f"graph_{number}"] = np.array(
                    [graph.background, graph.exact, graph.recall, graph.recall_queries, graph.cells, graph.probes]
                )
        return result


def prepare(
    data: SelectionInput, neighbours: int = 0, with_graph: bool = True, progress: Progress | None = None
) -> Prepared:
    """Return the order of the rows and, unless ``with_graph`` is false, the kNN graph of each embedding space.

    Parameters
    ----------
    data : only ``embeddings``, ``ids`` and ``space`` are looked at.
    neighbours : neighbours a row keeps; 0 chooses it from the number of rows.
    progress : called with rows done and rows in all, space by space.

    Raises
    ------
    UsageError : for an id that stands on two rows.
    """
    order = canonical_order(data.embeddings, data.ids)
    names, space_numbers = data.labels("space")
    space_of = space_numbers[order]
    embedded = np.zeros(len(order), dtype=np.bool_)
    spaces = []
    for number in range(len(names)):
        positions = np.flatnonzero(space_of == number)
        width = _filled_columns(data.embeddings, order[positions]) if len(names) > 1 else data.embeddings.shape[1]
        narrow = data.embeddings[:, :width]
        embedded[positions] = _finite(narrow, order[positions]) if width else False
        graph = build_graph(_Reordered(narrow, order[positions]), neighbours, progress=progress) if with_graph else None
        spaces.append(Space(positions, width, graph))
    return _assembled(order, space_of, embedded, tuple(spaces))


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Prepared:
    """Return what :meth:`Prepared.arrays` was made from."""
    space_of = np.asarray(arrays["space_of"])
    spaces = []
    for number, width in enumerate(np.asarray(arrays["widths"]).tolist()):
        graph = None
        if f"graph_{number}" in arrays:
            background, exact, recall, queries, cells, probes = np.asarray(arrays[f"graph_{number}"]).tolist()
            graph = NeighbourGraph(
                np.asarray(arrays[f"neighbours_{number}"]),
                np.asarray(arrays[f"similarities_{number}"]),
                background,
                bool(exact),
                recall,
                int(queries),
                int(cells),
                int(probes),
            )
        spaces.append(Space(np.flatnonzero(space_of == number), int(width), graph))
    return _assembled(np.asarray(arrays["order"]), space_of, np.asarray(arrays["embedded"]), tuple(spaces))


def _assembled(order: Rows, space_of: Rows, embedded: Flags, spaces: tuple[Space, ...]) -> Prepared:
    parts = [(space.positions, space.graph) for space in spaces if space.graph is not None]
    reach = reach_of(parts, len(order)) if len(parts) == len(spaces) else None
    return Prepared(order, space_of, embedded, spaces, reach, ClosePairs.of(reach) if reach else None)


def _filled_columns(embeddings: NDArray[np.floating], rows: Rows) -> int:
    filled = np.zeros(embeddings.shape[1], dtype=np.bool_)
    for start in range(0, len(rows), 8192):
        filled |= np.isfinite(embeddings[rows[start : start + 8192]]).any(axis=0)
    return int(np.flatnonzero(filled).max(initial=-1)) + 1


def _finite(embeddings: NDArray[np.floating], rows: Rows) -> Flags:
    return finite_rows(embeddings)[rows]


class _Reordered:
    """Rows of an array in another order, read when they are asked for."""

    def __init__(self, embeddings: NDArray[np.floating], rows: Rows) -> None:
        self._embeddings, self._rows = embeddings, rows

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self._rows), self._embeddings.shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, wanted: Rows | slice) -> NDArray[np.floating]:
        return np.asarray(self._embeddings[self._rows[wanted]])
