"""VideoMAE-base's speed: the published loop against the scorer on the same windows and masks."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from models_timing import ATTENTIONS, card_of, interleaved_s, pictures, random_model, times_s
from scipy.stats import spearmanr
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from egoclean.core.masks import MaskIdentity, TokenGrid, tube_masks
from egoclean.models.device import DeviceChoice
from egoclean.models.pixels import imagenet_normalise, unit_pixels
from egoclean.models.videomae import VideoMaeScorer

MASKS = 2


def videomae_base(
    choice: DeviceChoice, windows: int, batches: Sequence[int], rate: float, *, variants: bool
) -> dict[str, Any]:
    """Compare the scorer with the published loop on the same windows and masks, the two taking turns."""
    config = VideoMAEConfig(use_mean_pooling=False)
    published = random_model(VideoMAEForPreTraining, config).to(choice.device).requires_grad_(False)
    model = copy.deepcopy(published).to(choice.torch_dtype)
    frames = pictures(windows, 16, 224)
    grid = TokenGrid(8, 14, 14)
    masks = np.stack([tube_masks(grid, MASKS, MaskIdentity("0" * 64, pts, 42)) for pts in range(windows)])
    scorer = VideoMaeScorer(model, card_of("videomae", choice, 224))
    found: dict[str, Any] = {"masks": MASKS, "windows": windows, "work_gflop_a_window": 3.7 + MASKS * (70.9 - 3.7)}

    def loop() -> None:
        published_losses(published, frames, masks, choice)

    exact = exact_scores(published, frames, masks, choice)
    for batch in batches:
        runs = {"published": loop, "ours": lambda batch=batch: scores(scorer, frames, masks, batch)}
        seconds = interleaved_s(runs, choice, 3)
        spearman = float(spearmanr(scores(scorer, frames, masks, batch), exact).statistic)
        found[f"batch {batch}"] = {
            "published_loop_windows_per_s": round(windows / seconds["published"], 3),
            "windows_per_s": round(windows / seconds["ours"], 3),
            "times_the_published_loop": round(seconds["published"] / seconds["ours"], 2),
            "share_of_matrix_rate": round(windows * found["work_gflop_a_window"] * 1e9 / seconds["ours"] / rate, 3),
            "rank_correlation_with_float32": round(spearman, 6),
            "largest_difference_from_float32": float(np.abs(scores(scorer, frames, masks, batch) - exact).max()),
            "spread_of_scores": float(exact.std()),
        }
        print("videomae-base", batch, found[f"batch {batch}"], flush=True)
    if variants:
        found["variants"] = compare_variants(scorer, frames, masks, batches[-1], choice)
    return found


def compare_variants(
    scorer: VideoMaeScorer, frames: Any, masks: Any, batch: int, choice: DeviceChoice
) -> dict[str, Any]:
    """Return the rate with each attention."""
    rates: dict[str, Any] = {}
    for name, attention in ATTENTIONS.items():
        try:
            with attention():
                times = times_s(lambda: scores(scorer, frames, masks, batch), choice, 3)
            rates[name] = round(len(frames) / min(times), 2)
        except Exception as error:  # a variant may be refused by the device: the others still count
            rates[name] = f"{type(error).__name__}: {str(error)[:300]}"
        print("videomae-base", name, rates[name], flush=True)
    return rates


def published_losses(model: Any, frames: Any, masks: Any, choice: DeviceChoice) -> list[float]:
    """Return the published loop's losses: batch 2, float32, one mask a window at a time, a number a batch."""
    losses = []
    for index in range(masks.shape[1]):
        for first in range(0, len(frames), 2):
            pixels = imagenet_normalise(unit_pixels(frames[first : first + 2], choice.device))
            hidden = torch.from_numpy(masks[first : first + 2, index]).to(choice.device)
            with torch.inference_mode():
                losses.append(float(model(pixels, bool_masked_pos=hidden).loss))
    return losses


def exact_scores(model: Any, frames: Any, masks: Any, choice: DeviceChoice) -> Any:
    """Return each window's score by the published class in float32: the mean of its losses, one window at a time."""
    rows = []
    for window in range(len(frames)):
        losses = published_losses(model, frames[window : window + 1], masks[window : window + 1], choice)
        rows.append(float(np.mean(losses)))
    return np.array(rows)


def scores(scorer: VideoMaeScorer, frames: Any, masks: Any, batch: int) -> Any:
    """Return the scores of all windows, each batch given to the device before the one before is taken."""
    begun: list[Any] = []
    results = []
    for first in range(0, len(frames), batch):
        begun.append(scorer.begin_score(frames[first : first + batch], masks[first : first + batch]))
        if len(begun) > 1:
            results.append(begun.pop(0)().mean)
    results.extend(wait().mean for wait in begun)
    return np.concatenate(results)
