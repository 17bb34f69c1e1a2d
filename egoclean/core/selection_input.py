"""The rows that a selection is made from, and what is known about each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Labels = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class SelectionInput:
    """Rows to choose from; every array has one entry a row, in the same order.

    Parameters
    ----------
    embeddings : shape (n, d); a row with NaN has no embedding. May be memory-mapped.
    signals : raw values by name, shape (n,) each; NaN where a row has none.
    ids : unique names that break ties; None lets the rows' bytes break them.
    space : embedding space of each row; rows of different spaces are never compared. A narrower space leaves its last
        columns NaN.
    groups : group within which signals are calibrated, such as the camera.
    quota_groups : group that caps, least counts and typical cycles are about, such as the worker; None takes
        ``groups``.
    clips, times_s, durations_s : clip of each row, its start in seconds and how long it lasts.
    cycles : number of the work cycle in its clip, -1 outside cycles; ``idle`` : whether nothing happens.
    anomalous : rows that thinning of cycles never leaves out.
    must_have, must_not : what a person decided; the first is chosen before all others, whatever the thresholds.

    Raises
    ------
    UsageError : when an array has another number of rows than the embeddings, or a row is both must-have and must-not.
    """

    embeddings: NDArray[np.floating]
    signals: Mapping[str, Floats] = field(default_factory=dict)
    ids: tuple[str, ...] | None = None
    space: Labels | None = None
    groups: Labels | None = None
    quota_groups: Labels | None = None
    clips: Labels | None = None
    times_s: Floats | None = None
    durations_s: Floats | None = None
    cycles: Rows | None = None
    idle: Flags | None = None
    anomalous: Flags | None = None
    must_have: Flags | None = None
    must_not: Flags | None = None

    def __post_init__(self) -> None:
        """Check that the arrays belong together."""
        if self.embeddings.ndim != 2:
            raise UsageError(f"Embeddings must be of shape (rows, width), found {self.embeddings.shape}.")
        for name, values in (*self._columns().items(), *self.signals.items()):
            if len(values) != self.row_count:
                raise UsageError(f"There are {self.row_count} embeddings and {len(values)} values of {name!r}.")
        both = np.flatnonzero(self.flags("must_have") & self.flags("must_not"))
        if len(both):
            raise UsageError(f"Row {both[0]} is both a must-have and a must-not.", "Decide for one of them.")

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.embeddings)

    def flags(self, name: str) -> Flags:
        """Return ``idle``, ``anomalous``, ``must_have`` or ``must_not`` as flags; all false where it was not given."""
        values = getattr(self, name)
        return np.zeros(self.row_count, dtype=np.bool_) if values is None else np.asarray(values, dtype=np.bool_)

    def labels(self, name: str) -> tuple[tuple[str, ...], Rows]:
        """Return the sorted names of a column of labels and the number of each row's label.

        A column that was not given is one group named ``all``.
        """
        values = getattr(self, name)
        if values is None:
            return ("all",), np.zeros(self.row_count, dtype=np.int64)
        names, numbers = np.unique(np.asarray(values).astype(np.str_), return_inverse=True)
        return tuple(names.tolist()), numbers.astype(np.int64)

    def column(self, name: str, needed_for: str) -> Floats:
        """Return ``times_s`` or ``durations_s`` as float64.

        Raises
        ------
        UsageError : when it was not given, or holds something that is not a number.
        """
        values = getattr(self, name)
        if values is None:
            raise UsageError(f"{needed_for} needs {name} of each row, and none were given.")
        numbers = np.asarray(values, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise UsageError(f"{needed_for} needs {name}, and row {np.flatnonzero(~np.isfinite(numbers))[0]} has none.")
        return numbers

    def in_order(self, order: Rows) -> SelectionInput:
        """Return everything but the embeddings in another order; those stay as they are, they may be on disk."""
        columns: dict[str, Any] = {name: np.asarray(values)[order] for name, values in self._columns().items()}
        signals = {name: np.asarray(values, dtype=np.float64)[order] for name, values in self.signals.items()}
        ids = None if self.ids is None else tuple(self.ids[row] for row in order.tolist())
        return dataclasses.replace(self, signals=signals, ids=ids, **columns)

    def _columns(self) -> dict[str, Labels]:
        names = (item.name for item in dataclasses.fields(self) if item.name not in ("embeddings", "signals", "ids"))
        return {name: values for name in names if (values := getattr(self, name)) is not None}
