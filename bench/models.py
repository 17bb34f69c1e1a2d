"""How fast models run here, beside the published loops and the device's own limit; random weights of the true size.

    python bench/models.py [--device auto] [--dtype auto] [--only videomae vjepa2 small] [--variants]

The published VideoMAE loop is batch 2, float32, one mask a clip, ``model(pixel_values, bool_masked_pos)``. The
published V-JEPA 2 loop is batch 1, float16 on a GPU, each window's frames decoded again from the video and resized on
the CPU, ``get_vision_features``. The limit is the rate of a large matrix product in the same number format. ``--tiny``
runs every path with small networks, to try the script. Written to bench/results/models.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from models_timing import machine, matrix_rate, pictures, times_s
from models_videomae import MASKS, videomae_base
from models_vjepa2 import compare_variants, vjepa2_large
from transformers import VJEPA2Config

from egoclean.core.masks import MaskIdentity, tube_masks
from egoclean.models.cards import bundled_weights, model_spec
from egoclean.models.device import DeviceChoice, choose_device
from egoclean.models.videomae import load_scorer
from egoclean.models.vjepa2 import load_embedder

PARTS = ("videomae", "vjepa2", "small")


def main() -> None:
    """Measure what this machine can, print it and write it after every part."""
    options = _options()
    choice = choose_device(options.device, options.dtype, "videomae" if options.only == ["videomae"] else "")
    rate = matrix_rate(choice)
    command = "python bench/models.py"
    result: dict[str, Any] = {"command": command, "machine": machine(choice), "matrix_tflops": round(rate / 1e12, 3)}
    print(result, flush=True)
    for part in options.only:
        began = time.perf_counter()
        try:
            for found in _measured(part, choice, options, rate):
                result.update(found)
                _write(options.out, result)
        except Exception as error:  # what was measured before is kept
            result[f"{part} failed"] = f"{type(error).__name__}: {str(error)[:500]}"
            if options.tiny:
                raise
        result[f"{part} took_s"] = round(time.perf_counter() - began, 1)
        _write(options.out, result)
    print(json.dumps(result, indent=1))


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _measured(part: str, choice: DeviceChoice, options: argparse.Namespace, rate: float) -> Iterator[dict[str, Any]]:
    on_gpu = choice.device == "cuda"
    if part == "small":
        windows = 8 * options.windows
        yield {"videomae-small": small_scorer(choice, windows), "vjepa2-small": small_embedder(choice, windows // 4)}
        return
    if part == "videomae":
        windows, batches = (64, (8, 16, 32)) if on_gpu else (options.windows, (options.windows,))
        yield {"videomae-base": videomae_base(choice, windows, batches, rate, variants=options.variants)}
        return
    frames = 64 if on_gpu or options.full_vjepa2 else 16
    bundled = bundled_weights(model_spec("vjepa2", "small")).parent
    config = VJEPA2Config.from_pretrained(bundled) if options.tiny else None
    windows = 192 if on_gpu else 1
    found, embedder = vjepa2_large(choice, frames, windows, options.batch, rate, config)
    print(found, flush=True)
    yield {"vjepa2-vitl": found}
    if options.variants:
        profile = options.out.with_name(options.out.stem + "_profile.txt")
        batches = (1, 2, 8, 16) if on_gpu else (1,)
        yield {"vjepa2-vitl, network alone": compare_variants(embedder, choice, frames, batches, rate, profile)}


def small_scorer(choice: DeviceChoice, windows: int) -> dict[str, Any]:
    """Time the bundled VideoMAE at its default of two masks."""
    scorer = load_scorer("small", choice)
    frames = pictures(windows, scorer.frame_count, scorer.size_px)
    masks = np.stack([tube_masks(scorer.mask_shape, MASKS, MaskIdentity("0" * 64, i, 42)) for i in range(windows)])
    return {"windows_per_s": round(windows / min(times_s(lambda: scorer.score(frames, masks), choice, 2)), 2)}


def small_embedder(choice: DeviceChoice, windows: int) -> dict[str, Any]:
    """Time the bundled V-JEPA 2, with and without surprise."""
    embedder = load_embedder("small", choice)
    frames = pictures(windows, 64, embedder.size_px)
    plain_s = min(times_s(lambda: embedder.embed(frames), choice, 2))
    both_s = min(times_s(lambda: embedder.embed_with_surprise(frames), choice, 2))
    return {
        "windows_per_s": round(windows / plain_s, 2),
        "windows_per_s_with_surprise": round(windows / both_s, 2),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "float16", "bfloat16"))
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--variants", action="store_true", help="Also other attentions and batches.")
    parser.add_argument("--batch", type=int, default=8, help="V-JEPA 2 windows a batch.")
    parser.add_argument("--windows", type=int, default=4, help="Windows of each timed pass on a CPU.")
    parser.add_argument("--full-vjepa2", action="store_true", help="Also V-JEPA 2 ViT-L with 64 frames on a CPU.")
    parser.add_argument("--tiny", action="store_true", help="V-JEPA 2 of the bundled size: to try the script.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "models.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
