"""How fast models run here, beside the published loops and the device's own limit; random weights of the true size.

    python bench/models.py [--device auto] [--windows 4] [--full-vjepa2]

The published VideoMAE loop is batch 2, float32, one mask a clip, ``model(pixel_values, bool_masked_pos)``. The
published V-JEPA 2 loop is batch 1, float16 on a GPU, ``get_vision_features`` after resizing on the CPU.
The limit is the rate of a large matrix product in the same number format. Written to bench/results/models.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate
from transformers import (
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VJEPA2Config,
    VJEPA2Model,
)

from egoclean.core.masks import MaskIdentity, TokenGrid, tube_masks
from egoclean.models.cards import ModelCard
from egoclean.models.device import DeviceChoice, choose_device
from egoclean.models.loading import untrained
from egoclean.models.pixels import imagenet_normalise, unit_pixels
from egoclean.models.videomae import VideoMaeScorer, small_videomae_config
from egoclean.models.vjepa2 import Vjepa2Embedder, small_vjepa2_config

MASKS = 2


def main() -> None:
    """Measure what this machine can, print it and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--windows", type=int, default=4, help="Windows of each timed pass.")
    parser.add_argument("--full-vjepa2", action="store_true", help="Also V-JEPA 2 ViT-L with 64 frames on a CPU.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "models.json")
    options = parser.parse_args()
    choice = choose_device(options.device)
    rate = matrix_rate(choice)
    result = {
        "command": "python bench/models.py",
        "machine": machine(choice),
        "matrix_gflops": round(rate / 1e9, 1),
        "videomae-base": videomae_base(choice, options.windows, rate),
        "videomae-small": small_scorer(choice, 8 * options.windows),
        "vjepa2-small": small_embedder(choice, 2 * options.windows),
    }
    frames = 64 if choice.device != "cpu" or options.full_vjepa2 else 16
    result[f"vjepa2-vitl, {frames} frames"] = vjepa2_large(choice, frames, options.windows, rate)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def machine(choice: DeviceChoice) -> dict[str, Any]:
    """Return what the figures depend on; ``load`` is the machine's load average while they were taken."""
    return {
        "device": choice.reason,
        "dtype": choice.dtype,
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "bf16_units": bool(torch.cpu.get_capabilities().get("avx512_bf16", False)),
        "load": [round(value, 1) for value in os.getloadavg()],
        "torch": torch.__version__,
    }


def matrix_rate(choice: DeviceChoice) -> float:
    """Return the floating-point operations a second of a large square matrix product."""
    side = 8192 if choice.device == "cuda" else 1536
    first, second = (torch.randn(side, side, device=choice.device, dtype=choice.torch_dtype) for _ in range(2))
    return 2 * side**3 / best_s(lambda: first @ second, choice, 5)


def videomae_base(choice: DeviceChoice, windows: int, rate: float) -> dict[str, Any]:
    """Compare the scorer with the published loop on the same windows and masks."""
    published = untrained(VideoMAEForPreTraining, VideoMAEConfig(use_mean_pooling=False)).eval()
    published = published.to(choice.device)
    frames = pictures(windows, 16, 224)
    grid = TokenGrid(8, 14, 14)
    masks = np.stack([tube_masks(grid, MASKS, MaskIdentity("0" * 64, pts, 42)) for pts in range(windows)])

    def loop() -> list[float]:
        losses = []
        for index in range(MASKS):
            for first in range(0, windows, 2):
                pixels = imagenet_normalise(unit_pixels(frames[first : first + 2], choice.device))
                hidden = torch.from_numpy(masks[first : first + 2, index]).to(choice.device)
                with torch.inference_mode():
                    losses.append(float(published(pixels, bool_masked_pos=hidden).loss))
        return losses

    loop_s = best_s(loop, choice, 2)
    scorer = VideoMaeScorer(published.to(choice.torch_dtype), card_of("videomae", choice, 224))
    ours_s = best_s(lambda: scorer.score(frames, masks), choice, 2)
    work = windows * (3.7e9 + MASKS * (70.9e9 - 3.7e9))
    return {
        "masks": MASKS,
        "published_loop_windows_per_s": round(windows / loop_s, 3),
        "windows_per_s": round(windows / ours_s, 3),
        "times_the_published_loop": round(loop_s / ours_s, 2),
        "share_of_matrix_rate": round(work / ours_s / rate, 3),
    }


def vjepa2_large(choice: DeviceChoice, frames: int, windows: int, rate: float) -> dict[str, Any]:
    """Compare the embedder with the published loop; on a CPU one window of fewer frames is timed."""
    windows = windows if choice.device == "cuda" else 1
    model = untrained(VJEPA2Model, VJEPA2Config()).eval().to(device=choice.device, dtype=choice.torch_dtype)
    clips = pictures(windows, frames, 256)

    def loop() -> None:
        for clip in clips:
            pixels = published_pixels(clip)
            with torch.inference_mode():
                model.get_vision_features(pixels.to(device=choice.device, dtype=choice.torch_dtype)).mean(1).cpu()

    loop_s = best_s(loop, choice, 1 if choice.device == "cpu" else 3)
    embedder = Vjepa2Embedder(model, card_of("vjepa2", choice, 256))
    ours_s = best_s(lambda: embedder.embed(clips), choice, 1 if choice.device == "cpu" else 3)
    work = windows * {64: 11.57e12, 32: 4.14e12, 16: 1.66e12}[frames]
    return {
        "published_loop_windows_per_s": round(windows / loop_s, 4),
        "windows_per_s": round(windows / ours_s, 4),
        "times_the_published_loop": round(loop_s / ours_s, 2),
        "share_of_matrix_rate": round(work / ours_s / rate, 3),
    }


def published_pixels(clip: Any) -> torch.Tensor:
    """Return what the published processor makes on the CPU: shortest edge 292, centre crop 256, normalised."""
    channels_first = torch.from_numpy(clip).permute(0, 3, 1, 2)
    enlarged = interpolate(channels_first, size=(292, 292), mode="bilinear", antialias=True)
    return imagenet_normalise(enlarged[:, :, 18:274, 18:274].float().div(255)[None])


def small_scorer(choice: DeviceChoice, windows: int) -> dict[str, Any]:
    """Time the bundled VideoMAE at its default of two masks."""
    model = untrained(VideoMAEForPreTraining, small_videomae_config()).eval()
    scorer = VideoMaeScorer(model.to(device=choice.device, dtype=choice.torch_dtype), card_of("videomae", choice, 112))
    frames = pictures(windows, 16, 112)
    masks = np.stack([tube_masks(scorer.mask_shape, MASKS, MaskIdentity("0" * 64, i, 42)) for i in range(windows)])
    return {"windows_per_s": round(windows / best_s(lambda: scorer.score(frames, masks), choice, 2), 2)}


def small_embedder(choice: DeviceChoice, windows: int) -> dict[str, Any]:
    """Time the bundled V-JEPA 2, with and without surprise."""
    model = untrained(VJEPA2Model, small_vjepa2_config()).eval()
    embedder = Vjepa2Embedder(model.to(device=choice.device, dtype=choice.torch_dtype), card_of("vjepa2", choice, 128))
    frames = pictures(windows, 64, 128)
    plain_s = best_s(lambda: embedder.embed(frames), choice, 2)
    both_s = best_s(lambda: embedder.embed_with_surprise(frames), choice, 2)
    return {
        "windows_per_s": round(windows / plain_s, 2),
        "windows_per_s_with_surprise": round(windows / both_s, 2),
    }


def card_of(family: str, choice: DeviceChoice, size_px: int) -> ModelCard:
    """Return a card for random weights of a true size."""
    patch_px = {112: 8, 128: 32}.get(size_px, 16)
    mask_groups = {"videomae": 14 if size_px == 224 else 4, "vjepa2": 0}[family]
    return ModelCard(
        family, f"{family}-random", "untrained", "0" * 64, "none", False, 0, 0, 16, size_px, patch_px, 2,
        mask_groups, choice.dtype, choice.device,
    )  # fmt: skip


def pictures(windows: int, frames: int, size_px: int) -> Any:
    """Return random uint8 windows."""
    return np.random.default_rng(0).integers(0, 256, (windows, frames, size_px, size_px, 3)).astype(np.uint8)


def best_s(run: Callable[[], Any], choice: DeviceChoice, repeats: int) -> float:
    """Return the shortest of ``repeats`` timed runs after one that is not timed, in seconds."""
    run()
    times = []
    for _ in range(repeats):
        _wait(choice)
        began = time.perf_counter()
        run()
        _wait(choice)
        times.append(time.perf_counter() - began)
    return min(times)


def _wait(choice: DeviceChoice) -> None:
    if choice.device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
