"""export: the manifest that says which seconds to train on, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from egoclean.exporters.manifest import write_manifest
from egoclean.exporters.rows import ManifestRow, SignalValue
from egoclean.library import Library, SelectionView
from egoclean.records import Clip, ClipKind

SIGNAL_DIGITS = 6
"""Significant digits of numbers in a manifest: more would differ between machines and mean nothing."""


def export_selection(library: Library, view: SelectionView, path: Path, file_format: str) -> int:
    """Write the manifest of a selection to ``path``, complete or not at all; return the number of rows."""
    rows = manifest_rows(library, view)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(rows, path, file_format)
    return len(rows)


def manifest_rows(library: Library, view: SelectionView, limit: int | None = None) -> list[ManifestRow]:
    """Return the rows of a selection's manifest in order, at most ``limit``."""
    chosen = view.chosen if limit is None else view.chosen.head(limit)
    facts = {row.clip_id: row.facts for row in library.clips()}
    records: dict[str, Clip] = {}
    rectifications: dict[str, Any] = {}
    rows = []
    for line in chosen.to_dict("records"):
        clip_id = str(line["clip_id"])
        if clip_id not in records:
            records[clip_id] = library.clip(clip_id)
            entry = library.entry(clip_id, "rectify")
            rectifications[clip_id] = entry.details.get("summary") if entry else None
        rows.append(_row(line, records[clip_id], facts[clip_id], rectifications[clip_id], view))
    return rows


def _row(
    line: Mapping[Any, Any], clip: Clip, facts: Mapping[str, Any], rectification: Any, view: SelectionView
) -> ManifestRow:
    source = clip.source
    record = source.frame_records[int(line["record_index"])] if source.kind is ClipKind.FRAMES else None
    return ManifestRow(
        clip_id=clip.clip_id,
        source_uri=source.source_uri,
        sha256=clip.sha256,
        start_s=float(line["start_s"]),
        stop_s=float(line["stop_s"]),
        start_pts=int(line["start_pts"]),
        stop_pts=int(line["stop_pts"]),
        time_base=str(line["time_base"]),
        frame_paths=record.stored_paths if record else None,
        scene=source.scene,
        camera=source.camera,
        factory=source.factory,
        worker=source.worker,
        signals=_signals(line, view),
        rank=int(line["rank"]),
        gain=_rounded(line["gain"]) or 0.0,
        reason=str(line["reason"]),
        rectification=rectification,
        licence=source.licence or facts.get("licence"),
        carried={**source.carried, **(record.carried if record else {})},
    )


def _signals(line: Mapping[Any, Any], view: SelectionView) -> dict[str, SignalValue]:
    models = view.details.get("models", {})
    signals = {}
    for name in view.details.get("signals", ()):
        raw = _rounded(line.get(name))
        if raw is None:
            continue
        about = models.get(name, {})
        calibrated = _rounded(line.get(f"{name}_calibrated"))
        signals[name] = SignalValue(raw, calibrated, about.get("model_id"), about.get("weights_sha256"))
    return signals


def _rounded(value: Any) -> float | None:
    if value is None or pd.isna(value) or not math.isfinite(float(value)):
        return None
    return float(f"{float(value):.{SIGNAL_DIGITS}g}")
