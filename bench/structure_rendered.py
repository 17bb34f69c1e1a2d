"""Model-made embeddings of clips of the demo world: drawn straight at the model's size, embedded as the pipeline does.

Pictures and embeddings are kept in a folder outside the repository: pictures by clip and size, embeddings also by the
digest of the weights, so that other weights cost only the model's pass.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from structure_clips import Embeddings

from egoclean.core.windows import window_grid
from egoclean.demo.lenses import model_camera
from egoclean.demo.render import FactoryRenderer
from egoclean.demo.world import FRAME_RATE_FPS, WORLD_VERSION, FactoryClip
from egoclean.models.cards import model_spec
from egoclean.models.device import choose_device
from egoclean.models.vjepa2 import Vjepa2Embedder, load_embedder
from egoclean.records import Window

WINDOW_FRAMES, STRIDE_S = 64, 1.0
SIDE_PX = model_spec("vjepa2", "small").size_px
FINER = 2
"""Drawn so many times larger and averaged, as footage is before a model sees it."""
WINDOWS_AT_ONCE = 8


def embedder_of(models: str = "small") -> Vjepa2Embedder:
    """Return the bundled V-JEPA 2."""
    return load_embedder(models, choose_device("cpu"), download=False)


def draw_clips(clips: Iterable[FactoryClip], folder: Path, side_px: int = SIDE_PX, processes: int = 1) -> list[Path]:
    """Draw the clips that are not in ``folder`` yet, one process a clip, and return the paths of all."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(clip, picture_path(clip, folder, side_px), side_px) for clip in clips]
    missing = [item for item in wanted if not item[1].exists()]
    if processes > 1 and len(missing) > 1:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            pool.starmap(_draw, missing, chunksize=1)
    else:
        for item in missing:
            _draw(*item)
    return [path for _, path, _ in wanted]


def picture_path(clip: FactoryClip, folder: Path, side_px: int = SIDE_PX) -> Path:
    """Return where the pictures of a clip are kept: a name for its description, the world's version and the size."""
    described = hashlib.sha256(f"{WORLD_VERSION} {side_px} {FINER} {clip!r}".encode()).hexdigest()[:12]
    return folder / f"{clip.seed}_{side_px}px_{described}.npy"


def _draw(clip: FactoryClip, path: Path, side_px: int) -> None:
    renderer = FactoryRenderer(clip, model_camera(FINER * side_px))
    size = (side_px, side_px)
    frames = (renderer.frame(index / FRAME_RATE_FPS) for index in range(clip.frame_count))
    _save(path, np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]))


def model_embeddings(clip: FactoryClip, folder: Path, embedder: Vjepa2Embedder) -> Embeddings:
    """Return what the model says of a clip's windows, from the folder where it has been asked before."""
    pictures_at = draw_clips([clip], folder, embedder.size_px)[0]
    kept = pictures_at.with_name(f"{pictures_at.stem}_{embedder.card.weights_sha256[:12]}.npz")
    if kept.exists():
        with np.load(kept) as stored:
            return Embeddings(stored["means"], stored["tokens"], stored["starts_s"], float(stored["window_s"]))
    pictures = np.load(pictures_at, mmap_mode="r")
    windows, _ = window_grid(np.arange(len(pictures)), Fraction(1, FRAME_RATE_FPS), WINDOW_FRAMES, STRIDE_S)
    found = [
        embedder.embed(np.stack([_frames(pictures, window) for window in windows[first : first + WINDOWS_AT_ONCE]]))
        for first in range(0, len(windows), WINDOWS_AT_ONCE)
    ]
    made = Embeddings(
        np.concatenate([part.means for part in found]),
        np.concatenate([part.tokens for part in found]),
        np.array([window.start_s for window in windows]),
        windows[0].stop_s - windows[0].start_s,
    )
    temporary = kept.with_name(f".{os.getpid()}.{kept.name}")
    np.savez(temporary, means=made.means, tokens=made.tokens, starts_s=made.starts_s, window_s=made.window_s)
    temporary.replace(kept)
    return made


def _frames(pictures: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    return np.asarray(pictures[window.first_frame : window.first_frame + window.frame_count])


def _save(path: Path, array: NDArray[np.generic]) -> None:
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    with temporary.open("wb") as stream:
        np.save(stream, array)
    temporary.replace(path)
