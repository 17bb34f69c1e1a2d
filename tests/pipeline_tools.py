"""The pipeline in one process with models that answer at once and no figures drawn, and small footage for it."""

import io
import json
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from egoclean import pipeline, stages
from egoclean.charts import plots
from egoclean.cli.main import main
from egoclean.core.masks import TokenGrid
from egoclean.engines.local import TaskResult
from egoclean.errors import EgocleanError, MediaError
from egoclean.files import embed as files_embed
from egoclean.files import score as files_score
from egoclean.models.cards import ModelCard
from egoclean.records import Problem, Severity
from egoclean.store.project import Project, Settings
from egoclean.verbs import embed, score

SIZE_PX, WIDTH = 32, 6


def card(family, frames):
    return ModelCard(
        family, f"test/{family}", "none", "ab" * 32, "CC0", 1, 1, frames, SIZE_PX, 16, 2, 4, "float32", "cpu"
    )


class Scorer:
    """Scores a window by the spread of its pixels."""

    card = card("videomae", 16)
    frame_count, size_px = 16, SIZE_PX
    mask_shape = TokenGrid(8, 2, 2)

    def begin_score(self, frames, masks):
        return lambda: self.score(frames, masks)

    def score(self, frames, masks):
        spread = frames.reshape(len(frames), -1).astype(np.float64).std(axis=1) + masks.reshape(len(masks), -1).mean(1)
        return SimpleNamespace(
            mean=spread,
            standard_error=spread / 10,
            skill=-spread,
            pixel_mse=spread**2,
            finite=np.ones(len(frames), dtype=bool),
        )

    def reconstruct(self, frames, mask, frame=None):
        picture = frames[frame or 0]
        return SimpleNamespace(
            truth=picture,
            masked_input=picture // 2,
            prediction=255 - picture,
            prediction_unaided=picture,
            error_map=picture,
            mse=0.5,
            frame=frame or 0,
        )


class Embedder:
    """Embeds a window as the mean colour of its halves."""

    card = card("vjepa2", 64)
    size_px, width, tubelet_frames = SIZE_PX, WIDTH, 2

    def embed(self, frames):
        tokens = frames.reshape(len(frames), frames.shape[1] // 2, 2, -1, 3).astype(np.float32).mean(axis=(2, 3))
        tokens = np.concatenate([tokens / 255, tokens.std(axis=1, keepdims=True) + 0 * tokens], axis=2)
        return SimpleNamespace(means=tokens.mean(axis=1), tokens=tokens, finite=np.ones(len(frames), dtype=bool))

    def begin_embed(self, frames):
        return lambda: self.embed(frames)

    def begin_embed_with_surprise(self, frames):
        one = np.ones(len(frames))
        surprise = SimpleNamespace(relative=one, error=one, persistence=one, finite=one.astype(bool))
        return lambda: (self.embed(frames), surprise)


def tasks_here(function, tasks, workers=1, *, on_progress=None, with_progress=False, **_):
    """As ``run_tasks``, in this process, one after the other."""
    for task in tasks:
        progress = (lambda done, total, key=task.key: on_progress(key, done, total)) if on_progress else None
        try:
            value = function(*task.args, progress=progress) if with_progress else function(*task.args)
        except EgocleanError as error:
            code = error.code if isinstance(error, MediaError) else "failed"
            yield TaskResult(task.key, error=Problem(code, str(error), Severity.REJECTION), exception=error)
        else:
            yield TaskResult(task.key, value=value)


class Recorded:
    """A reporter that keeps what it hears."""

    def __init__(self):
        self.done, self.notes, self.stages = [], [], []

    def stage(self, verb, done, total, unit, **details):
        self.stages.append((verb, done, total))

    def clip(self, verb, clip_id, status, reason, seconds):
        self.done.append((verb, clip_id, status, reason))

    def note(self, text):
        self.notes.append(text)


def work_here(monkeypatch):
    """Make the pipeline run in this process, with models that need no torch and without drawing figures."""
    monkeypatch.setattr(stages, "run_tasks", tasks_here)
    for module in (score, files_score):
        monkeypatch.setattr(module, "shared_scorer", lambda *_: Scorer())
    for module in (embed, files_embed):
        monkeypatch.setattr(module, "shared_embedder", lambda *_: Embedder())
    monkeypatch.setattr(plots, "write_diagnostics", lambda *arguments, **options: arguments[3].write_bytes(b"drawn"))


def break_first_window(monkeypatch):
    """Make the models give numbers that are not finite for the first window of every batch."""
    score_, embed_ = Scorer.score, Embedder.embed

    def scored(self, frames, masks):
        found = score_(self, frames, masks)
        found.mean[0], found.finite[0] = np.inf, False
        return found

    def embedded(self, frames):
        found = embed_(self, frames)
        found.means[0], found.finite[0] = np.inf, False
        return found

    monkeypatch.setattr(Scorer, "score", scored)
    monkeypatch.setattr(Embedder, "embed", embedded)


def run(root, *sources, settings=None, **options):
    """Run the pipeline on the project at ``root``; return its summary and what its reporter heard."""
    project, heard = Project(root), Recorded()
    summary = pipeline.run(
        project, settings or Settings(), [str(source) for source in sources], heard, workers=1, **options
    )
    return summary, heard


def manifest_of(root):
    """Return the rows of a project's manifest as plain objects."""
    text = (root / "exports" / "manifest.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def write_frames(folder, scene="scene-1", camera="CAM_FRONT", records=3, size=(96, 64), **carried):
    """Write JPEG frames and the lines of a manifest of them; return the lines."""
    lines = []
    for record in range(records):
        paths = []
        for index in range(16):
            number = record * 16 + index
            path = folder / "frames" / f"{scene}-{camera}-{number:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = np.full((size[1], size[0], 3), (number * 5) % 255, dtype=np.uint8)
            picture[:, : 8 + number % 40] = 200
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "JPEG", quality=90)
            path.write_bytes(buffer.getvalue())
            paths.append(f"frames/{path.name}")
        lines.append({"frame_paths": paths, "scene": scene, "camera": camera, "record": record, **carried})
    return lines


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def call(monkeypatch, capsys, arguments, status):
    """Run the command line in this process as ``python -m egoclean`` does; return what it wrote on both streams."""
    monkeypatch.setattr(sys, "argv", ["egoclean", *(str(argument) for argument in arguments)])
    before = signal.getsignal(signal.SIGTERM)
    capsys.readouterr()
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert ended.value.code == status, f"status {ended.value.code}\n{out}\n{err}"
    assert "Traceback" not in err
    return SimpleNamespace(out=out, err=err)
