"""``egoclean score`` and ``egoclean distribution`` on plain files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.errors import MediaError, SourceError
from egoclean.files.inputs import PlainClip, batches, exit_status, read_clips, work_through
from egoclean.records import ClipKind, Window
from egoclean.report import Reporter
from egoclean.store.atomic import write_json, write_text
from egoclean.store.project import Settings
from egoclean.verbs.cost import full_model_notes
from egoclean.verbs.models import batch_size
from egoclean.verbs.score import masks_of, panel_of, score_batch, shared_scorer
from egoclean.verbs.window_source import NOT_FINITE, failed_windows, failure_reason, reading_threads, window_pictures

_RENDERS = ("gt", "pred", "panel")


def score_files(
    sources: Sequence[str], out: Path, renders: Path | None, overlay: bool, settings: Settings, reporter: Reporter
) -> int:
    """Write one line a window to ``out`` (replaced as a whole) and pictures to ``renders``; return the exit status."""
    clips, refused = read_clips(sources, settings, settings.score, reporter)
    config, total = settings.score, sum(len(item.found.windows) for item in clips)
    for note in full_model_notes(config, total):
        reporter.note(note)
    scorer = shared_scorer(config.models, config.device, config.dtype)
    lines: list[dict[str, Any]] = []
    reporter.stage("score", 0, total, "windows")

    def score_clip(item: PlainClip) -> None:
        first = len(lines)
        try:
            for windows, frames in _batches(item, scorer, settings):
                columns = score_batch(scorer, item.clip.sha256, windows, frames, config)
                for place, window in enumerate(windows):
                    values = {name: _plain(column[place]) for name, column in columns.items()}
                    if renders is not None:
                        _render(renders, len(lines), scorer, item, window, frames[place], settings, overlay)
                    lines.append(_line(len(lines), item, window, values, scorer.card))
                reporter.stage("score", len(lines), total, "windows")
        except MediaError:
            if renders is not None:
                _remove_renders(renders, range(first, len(lines)))
            del lines[first:]
            raise
        if failed := failed_windows(item.found.windows, _scores_of(lines[first:])):
            reporter.note(f"{item.clip.clip_id}: {failure_reason(failed)}")

    refused += work_through(clips, score_clip, settings, config, reporter)
    write_text(out, "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines))
    return exit_status(refused)


def write_distribution(scores: Path, out: Path, bins: int) -> Path:
    """Write the histogram of ``scores`` as PNG and ``*_stats.json`` beside it; return the path of the statistics.

    Raises
    ------
    SourceError : a line is not a JSON object with a number under ``score``, or no score is finite.
    """
    from egoclean.charts.plots import write_score_histogram

    values = np.array(read_scores(scores), dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise SourceError(f"{scores} holds no finite score.", "Write it with: egoclean score")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_score_histogram(finite, out, bins)
    quantiles = {f"p{share:02d}": float(np.percentile(finite, share)) for share in (1, 5, 25, 50, 75, 95, 99)}
    statistics = {
        "count": len(values),
        "not_finite": int(len(values) - len(finite)),
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "min": float(finite.min()),
        "max": float(finite.max()),
        **quantiles,
        "bins": bins,
    }
    target = out.with_name(f"{out.stem}_stats.json")
    write_json(target, statistics)
    return target


def read_scores(path: Path) -> list[float]:
    """Return the ``score`` of each line of a scores file in order; null counts as NaN."""
    values = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}.", "Give the file that egoclean score wrote.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            score = record["score"]
            values.append(math.nan if score is None else float(score))
        except (ValueError, TypeError, KeyError) as error:
            raise SourceError(f"{path}:{number} has no number under 'score'.", "Mend or remove this line.") from error
    return values


def _batches(item: PlainClip, scorer: Any, settings: Settings) -> Iterator[tuple[Sequence[Window], Any]]:
    config, windows = settings.score, item.found.windows
    pictures = window_pictures(
        item.clip, item.clip.source.location, windows, scorer.frame_count, scorer.size_px, config.crop,
        threads=reading_threads(scorer.card.device),
    )  # fmt: skip
    for rows in batches(len(windows), batch_size(config, scorer.card.device)):
        yield windows[rows], np.stack([next(pictures) for _ in windows[rows]])


def _scores_of(lines: Sequence[dict[str, Any]]) -> Any:
    return np.array([line["score"] for line in lines], dtype=np.float64)


def _line(step: int, item: PlainClip, window: Window, values: dict[str, Any], card: Any) -> dict[str, Any]:
    source = item.clip.source
    first: Any = window.first_frame
    if source.kind is ClipKind.FRAMES and window.record_index is not None:
        first = source.frame_records[window.record_index].stored_paths[0]
    return {
        "step": step,
        "scene": source.scene,
        "camera": source.camera,
        "first_frame": first,
        "score": values["score"],
        **{name: value for name, value in values.items() if name != "score"},
        "row": step,
        "clip_id": item.clip.clip_id,
        "window": window.index,
        "start_s": window.start_s,
        "stop_s": window.stop_s,
        "start_pts": window.start_pts,
        "stop_pts": window.stop_pts,
        "model": card.model_id,
        "revision": card.revision,
        "weights_sha256": card.weights_sha256,
        "licence": card.licence,
        "dtype": card.dtype,
        "failed": NOT_FINITE if values["score"] is None else None,
    }


def _render(
    renders: Path,
    step: int,
    scorer: Any,
    item: PlainClip,
    window: Window,
    frames: Any,
    settings: Settings,
    overlay: bool,
) -> None:
    from egoclean.media.images import write_png

    mask = masks_of(scorer.mask_shape, item.clip.sha256, window, settings.score)[0]
    drawn = scorer.reconstruct(frames, mask)
    truth = drawn.masked_input if overlay else drawn.truth
    for kind, picture in zip(_RENDERS, (truth, drawn.prediction, panel_of(drawn, scorer.card)), strict=True):
        write_png(renders / f"{step:06d}_{kind}.png", picture)


def _remove_renders(renders: Path, steps: Iterable[int]) -> None:
    for step in steps:
        for kind in _RENDERS:
            (renders / f"{step:06d}_{kind}.png").unlink(missing_ok=True)


def _plain(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
