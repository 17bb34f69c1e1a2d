"""A project of a stated number of windows, as a run would have left it: for timing the dashboard, made in a minute.

Its clips are recordings of 200 s told apart by name and fingerprint; videos, reports and model cards are those of the
tiny demo, which is run first. Every clip has embeddings of its own; the structure of each is one of four that were
found in them. The table of windows and the run's record hold made-up values in the pipeline's own form; so does the
selection where the page would not choose anew by itself, and elsewhere it is a real one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from egoclean import __version__
from egoclean.config import SelectConfig, StructureConfig
from egoclean.library import SELECTION_FILE, WINDOW_COLUMNS, Library
from egoclean.records import to_plain
from egoclean.store.atomic import write_json
from egoclean.store.cache import LAYOUT, file_sha256
from egoclean.store.catalog import ClipRow, StepRow, StepStatus
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.store.keys import EntryKey, digest, entry_key
from egoclean.store.project import Project
from egoclean.store.runs import RunRecorder, RunState
from egoclean.store.tables import write_table
from egoclean.ui.choosing import LIVE
from egoclean.verbs.select import select_and_save, selection_key
from egoclean.verbs.structure import write_structure

CLIP_WINDOWS = 200
WIDTH = 192
TOKENS = 32
KINDS = 24
STRUCTURES = 4
FRAME_PTS = 512
FRAME_RATE = 30
WINDOW_FRAMES = 64
SHARED_VERBS = ("ingest", "rectify", "score")
DECISIONS = 300


def build(folder: Path, windows: int) -> Project:
    """Return a finished project of ``windows`` windows in ``folder``; one that is there already is taken as it is."""
    project = Project(folder / "project")
    if (folder / "done").is_file():
        return project
    shutil.rmtree(folder, ignore_errors=True)
    os.environ["EGOCLEAN_CACHE"] = str(folder.parent / "tiny" / "cache")
    template = tiny_demo(folder.parent / "tiny")
    known = Library(template)
    clips = [row for row in known.clips() if row.facts["kind"] == "video" and row.facts["status"] == "ok"]
    steps = {(row.clip_id, row.verb): row for row in known.steps()}
    records = {row.clip_id: known.catalog.record_of(row.clip_id) for row in clips}
    source = template.cache_root()
    os.environ["EGOCLEAN_CACHE"] = str(folder / "cache")
    (folder / "cache").mkdir(parents=True)
    for verb in SHARED_VERBS:
        shutil.copytree(source / verb, folder / "cache" / verb)
    project.save(["/data/egocentric"], template.settings())
    library = Library(project)
    rows = [_clip_row(number, clips[number % len(clips)], records) for number in range(-(-windows // CLIP_WINDOWS))]
    library.catalog.replace_clips(rows)
    _write_steps(library, rows, [clips[number % len(clips)].clip_id for number in range(len(rows))], steps)
    table = _windows_table(rows, windows, str(steps[clips[0].clip_id, "embed"].details["space"]))
    write_table(library.windows_file, table)
    _write_decisions(library, rows, table)
    if windows <= LIVE:
        select_and_save(library, SelectConfig())
    else:
        _write_selection(library, table)
    _write_run(library, rows)
    (folder / "done").touch()
    return project


def tiny_demo(folder: Path) -> Project:
    """Return the finished tiny demo in ``folder``, run now unless it is there."""
    project = Project(folder / "project")
    if not (project.selections / SELECTION_FILE).is_file():
        command = [sys.executable, "-m", "egoclean", "run", "demo:tiny", "--project", str(project.root)]
        subprocess.run(command, check=True, env={**os.environ, "EGOCLEAN_CACHE": str(folder / "cache")})
    return project


def _clip_row(number: int, like: ClipRow, records: dict[str, Any]) -> ClipRow:
    worker = number // 40
    factory = worker // 10
    name = f"factory{factory:03}_worker{worker:04}_{number % 40:05}.mp4"
    archive = f"factory_{factory:03}/workers/worker_{worker:04}/factory{factory:03}_worker{worker:04}_part00.tar"
    clip_id = f"egocentric/{archive}#{name}"
    frames = CLIP_WINDOWS * FRAME_RATE + WINDOW_FRAMES
    changed = {
        "name": name,
        "source_uri": f"/data/{clip_id}",
        "sha256": digest(["clip", number]),
        "factory": f"factory_{factory:03}",
        "worker": f"worker_{worker:04}",
        "frame_count": frames,
        "duration_s": frames / FRAME_RATE,
        "time_base": f"1/{FRAME_RATE * FRAME_PTS}",
        "frame_rate": float(FRAME_RATE),
    }
    record = dict(records[like.clip_id])
    record["sha256"] = changed["sha256"]
    there = {name: changed[name] for name in ("source_uri", "factory", "worker")}
    record["source"] = {**record["source"], "clip_id": clip_id, **there}
    return ClipRow(clip_id, {**like.facts, **changed}, record)


def _write_steps(
    library: Library, rows: Sequence[ClipRow], likes: Sequence[str], steps: dict[tuple[str, str], StepRow]
) -> None:
    generator = np.random.default_rng(0)
    kinds = generator.normal(size=(KINDS, WIDTH)).astype(np.float32)
    found, structures = [], []
    for number, (row, like) in enumerate(zip(rows, likes, strict=True)):
        for verb in SHARED_VERBS:
            found.append(dataclasses.replace(steps[like, verb], clip_id=row.clip_id))
        embedded = steps[like, "embed"]
        key = entry_key("embed", inputs=[str(row.facts["sha256"])], config=StructureConfig())
        times_s = np.arange(CLIP_WINDOWS, dtype=np.float64)
        rows_here = _embeddings(generator, kinds)
        details = {**embedded.details, "windows": CLIP_WINDOWS}
        write_entry(library.cache.root, key, {"emb.npy": rows_here, "ts.npy": times_s}, details)
        found.append(StepRow(row.clip_id, "embed", key.key, StepStatus.DONE, "", details))
        if len(structures) < STRUCTURES:
            structures.append(_structure(library, key, rows_here, times_s, row.clip_id))
        place = structures[number % len(structures)]
        found.append(dataclasses.replace(place, clip_id=row.clip_id))
    library.catalog.record(found)


def _embeddings(generator: np.random.Generator, kinds: np.ndarray) -> np.ndarray:
    """Return a clip's embeddings: it goes round through five kinds of work, with something of its own."""
    period = int(generator.integers(8, 20))
    order = generator.permutation(KINDS)[:5]
    phase = (np.arange(CLIP_WINDOWS) % period) * 5 // period
    own = generator.normal(size=WIDTH).astype(np.float32)
    noise = generator.normal(scale=0.3, size=(CLIP_WINDOWS, WIDTH)).astype(np.float32)
    return (kinds[order[phase]] + 0.7 * own + noise).astype(np.float32)


def _structure(library: Library, embedded: EntryKey, rows: np.ndarray, times_s: np.ndarray, title: str) -> StepRow:
    key = entry_key("structure", inputs=[embedded.key], config=StructureConfig())
    tokens = np.repeat(rows[:, None, :], TOKENS, axis=1)
    with library.cache.building(key) as folder:
        details = write_structure(
            rows,
            times_s,
            tokens,
            WINDOW_FRAMES / FRAME_RATE,
            StructureConfig(),
            json_path=folder / "structure.json",
            picture_path=folder / "diagnostics.png",
            similarity_path=folder / "similarity.npy",
            title=title,
        )
        library.cache.publish(key, folder, details)
    return StepRow("", "structure", key.key, StepStatus.DONE, "", details)


def write_entry(root: Path, key: EntryKey, arrays: dict[str, np.ndarray], details: dict[str, Any]) -> None:
    """Write a cache entry as :meth:`egoclean.store.cache.Cache.publish` does, without waiting for the disk."""
    folder = root / key.verb / key.key[:2] / key.key
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / name, array)
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)} for name in sorted(arrays)
    }
    about = {
        "layout": LAYOUT,
        "key": key.key,
        "material": key.material,
        "files": files,
        "details": to_plain(details),
        "rejection": None,
        "recorded": {"egoclean": __version__},
    }
    (folder / "entry.json").write_text(json.dumps({**about, "digest": digest(about)}), encoding="utf-8")


def _windows_table(rows: Sequence[ClipRow], count: int, space: str) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    clip, window = np.arange(count) // CLIP_WINDOWS, np.arange(count) % CLIP_WINDOWS
    start_s = window.astype(np.float64)
    start_pts = window.astype(np.int64) * FRAME_RATE * FRAME_PTS
    level = generator.normal(scale=0.1, size=len(rows))[clip]
    motion = np.abs(generator.normal(0.05, 0.02, size=count) + 0.1 * level)
    score = 0.6 + level + motion + generator.normal(scale=0.05, size=count)
    columns: dict[str, Any] = {
        "row": np.arange(count),
        "clip_id": np.array([row.clip_id for row in rows], dtype=object)[clip],
        "window": window,
        "start_s": start_s,
        "stop_s": start_s + WINDOW_FRAMES / FRAME_RATE,
        "start_pts": start_pts,
        "stop_pts": start_pts + WINDOW_FRAMES * FRAME_PTS,
        "time_base": f"1/{FRAME_RATE * FRAME_PTS}",
        "record_index": -1,
        "factory": np.array([row.facts["factory"] for row in rows], dtype=object)[clip],
        "worker": np.array([row.facts["worker"] for row in rows], dtype=object)[clip],
        "scene": None,
        "camera": None,
        "space": space,
        "score": score,
        "score_stderr": np.abs(generator.normal(1e-3, 1e-4, size=count)),
        "skill": 1 - score,
        "change": np.where(window == 0, np.nan, np.abs(generator.normal(0.2, 0.1, size=count))),
        "anomaly": generator.beta(2, 20, size=count),
        "pixel_mse": np.abs(generator.normal(0.02, 0.005, size=count)),
        "motion_energy": motion,
        "blur": generator.beta(5, 8, size=count),
        "brightness": generator.beta(8, 10, size=count),
        "texture": generator.beta(2, 18, size=count),
    }
    text = {name: "str" for name, kind in WINDOW_COLUMNS.items() if kind == "str"}
    return pd.DataFrame(columns).astype(text)


def _write_decisions(library: Library, rows: Sequence[ClipRow], table: pd.DataFrame) -> None:
    journal = DecisionJournal(library.project.decisions)
    fingerprints = {row.clip_id: str(row.facts["sha256"]) for row in rows}
    picked = table.iloc[np.random.default_rng(2).permutation(len(table))[:DECISIONS]]
    for number, line in enumerate(picked.to_dict("records")):
        verdict = Verdict.KEEP if number % 3 else Verdict.REJECT
        place = fingerprints[line["clip_id"]], line["start_pts"], line["stop_pts"], line["time_base"]
        journal.append(Decision(*place, verdict=verdict, tags=("tool",)))


def _write_selection(library: Library, table: pd.DataFrame) -> None:
    """Keep a tenth of the windows as the saved selection, under its true key, with reasons in the verb's own words."""
    generator = np.random.default_rng(3)
    config = SelectConfig()
    order = generator.permutation(len(table))
    chosen_rows, left_rows = order[: len(table) // 10], np.sort(order[len(table) // 10 :])
    gains = 0.3 / np.arange(1, len(chosen_rows) + 1)
    seconds = np.minimum(1.0, table["stop_s"] - table["start_s"])
    signals = ("score", "skill", "change", "anomaly")
    chosen = table.assign(seconds=seconds).iloc[chosen_rows]
    chosen = chosen.assign(**{f"{name}_calibrated": chosen[name].rank(pct=True) for name in signals})
    chosen = chosen.assign(
        rank=np.arange(1, len(chosen) + 1),
        gain=gains,
        reason=[f"adds {100 * gain:.3f}% of coverage, the most of all rows left" for gain in gains],
    )
    first = ["row", "rank", "gain", "reason"]
    chosen = chosen[[*first, *(name for name in chosen.columns if name not in first)]]
    others = table["clip_id"].to_numpy()[generator.integers(0, len(table), len(left_rows))]
    likeness = generator.uniform(0.995, 1, len(left_rows))
    duplicate = generator.random(len(left_rows)) < 0.3
    reasons = [
        f"near-duplicate of {other}@{place % 200 * 15360} at {like:.3f}" if twin else "budget"
        for place, (other, like, twin) in enumerate(zip(others, likeness, duplicate, strict=True))
    ]
    left = table.iloc[left_rows][["row", "clip_id", "window", "start_s", "stop_s"]].assign(
        seconds=seconds.iloc[left_rows], reason=reasons
    )[["row", "reason", "clip_id", "window", "start_s", "stop_s", "seconds"]]
    details = {
        "windows": len(table),
        "eligible": len(table),
        "chosen": len(chosen),
        "chosen_s": float(chosen["seconds"].sum()),
        "total_s": float(seconds.sum()),
        "left_out_by_reason": {"budget": int((~duplicate).sum()), "near-duplicate": int(duplicate.sum())},
        "notes": [],
        "recall": 0.97,
        "signals": list(signals),
        "models": {},
    }
    key = selection_key(library.snapshot(), config)
    with library.cache.building(key) as folder:
        write_table(folder / "chosen.parquet", chosen)
        write_table(folder / "left_out.parquet", left)
        library.cache.publish(key, folder, details)
    write_json(library.project.selections / SELECTION_FILE, {"key": key.key, "config": dataclasses.asdict(config)})
    library.catalog.record([StepRow("", "select", key.key, StepStatus.DONE)])


def _write_run(library: Library, rows: Sequence[ClipRow]) -> None:
    recorder = RunRecorder(library.project.runs, ["egoclean", "run", "/data/egocentric"])
    for verb in (*SHARED_VERBS, "embed", "structure"):
        recorder.stage(verb, len(rows), len(rows), "clips")
    lines = (
        json.dumps({"at": 0.0, "kind": "clip", "verb": verb, "clip_id": row.clip_id, "status": "done", "reason": ""})
        for verb in (*SHARED_VERBS, "embed", "structure")
        for row in rows
    )
    (recorder.folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recorder.finish(RunState.DONE, f"{len(rows)} clips done.")
