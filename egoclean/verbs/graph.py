"""The kNN graph of a project's windows: made once, kept in the cache, read for every selection from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from egoclean.core.prepare import Prepared, from_arrays, prepare
from egoclean.core.selection_input import SelectionInput
from egoclean.library import Library
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.keys import EntryKey, digest, entry_key

GRAPH = "graph"
"""Name under which a project's catalog holds the key of its graph; the entry is one of ``select``."""

_ROW_COLUMNS = ["clip_id", "window", "start_pts", "space"]


@dataclass(frozen=True, slots=True)
class _GraphConfig:
    neighbours: int


def kept_graph(library: Library, windows: pd.DataFrame, data: SelectionInput, neighbours: int) -> Prepared:
    """Return the order of a project's windows and their kNN graph, from the cache or made now and kept there.

    Parameters
    ----------
    windows, data : the same windows as a table and as rows to choose from.
    neighbours : neighbours a row keeps; 0 chooses it from the number of rows.
    """
    key = graph_key(library.steps(), windows, neighbours)
    with library.cache.lock(key):
        entry = library.cache.get(key)
        if entry is not None:
            return from_arrays({path.stem: entry.array(path.name) for path in entry.folder.glob("*.npy")})
        prepared = prepare(data, neighbours)
        with library.cache.building(key) as folder:
            for name, values in prepared.arrays().items():
                np.save(folder / f"{name}.npy", values)
            library.cache.publish(key, folder, {"windows": len(windows), "recall": prepared.recall})
    library.catalog.record([StepRow("", GRAPH, key.key, StepStatus.DONE)])
    return prepared


def graph_key(steps: Iterable[StepRow], windows: pd.DataFrame, neighbours: int) -> EntryKey:
    """Return the address of a graph: the embeddings, which windows have which, and how many neighbours they keep.

    Columns of text may be categories.
    """
    embedded = sorted((row.clip_id, row.key) for row in steps if row.verb == "embed" and row.status is StepStatus.DONE)
    rows = hashlib.sha256()
    for name in _ROW_COLUMNS:
        rows.update(pd.util.hash_pandas_object(windows[name], index=False).to_numpy().tobytes())
    inputs = [digest(embedded), rows.hexdigest()]
    return entry_key("select", inputs=inputs, config=_GraphConfig(neighbours), extra={"result": GRAPH})
