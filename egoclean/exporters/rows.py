"""A row of the exported manifest: which seconds of which source to train on, and why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egoclean.errors import SourceError
from egoclean.records import to_plain

MANIFEST_VERSION = 1
"""Raised when a field's meaning changes; fields may be added without it."""


@dataclass(frozen=True, slots=True)
class SignalValue:
    """One signal of one window: its raw value, its value calibrated within its group, and what made it."""

    raw: float
    calibrated: float | None = None
    model: str | None = None
    weights_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One chosen window.

    ``start_s`` and ``stop_s`` count from the clip's first frame, ``start_pts`` and ``stop_pts`` are presentation times
    in ``time_base`` (``"1/15360"``); both stretches are half-open. ``frame_paths`` is for frame sources and holds the
    paths as their manifest stores them. ``carried`` is whatever the input record carried; a carried name that is
    also a column is written as ``source_NAME``.
    """

    clip_id: str
    source_uri: str
    sha256: str
    start_s: float
    stop_s: float
    start_pts: int
    stop_pts: int
    time_base: str
    frame_paths: tuple[str, ...] | None = None
    scene: str | None = None
    camera: str | None = None
    factory: str | None = None
    worker: str | None = None
    signals: Mapping[str, SignalValue] = field(default_factory=dict)
    rank: int = 0
    gain: float = 0.0
    reason: str = ""
    rectification: Mapping[str, Any] | None = None
    licence: str | None = None
    carried: Mapping[str, Any] = field(default_factory=dict)
    manifest_version: int = MANIFEST_VERSION


COLUMNS: tuple[str, ...] = (
    "manifest_version",
    *(item.name for item in dataclasses.fields(ManifestRow) if item.name not in ("manifest_version", "carried")),
)
"""The columns of the contract, in their order; carried fields follow."""

_REQUIRED: Mapping[str, type[Any]] = {
    "clip_id": str,
    "source_uri": str,
    "sha256": str,
    "start_s": float,
    "stop_s": float,
    "start_pts": int,
    "stop_pts": int,
    "time_base": str,
}


def carried_fields(carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``carried`` with every name that is a column of the manifest turned into ``source_NAME``.

    A ``source_NAME`` that is itself taken, by a column or by another carried field, gets another ``source_`` before it.

    >>> carried_fields({"clip_id": "a/1", "fps": 2.0})
    {'source_clip_id': 'a/1', 'fps': 2.0}
    """
    result: dict[str, Any] = {}
    for name, value in carried.items():
        free = name
        while free in COLUMNS or free in result or (free != name and free in carried):
            free = f"source_{free}"
        result[free] = to_plain(value)
    return result


def row_to_plain(row: ManifestRow) -> dict[str, Any]:
    """Return a row as JSON-ready data in the contract's order; ``frame_paths`` is absent where there is none."""
    plain = {name: to_plain(getattr(row, name)) for name in COLUMNS}
    if row.frame_paths is None:
        del plain["frame_paths"]
    return {**plain, **carried_fields(row.carried)}


def row_from_plain(value: Mapping[str, Any], where: str) -> ManifestRow:
    """Return the row that :func:`row_to_plain` made ``value`` of; unknown names are carried.

    Raises
    ------
    SourceError : a column is missing or of another type, or the version is newer; ``where`` and the column are named.
    """
    version = value.get("manifest_version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MANIFEST_VERSION:
        raise SourceError(
            f"{where}: manifest_version must be from 1 to {MANIFEST_VERSION}, found {version!r}.",
            "Read it with the egoclean that wrote it, or a newer one.",
        )
    for name, kind in _REQUIRED.items():
        if not _is_kind(value.get(name), kind):
            raise SourceError(f"{where}: {name} must be of type {kind.__name__}, found {value.get(name)!r}.")
    known = {name: value[name] for name in COLUMNS if value.get(name) is not None}
    if known.get("frame_paths") is not None:
        known["frame_paths"] = tuple(known["frame_paths"])
    known["signals"] = _signals(value.get("signals") or {}, where)
    known["carried"] = {name: item for name, item in value.items() if name not in COLUMNS}
    return ManifestRow(**known)


def _signals(value: Any, where: str) -> dict[str, SignalValue]:
    names = {item.name for item in dataclasses.fields(SignalValue)}
    if not isinstance(value, Mapping):
        raise SourceError(f"{where}: signals must be an object, found {value!r}.")
    signals: dict[str, SignalValue] = {}
    for name, item in value.items():
        if not isinstance(item, Mapping) or not _is_kind(item.get("raw"), float) or set(item) - names:
            raise SourceError(f"{where}: the signal {name!r} must hold {', '.join(sorted(names))}, found {item!r}.")
        signals[name] = SignalValue(**item)
    return signals


def _is_kind(value: Any, kind: type[Any]) -> bool:
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, kind)
