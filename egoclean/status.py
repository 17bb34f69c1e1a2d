"""How a project stands, as plain data and as lines for a terminal."""

from __future__ import annotations

from collections import Counter
from typing import Any

from egoclean.library import Library
from egoclean.stages import CLIP_VERBS
from egoclean.store.clean import CacheUse


def project_status(library: Library) -> dict[str, Any]:
    """Return the project's clips with how each verb ended and why, its selection's size, its runs and its cache."""
    steps: dict[str, dict[str, Any]] = {}
    for step in library.steps():
        steps.setdefault(step.clip_id, {})[step.verb] = {"status": str(step.status), "reason": step.reason}
    clips = [
        {
            "clip_id": row.clip_id,
            "status": row.facts["status"],
            "reason": row.facts["reason"],
            "salvaged_until_s": row.facts.get("salvaged_until_s"),
            "verbs": steps.get(row.clip_id, {}),
        }
        for row in library.clips()
    ]
    view = library.selection()
    runs = library.runs()
    return {
        "project": str(library.project.root),
        "sources": list(library.project.sources()),
        "clips": clips,
        "notes": list(library.catalog.notes()),
        "chosen": None if view is None else len(view.chosen),
        "last_run": None
        if not runs
        else {"run_id": runs[0].run_id, "state": str(runs[0].state), "message": runs[0].message},
        "cache": str(library.cache.root),
        "cache_bytes": library.cache.size_bytes(),
    }


def status_lines(status: dict[str, Any]) -> list[str]:
    """Return :func:`project_status` as lines: one a clip with a word a verb, then reasons, then totals."""
    lines = [f"{'clip':<60} {' '.join(f'{verb:<9}' for verb in CLIP_VERBS)}"]
    for clip in status["clips"]:
        words = [clip["verbs"].get(verb, {}).get("status", "waiting") for verb in CLIP_VERBS]
        lines.append(f"{clip['clip_id'][-60:]:<60} {' '.join(f'{word:<9}' for word in words)}".rstrip())
        lines += [f"    {verb}: {step['reason']}" for verb, step in clip["verbs"].items() if step["reason"]]
    lines += [f"note: {note}" for note in status["notes"]]
    totals = Counter(step["status"] for clip in status["clips"] for step in clip["verbs"].values())
    lines.append(
        f"{len(status['clips'])} clips; steps: {', '.join(f'{n} {word}' for word, n in totals.items()) or 'none'}"
    )
    if status["last_run"]:
        lines.append(
            f"last run {status['last_run']['run_id']}: {status['last_run']['state']}. {status['last_run']['message']}"
        )
    lines.append(f"cache {status['cache']}: {status['cache_bytes'] / 1e6:,.0f} MB")
    return lines


def room_lines(use: CacheUse, *, removed: bool) -> list[str]:
    """Return what each part of a cache takes, one a line, then what was or would be ``removed``."""
    lines = [f"{'':<24}{'results':>9}{'MB':>12}{'not needed':>12}{'MB':>12}"]
    for name, room in use.rooms.items():
        numbers = f"{room.entries:>9,}{room.size_bytes / 1e6:>12,.1f}{room.unneeded_entries:>12,}"
        lines.append(f"{name:<24}{numbers}{room.unneeded_bytes / 1e6:>12,.1f}")
    did = "removed" if removed else "would be removed"
    lines.append(f"{len(use.unneeded):,} results {did}, {use.unneeded_bytes / 1e6:,.1f} MB")
    return lines
