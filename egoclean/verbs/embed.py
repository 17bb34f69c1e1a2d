"""embed: what V-JEPA 2 sees in each window, as one vector and as tokens over time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import EmbedConfig
from egoclean.core.ego_motion import turning
from egoclean.records import Clip, Window
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import EntryKey, entry_key
from egoclean.store.tables import write_table
from egoclean.verbs.chunks import Columns, Computed, windows_in_chunks
from egoclean.verbs.job import Job, Made, ProgressCallback
from egoclean.verbs.models import ahead_on_gpu, batch_size, model_key
from egoclean.verbs.window_source import (
    ClipWindows,
    drop_notes,
    failed_windows,
    failure_reason,
    job_video,
    job_windows,
    reading_threads,
    window_frame_count,
    window_pictures,
)


def key(clip: Clip, inputs: Mapping[str, str], config: EmbedConfig) -> EntryKey:
    """Return the address of the clip's embeddings: its windows, pictures and weights."""
    extra = model_key("vjepa2", config)
    return entry_key("embed", inputs=[inputs["ingest"], inputs["rectify"]], config=config, extra=extra)


def make(job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
    """Write ``emb.npy`` (n, d), ``temb.npy`` (n, t, d), ``ts.npy`` (n,) window starts and ``windows.parquet``.

    The table's ``turn`` is how fast the camera turns, in widths of the picture a second. The rows of a window that
    failed are NaN, and ``failed`` says why.
    """
    config: EmbedConfig = job.config
    found = job_windows(job, cache)
    video = job_video(job, cache)
    embedder = shared_embedder(config.models, config.device, job.key.material["extra"]["dtype"], job.workers)
    threads, batch = reading_threads(embedder.card.device), batch_size(config, embedder.card.device)
    count = window_frame_count(job.clip, config.frames)

    def pictures(windows: Sequence[Window]) -> Any:
        return window_pictures(job.clip, video, windows, count, embedder.size_px, config.crop, threads=threads)

    def compute(windows: Sequence[Window], frames: list[Any]) -> Computed:
        stacked = np.stack(frames)
        wait = begin_embed_batch(embedder, stacked, config)
        seconds = np.array([window.stop_s - window.start_s for window in windows])
        turn = turning(stacked) / seconds
        return ahead_on_gpu(lambda: {**wait(), "turn": turn}, embedder.card)

    folder_of_chunks = cache.partial_folder(job.key)
    done = windows_in_chunks(folder_of_chunks, found.windows, batch, pictures, compute, progress)
    width, card = embedder.width, embedder.card
    means = done.columns.get("emb", np.zeros((0, width), dtype=np.float32))
    save_array(folder / "emb.npy", means)
    save_array(folder / "temb.npy", done.columns.get("temb", np.zeros((0, count // 2, width), dtype=np.float32)))
    signals = {name: values for name, values in done.columns.items() if name not in ("emb", "temb")}
    save_array(folder / "ts.npy", np.array([window.start_s for window in found.windows], dtype=np.float64))
    write_table(folder / "windows.parquet", found.table().assign(**signals))
    details = embedding_details(card, count, config, found, means)
    return Made(
        details, {"device": card.device, "dtype": card.dtype, "batch": batch, "waited_share": done.waited_share}
    )


def embed_batch(embedder: Any, frames: Any, config: EmbedConfig) -> Columns:
    """Return embeddings and, if asked for, surprise of a batch: uint8 ``frames (B, T, H, W, 3)``, one row a window.

    ``surprise`` is the prediction error in relation to that of "nothing changes"; windows shorter than two tubelets
    have none. A window whose model output is not finite has failed: all of its numbers are NaN.
    """
    return begin_embed_batch(embedder, frames, config)()


def begin_embed_batch(embedder: Any, frames: Any, config: EmbedConfig) -> Callable[[], Columns]:
    """Give :func:`embed_batch` to the device and return a function that waits for its result."""
    if not config.surprise or frames.shape[1] < 2 * embedder.tubelet_frames:
        wait = embedder.begin_embed(frames)
        return lambda: _embedding_columns(wait())
    both = embedder.begin_embed_with_surprise(frames)
    return lambda: _surprise_columns(*both())


def _embedding_columns(embedded: Any) -> Columns:
    finite, nothing = embedded.finite, np.float32(np.nan)
    return {
        "emb": np.where(finite[:, None], embedded.means, nothing),
        "temb": np.where(finite[:, None, None], embedded.tokens, nothing),
    }


def _surprise_columns(embedded: Any, surprise: Any) -> Columns:
    finite = surprise.finite & embedded.finite
    return {
        **_embedding_columns(embedded),
        "surprise": np.where(finite, surprise.relative, np.nan),
        "surprise_error": np.where(finite, surprise.error, np.nan),
        "surprise_persistence": np.where(finite, surprise.persistence, np.nan),
    }


def embedding_details(card: Any, frames: int, config: EmbedConfig, found: ClipWindows, means: Any) -> dict[str, Any]:
    """Return what a reader of a clip's embeddings ``means (n, d)`` must know: model, space, rate, token times."""
    failed = failed_windows(found.windows, means)
    lengths = [window.stop_s - window.start_s for window in found.windows]
    window_s = float(np.median(lengths)) if lengths else None
    tokens = frames // card.tubelet_frames
    return {
        "model": card,
        "space": embedding_space(card, frames, config),
        "windows": len(found.windows),
        "window_s": window_s,
        "stride_s": config.stride_s,
        "rate": frames / window_s if window_s else None,
        "token_times_s": [(index + 0.5) * window_s / tokens for index in range(tokens)] if window_s else [],
        "frames": frames,
        "crop": config.crop,
        "dropped": drop_notes(found),
        "failed": failed,
        "reason": found.reason or failure_reason(failed),
    }


def embedding_space(card: Any, frames: int, config: EmbedConfig) -> str:
    """Return the name of the space that rows live in; rows of different spaces never share a graph."""
    rate = f"@{config.window_fps:g}" if config.window_fps else ""
    return f"{card.model_id}@{card.weights_sha256[:12]}/{frames}f/{config.window_frames}w{rate}/{config.crop}"


@functools.cache
def shared_embedder(models: str, device: str, dtype: str, cpu_threads: int | None = None) -> Any:
    """Return the embedder of this process, loaded once; on a CPU it computes with ``cpu_threads``, or all there are."""
    from egoclean.models.device import choose_device, use_cpu_threads
    from egoclean.models.vjepa2 import load_embedder

    use_cpu_threads(cpu_threads)
    return load_embedder(models, choose_device(device, dtype, "vjepa2"))
