"""structure: when things repeat, when they change, when they are odd, in one clip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import StructureConfig
from egoclean.records import Clip
from egoclean.store.atomic import write_text
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import EntryKey, entry_key
from egoclean.verbs.job import Job, Made, ProgressCallback

DISPLAY_SIDE_PX = 1000
DIRECTION_FILE = "direction_sum.npy"
"""Sum of the unit embeddings of a clip and, last, their number: what other clips need to compare with it, (d + 1,)."""
_LISTS = ("cycles", "segments", "anomalies")


def key(clip: Clip, inputs: Mapping[str, str], config: StructureConfig) -> EntryKey:
    """Return the address of the clip's structure."""
    return entry_key("structure", inputs=[inputs["embed"]], config=config)


def make(job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
    """Write ``structure.json``, ``similarity.npy`` for the screen, ``diagnostics.png`` and :data:`DIRECTION_FILE`."""
    entry = job.input_entry(cache, "embed")
    embeddings = entry.array("emb.npy")
    finite = np.isfinite(embeddings).all(axis=1)
    if not finite.any():
        return Made(_write_nothing_found(folder))
    # A window whose model output was not finite has failed; the others are analysed without it.
    rows = slice(None) if finite.all() else finite
    details = write_structure(
        embeddings[rows],
        entry.array("ts.npy")[rows],
        entry.array("temb.npy")[rows],
        entry.details["window_s"],
        job.config,
        json_path=folder / "structure.json",
        picture_path=folder / "diagnostics.png",
        similarity_path=folder / "similarity.npy",
        title=job.clip.clip_id,
    )
    from egoclean.core.similarity import direction_sum

    total, count = direction_sum(embeddings[rows])
    save_array(folder / DIRECTION_FILE, np.append(total, count))
    return Made(details)


def write_structure(
    embeddings: Any,
    times_s: Any,
    tokens: Any,
    window_s: float | None,
    config: StructureConfig,
    *,
    json_path: Path,
    picture_path: Path,
    similarity_path: Path | None,
    title: str,
    covariates: Any = None,
    elsewhere: tuple[Any, int] | None = None,
) -> dict[str, Any]:
    """Analyse one clip's arrays, write the files and return the figures that tables show.

    ``covariates`` and ``elsewhere`` are those of :func:`egoclean.core.structure.analyse`.
    """
    from egoclean.charts.plots import write_diagnostics
    from egoclean.core.similarity import pooled_similarity
    from egoclean.core.structure import analyse, structure_to_dict

    starts_s = np.asarray(times_s, dtype=np.float64)
    structure = analyse(embeddings, starts_s, tokens, window_s, config, covariates=covariates, elsewhere=elsewhere)
    plain = structure_to_dict(structure)
    write_text(json_path, json.dumps(plain, indent=1, allow_nan=False) + "\n")
    if similarity_path is not None:
        save_array(similarity_path, pooled_similarity(embeddings, DISPLAY_SIDE_PX).astype(np.float16))
    write_diagnostics(structure, embeddings, tokens, picture_path, title=title)
    return {"period_s": plain["period_s"], **{name: len(plain[name]) for name in _LISTS}}


def _write_nothing_found(folder: Path) -> dict[str, Any]:
    """Write the structure of a clip without windows: defined, and empty."""
    plain: dict[str, Any] = {"period_s": None, **{name: [] for name in _LISTS}, "reason": "no windows"}
    write_text(folder / "structure.json", json.dumps(plain, indent=1) + "\n")
    save_array(folder / "similarity.npy", np.zeros((0, 0), dtype=np.float16))
    return {"period_s": None, **dict.fromkeys(_LISTS, 0), "reason": "no windows"}
