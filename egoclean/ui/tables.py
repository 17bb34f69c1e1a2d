"""Tables that pages show, made from records by plain functions: no streamlit here, so that each can be tested alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from egoclean.config import VERB_CONFIGS
from egoclean.store.catalog import ClipRow, StepStatus
from egoclean.ui.loaders import ClipSteps
from egoclean.ui.window_index import Footage

CLIP_VERBS = ("ingest", "rectify", "score", "embed", "structure")
"""The verbs that give one result a clip."""

_CLIP_FACTS = (
    "status", "duration_s", "width", "height", "frame_rate", "codec", "factory", "worker", "scene", "camera",
    "rectified", "reason",
)  # fmt: skip
_MARKS = {
    StepStatus.DONE: "✓ done",
    StepStatus.WAITING: "· waiting",
    StepStatus.REJECTED: "✕ rejected",
    StepStatus.FAILED: "! failed",
}
assert set(CLIP_VERBS) <= set(VERB_CONFIGS)


def status_table(found: Mapping[str, ClipSteps]) -> pd.DataFrame:
    """Return one row a clip: its name, how each verb ended, and the first reason why not."""
    rows = []
    for item in found.values():
        reasons = [step.reason for step in item.steps.values() if step.reason] or [
            str(item.clip.facts.get("reason") or "")
        ]
        rows.append(
            {
                "clip": item.name,
                "duration_s": item.clip.facts.get("duration_s"),
                **{verb: step_mark(item, verb) for verb in CLIP_VERBS},
                "reason": reasons[0],
            }
        )
    return pd.DataFrame(rows, columns=["clip", "duration_s", *CLIP_VERBS, "reason"])


def step_mark(item: ClipSteps, verb: str) -> str:
    """Return how a verb ended for a clip, as a mark and a word; a clip that was not rectified says so."""
    step = item.steps.get(verb)
    if step is None:
        return _MARKS[StepStatus.WAITING]
    if verb == "rectify" and step.status is StepStatus.DONE and item.clip.facts.get("rectified") is False:
        return "✓ view only"
    return _MARKS[step.status]


def clip_table(found: Mapping[str, ClipSteps]) -> pd.DataFrame:
    """Return one row a clip with the facts that tell clips apart; missing facts are missing values."""
    rows = [
        {
            "clip": item.name,
            **{name: item.clip.facts.get(name) for name in _CLIP_FACTS},
            "size_mb": _megabytes(item.clip.facts),
            "clip_id": clip_id,
        }
        for clip_id, item in found.items()
    ]
    table = pd.DataFrame(rows, columns=["clip", *_CLIP_FACTS, "size_mb", "clip_id"])
    numbers = ["duration_s", "width", "height", "frame_rate", "size_mb"]
    return table.astype(dict.fromkeys(numbers, "float64"))


def problem_table(clip: ClipRow) -> pd.DataFrame:
    """Return the problems of one clip: severity, code, message and time in seconds."""
    columns = ["severity", "code", "message", "time_s"]
    return pd.DataFrame([dict(item) for item in clip.facts.get("problems") or ()], columns=columns)


def footage_s(windows: pd.DataFrame) -> float:
    """Return the seconds of footage that ``windows`` cover: where windows of a clip overlap, a second counts once.

    Needs columns clip_id, start_s, stop_s in seconds; 0 for no rows.
    """
    return Footage.of(windows).seconds()


def facts_table(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a two-column table of plain facts, as text; nested values and missing ones are left out."""
    rows = [(name.replace("_", " "), str(value)) for name, value in facts.items() if _plain_fact(value)]
    return pd.DataFrame(rows, columns=["fact", "value"])


def spans_table(spans: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return spans as a table: start, stop, length in seconds and label, then whatever evidence each carries."""
    rows = []
    for span in spans:
        evidence = {name: value for name, value in dict(span.get("details") or {}).items() if _plain_fact(value)}
        start, stop = float(span["start_s"]), float(span["stop_s"])
        more = {
            name: value
            for name, value in span.items()
            if name not in ("start_s", "stop_s", "details") and _plain_fact(value)
        }
        rows.append({"start_s": start, "stop_s": stop, "length_s": stop - start, **more, **evidence})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["start_s", "stop_s", "length_s"])


def _plain_fact(value: Any) -> bool:
    return value is not None and value != "" and not isinstance(value, (dict, list, tuple))


def source_table(clips: Sequence[ClipRow]) -> pd.DataFrame:
    """Return clips, seconds and megabytes for each origin: factory and worker, or camera; the rest together."""
    table = pd.DataFrame(
        [
            {
                "origin": _origin(clip.facts),
                "clips": 1,
                "rejected": int(clip.facts.get("status") == "rejected"),
                "duration_s": float(clip.facts.get("duration_s") or 0.0),
                "size_mb": _megabytes(clip.facts),
                "calibrated": int(bool(clip.facts.get("calibrated"))),
                "licence": str(clip.facts.get("licence") or "not stated"),
            }
            for clip in clips
        ]
    )
    sums = dict.fromkeys(("clips", "rejected", "duration_s", "size_mb", "calibrated"), "sum")
    grouped = table.groupby("origin", sort=False).agg({**sums, "licence": "first"}).reset_index()
    return grouped.assign(size_mb=grouped["size_mb"].where(grouped["size_mb"] > 0))


def _megabytes(facts: Mapping[str, Any]) -> float | None:
    stated = facts.get("size_bytes")
    return None if stated is None else float(stated) / 1e6


def _origin(facts: Mapping[str, Any]) -> str:
    named = [str(facts[name]) for name in ("factory", "worker") if facts.get(name)]
    return " / ".join(named) or str(facts.get("camera") or "no group stated")
