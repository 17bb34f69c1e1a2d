"""What a clip's structure says beside other things: the camera's turning and blur, and the worker's other clips.

Both depend on more than the clip's own embeddings, so they are no part of its cache entry: they are worked out when
somebody looks, from sums and signals that are kept, and follow what the project holds at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoclean.core.similarity import regress_out, typicality
from egoclean.library import Library
from egoclean.store.catalog import ClipRow
from egoclean.verbs.structure import DIRECTION_FILE

Floats = NDArray[np.float64]

CAUSES = ("turn", "blur")
"""Columns of the table of windows that move the change signal though the work does not change."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeCauses:
    """How much of a clip's change signal the camera's own movement explains.

    ``explained`` is the share of the signal's variance, in [0, 1], that ``causes`` explain together, ``by_cause`` what
    each explains alone; ``left`` (n,) is the change signal without what they explain, NaN where something is unknown.
    """

    causes: tuple[str, ...]
    explained: float
    by_cause: Mapping[str, float]
    left: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rarity:
    """How rare a clip's windows are in it and among the same worker's ``clip_count`` other clips, both in [0, 2].

    One minus the mean cosine with those windows; ``everywhere`` is None without another clip. ``anomalies`` has both
    numbers for each anomaly of the clip, None where no window's centre lies in it.
    """

    clip_count: int
    here: Floats
    everywhere: Floats | None
    anomalies: tuple[tuple[float | None, float | None], ...]


def change_causes(structure: Mapping[str, Any], windows: pd.DataFrame) -> ChangeCauses | None:
    """Return what explains a clip's change signal; None when its windows have no cause's signal.

    The change into a window is set against the mean of each cause over that window and the one before.
    """
    starts = np.asarray(structure.get("starts_s", ()), dtype=np.float64)
    change = np.array([np.nan if item is None else item for item in structure.get("change", ())], dtype=np.float64)
    causes = tuple(name for name in CAUSES if name in windows and windows[name].notna().any())
    if not causes or len(starts) == 0:
        return None
    table = windows.drop_duplicates("start_s").set_index("start_s")[list(causes)].reindex(starts)
    values = table.to_numpy(dtype=np.float64)
    both = (values + np.roll(values, 1, axis=0)) / 2
    both[0] = np.nan
    left, explained = regress_out(change, both)
    alone = {name: regress_out(change, both[:, index])[1] for index, name in enumerate(causes)}
    return ChangeCauses(causes, explained, alone, left)


def other_clips(clips: Sequence[ClipRow], clip: ClipRow) -> list[str]:
    """Return the ids of the same worker's other clips, not of the same bytes; none where no worker is named."""
    mine = clip.facts
    if not mine.get("worker"):
        return []
    found = [
        other.clip_id
        for other in clips
        if other.facts.get("worker") == mine["worker"]
        and other.facts.get("factory") == mine.get("factory")
        and other.facts.get("sha256") != mine.get("sha256")
    ]
    return sorted(found)


def rarity(library: Library, clip: ClipRow, structure: Mapping[str, Any]) -> Rarity | None:
    """Return how rare a clip's windows are; None for a clip without embeddings.

    Only clips of the same embedding space are compared, by sums that their structure keeps.
    """
    entry = library.entry(clip.clip_id, "embed")
    starts = np.asarray(structure.get("starts_s", ()), dtype=np.float64)
    if entry is None or len(starts) == 0:
        return None
    stored = entry.array("emb.npy")
    embeddings = stored[np.isin(entry.array("ts.npy"), starts)]
    if len(embeddings) != len(starts):
        return None
    sums = _sums(library, other_clips(library.clips(), clip), str(entry.details["space"]))
    here = 1.0 - typicality(embeddings)
    everywhere = None
    if sums:
        total = np.sum(sums, axis=0)
        everywhere = 1.0 - typicality(embeddings, (total[:-1], int(total[-1])))
    centres = np.asarray(structure["centres_s"], dtype=np.float64)
    spans = [(float(item["start_s"]), float(item["stop_s"])) for item in structure["anomalies"]]
    return Rarity(len(sums), here, everywhere, tuple(_of_span(span, centres, here, everywhere) for span in spans))


def _sums(library: Library, clip_ids: Sequence[str], space: str) -> list[Floats]:
    sums = []
    for clip_id in clip_ids:
        embedded, structure = library.entry(clip_id, "embed"), library.entry(clip_id, "structure")
        if embedded is None or structure is None or embedded.details.get("space") != space:
            continue
        if structure.path(DIRECTION_FILE).is_file():
            sums.append(np.asarray(structure.array(DIRECTION_FILE), dtype=np.float64))
    return sums


def _of_span(
    span: tuple[float, float], centres: Floats, here: Floats, everywhere: Floats | None
) -> tuple[float | None, float | None]:
    inside = (centres >= span[0]) & (centres < span[1])
    if not inside.any():
        return None, None
    return float(here[inside].mean()), None if everywhere is None else float(everywhere[inside].mean())
