"""``egoclean embed`` on plain files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import EmbedConfig
from egoclean.files.inputs import PlainClip, batches, exit_status, read_clips, work_through
from egoclean.records import to_plain
from egoclean.report import Reporter
from egoclean.store.atomic import atomic_path, write_json
from egoclean.store.project import Settings
from egoclean.verbs.cost import full_model_notes
from egoclean.verbs.embed import embed_batch, embedding_details, shared_embedder
from egoclean.verbs.models import batch_size
from egoclean.verbs.window_source import reading_threads, window_frame_count, window_pictures


def embed_files(sources: Sequence[str], out: Path, settings: Settings, reporter: Reporter) -> int:
    """Write ``NAME_{emb,temb,ts}.npy`` and ``NAME_embed.json`` for each clip; return the exit status."""
    clips, refused = read_clips(sources, settings, settings.embed, reporter)
    config, total = settings.embed, sum(len(item.found.windows) for item in clips)
    for note in full_model_notes(config, total):
        reporter.note(note)
    embedder = shared_embedder(config.models, config.device, config.dtype)
    done = 0
    reporter.stage("embed", 0, total, "windows")

    def embed_clip(item: PlainClip) -> None:
        nonlocal done
        done += _embed_clip(item, embedder, out, config, reporter)
        reporter.stage("embed", done, total, "windows")

    refused += work_through(clips, embed_clip, settings, config, reporter)
    return exit_status(refused)


def _embed_clip(item: PlainClip, embedder: Any, out: Path, config: EmbedConfig, reporter: Reporter) -> int:
    windows, location, device = item.found.windows, item.clip.source.location, embedder.card.device
    count, threads = window_frame_count(item.clip, config.frames), reading_threads(device)
    pictures = window_pictures(item.clip, location, windows, count, embedder.size_px, config.crop, threads=threads)
    means = np.zeros((len(windows), embedder.width), dtype=np.float32)
    tokens = np.zeros((len(windows), max(1, count // 2), embedder.width), dtype=np.float32)
    surprise: list[Any] = []
    for rows in batches(len(windows), batch_size(config, device)):
        columns = embed_batch(embedder, np.stack([next(pictures) for _ in range(rows.start, rows.stop)]), config)
        means[rows], tokens[rows] = columns["emb"], columns["temb"]
        surprise.append(columns.get("surprise", np.full(rows.stop - rows.start, np.nan)))
    _save(out / f"{item.name}_emb.npy", means)
    _save(out / f"{item.name}_temb.npy", tokens)
    _save(out / f"{item.name}_ts.npy", np.array([window.start_s for window in windows], dtype=np.float64))
    if config.surprise:
        _save(out / f"{item.name}_surprise.npy", np.concatenate(surprise) if surprise else np.zeros(0))
    details = embedding_details(embedder.card, count, config, item.found, means)
    if details["failed"]:
        reporter.note(f"{item.clip.clip_id}: {details['reason']}")
    write_json(out / f"{item.name}_embed.json", to_plain({"clip_id": item.clip.clip_id, **details}))
    return len(windows)


def _save(path: Path, array: np.ndarray[Any, Any]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
