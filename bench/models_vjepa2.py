"""V-JEPA 2 ViT-L's speed: the published loop, the product's path from a video file, and the network alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from models_clip import RATE, PublishedReader, published_pixels, write_clip
from models_timing import ATTENTIONS, card_of, pictures, random_model, times_s, wait
from transformers import VJEPA2Config, VJEPA2Model

from egoclean.config import EmbedConfig
from egoclean.core.windows import window_grid
from egoclean.models.device import DeviceChoice
from egoclean.models.vjepa2 import Vjepa2Embedder
from egoclean.records import MediaLocation
from egoclean.verbs.chunks import Columns, windows_in_chunks
from egoclean.verbs.embed import begin_embed_batch
from egoclean.verbs.window_source import reading_threads, window_pictures

WORK = {64: 11.57e12, 32: 4.14e12, 16: 1.66e12}
"""Operations of one window, two a multiply-add."""


def vjepa2_large(
    choice: DeviceChoice, frames: int, windows: int, batch: int, rate: float, config: VJEPA2Config | None = None
) -> tuple[dict[str, Any], Vjepa2Embedder]:
    """Compare the product's path with the published loop, both from one video file; on a CPU the network alone."""
    model = random_model(VJEPA2Model, config or VJEPA2Config())
    model = model.to(device=choice.device, dtype=choice.torch_dtype).requires_grad_(False)
    size_px = int(model.config.crop_size)
    published_alone = _published_network(model, frames, size_px, choice)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "view.mp4"
        count = write_clip(path, windows + frames / RATE)
        loop = published_loop(model, path, frames, choice, 2 if windows < 16 else 8)
        embedder = Vjepa2Embedder(model, card_of("vjepa2", choice, size_px, int(model.config.patch_size)))
        ours = product_path(embedder, path, count, frames, batch, choice)
    alone = 1 / network_s(embedder, choice, frames, batch)
    return {
        "frames": frames,
        "batch": batch,
        "published_loop_windows_per_s": round(loop, 3),
        "published_network_alone_windows_per_s": round(published_alone, 3),
        **ours,
        "times_the_published_loop": round(ours["windows_per_s"] / loop, 2),
        "share_of_matrix_rate": round(ours["windows_per_s"] * WORK[frames] / rate, 3),
        "network_alone_windows_per_s": round(alone, 3),
        "network_alone_tflops": round(alone * WORK[frames] / 1e12, 1),
        "network_alone_share_of_matrix_rate": round(alone * WORK[frames] / rate, 3),
    }, embedder


def published_loop(model: Any, path: Path, frames: int, choice: DeviceChoice, windows: int) -> float:
    """Return windows a second, batch 1: decoded again for each window, processed on the CPU, then the network."""
    reader = PublishedReader(path)

    def run(first: int) -> None:
        pixels = published_pixels(reader.window(first * RATE, frames))
        with torch.inference_mode():
            on_device = pixels.to(device=choice.device, dtype=choice.torch_dtype)
            model.get_vision_features(on_device).mean(1).cpu()

    run(0)
    wait(choice)
    began = time.perf_counter()
    for first in range(windows):
        run(first)
    took = time.perf_counter() - began
    reader.close()
    return windows / took


def _published_network(model: Any, frames: int, size_px: int, choice: DeviceChoice) -> float:
    shape = (1, frames, 3, size_px, size_px)
    pixels = torch.randn(shape, device=choice.device, dtype=choice.torch_dtype)

    def run() -> None:
        with torch.inference_mode():
            model.get_vision_features(pixels)

    return 1 / min(times_s(run, choice, 3))


def product_path(
    embedder: Vjepa2Embedder, path: Path, count: int, frames: int, batch: int, choice: DeviceChoice
) -> dict[str, Any]:
    """Return the rate of what ``embed`` does with a clip: each frame decoded once, ahead of the network, in chunks."""
    pts = np.arange(count, dtype=np.int64)
    windows, _ = window_grid(pts, 1 / _fraction(RATE), frames, 1.0)
    video, config = MediaLocation(str(path)), EmbedConfig(frames=frames, surprise=False)
    threads = reading_threads(choice.device)

    def pictures_of(some: Sequence[Any]) -> Iterator[Any]:
        clip: Any = None
        return window_pictures(clip, video, some, frames, embedder.size_px, "center", threads=threads)

    def compute(some: Sequence[Any], items: list[Any]) -> Callable[[], Columns]:
        return begin_embed_batch(embedder, np.stack(items), config)

    embedder.embed(np.zeros((batch, frames, embedder.size_px, embedder.size_px, 3), np.uint8))
    wait(choice)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = windows_in_chunks(Path(folder), windows, batch, pictures_of, compute, None)
        took = time.perf_counter() - began
    began = time.perf_counter()
    read = sum(1 for _ in pictures_of(windows))
    decode_s = time.perf_counter() - began
    return {
        "windows": len(windows),
        "windows_per_s": round(len(windows) / took, 3),
        "waited_share": round(done.waited_share, 3),
        "reading_alone_windows_per_s": round(read / decode_s, 2),
        "reading_threads": threads,
    }


def network_s(embedder: Vjepa2Embedder, choice: DeviceChoice, frames: int, batch: int) -> float:
    """Return the seconds of one window from bytes in memory to its embedding, batches given one ahead."""
    shape = (batch, frames, embedder.size_px, embedder.size_px, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    batches = max(3, 24 // batch) if choice.device == "cuda" else 1

    def run() -> None:
        begun = [embedder.begin_embed(clips)]
        for _ in range(batches - 1):
            begun.append(embedder.begin_embed(clips))
            begun.pop(0)()
        begun.pop()()

    return float(np.median(times_s(run, choice, 3 if choice.device == "cuda" else 1))) / (batch * batches)


def compare_variants(
    embedder: Vjepa2Embedder, choice: DeviceChoice, frames: int, batches: Sequence[int], rate: float, profile: Path
) -> dict[str, Any]:
    """Return the rate with each attention and how near embeddings are to float32's, and the rate at each batch."""
    reference = _exact(embedder, frames, choice)
    clips = pictures(2, frames, embedder.size_px)
    found: dict[str, Any] = {}
    for name, attention in ATTENTIONS.items():
        try:
            with attention():
                cosines = _cosines(embedder.embed(clips), reference)
                found[name] = {**_rate(embedder, choice, frames, 4, rate), **cosines}
        except Exception as error:  # a device may refuse one: the others still count
            found[name] = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        print(name, found[name], flush=True)
    for batch in batches:
        try:
            found[f"batch {batch}"] = _rate(embedder, choice, frames, batch, rate)
        except Exception as error:
            found[f"batch {batch}"] = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        print(batch, found[f"batch {batch}"], flush=True)
    if choice.device == "cuda":
        _profile(embedder, frames, profile)
    return {"variants": found}


def _rate(embedder: Vjepa2Embedder, choice: DeviceChoice, frames: int, batch: int, rate: float) -> dict[str, Any]:
    seconds = network_s(embedder, choice, frames, batch)
    work = WORK[frames] / seconds
    return {
        "batch": batch,
        "windows_per_s": round(1 / seconds, 3),
        "tflops": round(work / 1e12, 1),
        "share_of_matrix_rate": round(work / rate, 3),
    }


def _exact(embedder: Vjepa2Embedder, frames: int, choice: DeviceChoice) -> Any:
    """Return float32 features of the published class, pooled over space, for the probe."""
    from egoclean.models.pixels import imagenet_normalise, unit_pixels

    with torch.device("meta"):
        model = VJEPA2Model(embedder._model.config)
    model.load_state_dict(embedder._model.state_dict(), assign=True)
    model = model.eval().to(device=choice.device, dtype=torch.float32)
    clips = pictures(2, frames, embedder.size_px)
    pooled = []
    with torch.inference_mode():
        for clip in clips:
            features = model.get_vision_features(imagenet_normalise(unit_pixels(clip[None], choice.device)))
            pooled.append(features.view(frames // 2, -1, embedder.width).mean(1).cpu().numpy())
    return np.stack(pooled)


def _cosines(found: Any, reference: Any) -> dict[str, float]:
    def least(one: Any, other: Any) -> float:
        product = (one * other).sum(-1) / (np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1))
        return round(float(product.min()), 7)

    return {
        "least_cosine_to_float32": least(found.means, reference.mean(axis=1)),
        "least_cosine_to_float32_of_slots": least(found.tokens, reference),
    }


def _profile(embedder: Vjepa2Embedder, frames: int, path: Path) -> None:
    from torch.profiler import ProfilerActivity, profile

    try:
        clips = np.zeros((4, frames, embedder.size_px, embedder.size_px, 3), np.uint8)
        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
            embedder.embed(clips)
        table = seen.key_averages().table(sort_by="self_cuda_time_total", row_limit=18, max_name_column_width=90)
        path.write_text(f"batch 4\n{table}\n", encoding="utf-8")
    except Exception as error:
        path.write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")


def _fraction(value: int) -> Any:
    from fractions import Fraction

    return Fraction(value)
