"""score: how hard VideoMAE finds each window to reconstruct."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import ScoreConfig
from egoclean.core.explanations import explain
from egoclean.core.masks import MaskIdentity, TokenGrid, window_masks
from egoclean.records import Clip, Window
from egoclean.store.cache import Cache
from egoclean.store.keys import EntryKey, entry_key
from egoclean.store.tables import write_table
from egoclean.verbs.chunks import Columns, Computed, windows_in_chunks
from egoclean.verbs.job import Job, Made, ProgressCallback
from egoclean.verbs.models import ahead_on_gpu, batch_size, model_key
from egoclean.verbs.window_source import (
    drop_notes,
    failed_windows,
    failure_reason,
    job_video,
    job_windows,
    reading_threads,
    window_pictures,
)


def key(clip: Clip, inputs: Mapping[str, str], config: ScoreConfig) -> EntryKey:
    """Return the address of the clip's scores: its windows, masks, pictures and weights."""
    extra = {"fingerprint": clip.sha256, **model_key("videomae", config)}
    return entry_key("score", inputs=[inputs["ingest"], inputs["rectify"]], config=config, extra=extra)


def make(job: Job, cache: Cache, folder: Path, progress: ProgressCallback | None) -> Made:
    """Write ``scores.parquet``: one row a window with its score and what goes with it."""
    config: ScoreConfig = job.config
    found = job_windows(job, cache)
    video = job_video(job, cache)
    scorer = shared_scorer(config.models, config.device, job.key.material["extra"]["dtype"], job.workers)
    threads, batch = reading_threads(scorer.card.device), batch_size(config, scorer.card.device)

    def pictures(windows: Sequence[Window]) -> Any:
        return window_pictures(
            job.clip, video, windows, scorer.frame_count, scorer.size_px, config.crop, threads=threads
        )

    def compute(windows: Sequence[Window], frames: list[Any]) -> Computed:
        return ahead_on_gpu(begin_score_batch(scorer, job.clip.sha256, windows, np.stack(frames), config), scorer.card)

    folder_of_chunks = cache.partial_folder(job.key)
    done = windows_in_chunks(folder_of_chunks, found.windows, batch, pictures, compute, progress)
    write_table(folder / "scores.parquet", found.table().assign(**done.columns))
    failed = failed_windows(found.windows, done.columns.get("score", np.zeros(0)))
    details = {
        "model": scorer.card,
        "windows": len(found.windows),
        "dropped": drop_notes(found),
        "failed": failed,
        "reason": found.reason or failure_reason(failed),
    }
    card = scorer.card
    return Made(
        details, {"device": card.device, "dtype": card.dtype, "batch": batch, "waited_share": done.waited_share}
    )


def score_batch(scorer: Any, fingerprint: str, windows: Sequence[Window], frames: Any, config: ScoreConfig) -> Columns:
    """Return the score columns of a batch of windows: uint8 ``frames (B, T, H, W, 3)``, one row a window.

    Beside the score stand its trivial explanations: motion, blur, brightness and texture of the same frames. A window
    whose model output is not finite has failed: its score is NaN.
    """
    return begin_score_batch(scorer, fingerprint, windows, frames, config)()


def begin_score_batch(
    scorer: Any, fingerprint: str, windows: Sequence[Window], frames: Any, config: ScoreConfig
) -> Callable[[], Columns]:
    """Give :func:`score_batch` to the device and return a function that waits for its result."""
    masks = np.stack([masks_of(scorer.mask_shape, fingerprint, window, config) for window in windows])
    wait = scorer.begin_score(frames, masks)
    explanations = explain(frames).columns()
    return lambda: {**_score_columns(wait()), **explanations}


def _score_columns(result: Any) -> Columns:
    columns = {
        "score": result.mean,
        "score_stderr": result.standard_error,
        "skill": result.skill,
        "pixel_mse": result.pixel_mse,
    }
    return {name: np.where(result.finite, values, np.nan) for name, values in columns.items()}


def masks_of(grid: TokenGrid, fingerprint: str, window: Window, config: ScoreConfig) -> Any:
    """Return the masks a window is scored with, bool ``(masks, tokens)``: the same whatever the batch or order."""
    identity = MaskIdentity(fingerprint, window.start_pts, config.seed)
    return window_masks(config.mask, grid, config.masks, identity)


def panel_of(drawn: Any, card: Any) -> Any:
    """Return the panel of a reconstruction as one RGB picture: captions say where its colours come from."""
    from egoclean.media.panel import panel_picture

    pictures = [
        (f"truth, frame {drawn.frame}", drawn.truth),
        ("what the model saw", drawn.masked_input),
        ("predicted, colour from truth", drawn.prediction),
        ("predicted, colour from visible", drawn.prediction_unaided),
        (f"error, mse {drawn.mse:.3f}", drawn.error_map),
    ]
    return panel_picture(pictures, card.label.replace("\u00b7", "|"))


@functools.cache
def shared_scorer(models: str, device: str, dtype: str, cpu_threads: int | None = None) -> Any:
    """Return the scorer of this process, loaded once; on a CPU it computes with ``cpu_threads``, or all there are."""
    from egoclean.models.device import choose_device, use_cpu_threads
    from egoclean.models.videomae import load_scorer

    use_cpu_threads(cpu_threads)
    return load_scorer(models, choose_device(device, dtype, "videomae"))
