"""From clips and cache entries to the tables that pages read; all of it can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.library import WINDOW_COLUMNS, Library
from egoclean.records import Clip, ClipKind, Problem, Severity, problem_from_plain, to_plain
from egoclean.store.cache import Entry
from egoclean.store.catalog import ClipRow
from egoclean.store.tables import read_table, write_table
from egoclean.verbs.window_source import clip_windows


def clip_row(clip: Clip, library: Library | None = None) -> ClipRow:
    """Return the catalog's row of a clip: what its source and header say, and how it was rectified if it was."""
    source, header = clip.source, clip.header
    entry = library.entry(clip.clip_id, "rectify") if library else None
    problems = _problems(clip, entry)
    rejection = next((item for item in problems if item.severity is Severity.REJECTION), None)
    salvaged = next((item for item in problems if item.code == "salvaged"), None)
    facts: dict[str, Any] = {
        "name": Path(clip.clip_id.rpartition("#")[2] or clip.clip_id).name,
        "kind": source.kind,
        "source_uri": source.source_uri,
        "sha256": clip.sha256,
        "factory": source.factory,
        "worker": source.worker,
        "scene": source.scene,
        "camera": source.camera,
        "licence": source.licence,
        "size_bytes": source.location.size_bytes if source.location else None,
        "carried": to_plain(source.carried),
        "problems": to_plain(problems),
        "status": "rejected" if rejection else "ok",
        "reason": next((item.message for item in (rejection, salvaged) if item), ""),
        "salvaged_until_s": salvaged.time_s if salvaged else None,
        "calibrated": source.intrinsics is not None,
        "rectified": None,
        **_picture_facts(clip),
    }
    if header is not None:
        facts |= {
            "codec": header.codec,
            "pixel_format": header.pixel_format,
            "frame_rate": float(header.average_rate) if header.average_rate else None,
            "time_base": to_plain(header.time_base),
            "bit_rate": header.bit_rate,
        }
    if entry is not None:
        facts["rectified"] = bool(entry.details.get("rectified"))
        facts["rectification"] = entry.details.get("summary")
    return ClipRow(clip.clip_id, facts, to_plain(clip))


def _problems(clip: Clip, rectified: Entry | None) -> tuple[Problem, ...]:
    """Return what was found wrong with a clip before its frames were decoded and while they were, each once."""
    found = rectified.details.get("problems", ()) if rectified else ()
    return tuple(dict.fromkeys([*clip.problems, *(problem_from_plain(item) for item in found)]))


def write_windows_table(library: Library, clips: Iterable[Clip]) -> pd.DataFrame:
    """Write and return the table of all windows: :data:`~egoclean.library.WINDOW_COLUMNS` and every signal there is."""
    parts = [part for part in (_clip_table(library, clip) for clip in clips) if part is not None and len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    table["row"] = np.arange(len(table), dtype=np.int64)
    for name, kind in WINDOW_COLUMNS.items():
        if name not in table:
            table[name] = np.nan if kind == "float64" else None
    others = [name for name in table.columns if name not in WINDOW_COLUMNS]
    table = table[[*WINDOW_COLUMNS, *others]].astype(
        {name: kind for name, kind in WINDOW_COLUMNS.items() if kind in ("int64", "float64")}
    )
    write_table(library.windows_file, table)
    return table


def _clip_table(library: Library, clip: Clip) -> pd.DataFrame | None:
    entries = {verb: library.entry(clip.clip_id, verb) for verb in ("score", "embed", "structure")}
    base = entries["score"] or entries["embed"]
    if base is None:
        return None
    table = read_table(base.path("scores.parquet" if base.verb == "score" else "windows.parquet"))
    if entries["embed"] is not None and base.verb == "score":
        table = table.merge(read_table(entries["embed"].path("windows.parquet")), how="outer")
    source = clip.source
    table = table.assign(
        clip_id=clip.clip_id,
        time_base=_time_base(clip),
        factory=source.factory,
        worker=source.worker,
        scene=source.scene,
        camera=source.camera,
        space=entries["embed"].details["space"] if entries["embed"] else None,
    )
    return table.assign(**_structure_columns(entries["structure"], table["start_s"].to_numpy()))


def _structure_columns(entry: Entry | None, starts_s: NDArray[np.float64]) -> dict[str, Any]:
    """Return a clip's signals one value a window, joined by the window's start; NaN where there is none.

    Change lies between two windows and stands at the later one.
    """
    plain: Mapping[str, Any] = entry.json("structure.json") if entry else {}
    known = np.asarray(plain.get("starts_s", []), dtype=np.float64)
    columns = {}
    for name, key in (("change", "change"), ("anomaly", "anomaly_score")):
        values = np.array([np.nan if item is None else item for item in plain.get(key, [])], dtype=np.float64)
        aligned = np.full(len(starts_s), np.nan)
        places = np.searchsorted(starts_s, known[len(known) - len(values) :])
        aligned[places] = values
        columns[name] = aligned
    return columns


def _time_base(clip: Clip) -> str:
    if clip.source.kind is ClipKind.FRAMES:
        return str(to_plain(clip_windows(clip, None, None).time_base))  # type: ignore[arg-type]
    return str(to_plain(clip.header.time_base)) if clip.header else ""


def _picture_facts(clip: Clip) -> dict[str, Any]:
    if clip.source.kind is ClipKind.FRAMES:
        records = clip.source.frame_records
        times = [time for record in records for time in record.timestamps_s or ()]
        return {
            "frame_count": sum(len(record.frame_paths) for record in records),
            "duration_s": max(times) - min(times) if times else None,
            "width": None,
            "height": None,
        }
    header = clip.header
    return {
        "frame_count": header.packet_count if header else None,
        "duration_s": header.duration_s if header else None,
        "width": header.width if header else None,
        "height": header.height if header else None,
    }
