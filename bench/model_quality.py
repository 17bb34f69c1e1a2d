"""What the small models know, on demo worlds they were not trained on: the tables of docs/models.md.

    python bench/model_quality.py --work FOLDER [--seeds 0 11] [--weights FOLDER]

Every clip goes the pipeline's way: H.265 fisheye footage, rectified, H.264 view, decoded. Near-duplicates are left
out. The result is written to bench/results/model_quality.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality_data import ClipData, prepare
from quality_tables import across_workers, effective_rank, event_auroc, fill_in_errors, neighbour_distance, unit

from egoclean.core.explanations import TRIVIAL_SIGNALS, explain, explained_share, rank_correlation
from egoclean.core.masks import MaskIdentity, tube_masks
from egoclean.demo.world import ACTIVITIES
from egoclean.models import cards
from egoclean.models.device import choose_device
from egoclean.models.videomae import load_scorer
from egoclean.models.vjepa2 import load_embedder

Columns = dict[str, NDArray[np.float64]]
BATCH = 8
MORE_THAN_AN_EVENT = 10
"""Neighbours asked for so that the windows of one event, about eight, cannot vouch for one another."""


def main() -> None:
    """Read the command line, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder for demo worlds and their windows.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 11])
    parser.add_argument("--weights", type=Path, help="Weights to measure instead of the bundled ones.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "model_quality.json")
    options = parser.parse_args()
    if options.weights:
        cards.WEIGHTS_DIR = options.weights
    clips = [clip for seed in options.seeds for clip in prepare(options.work, seed)]
    result = measure(clips, options.seeds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def measure(clips: list[ClipData], seeds: list[int]) -> dict[str, Any]:
    """Return every table of both models over all clips."""
    choice = choose_device("auto")
    scorer, embedder = load_scorer("small", choice), load_embedder("small", choice)
    worlds = [seed for seed in seeds for _ in range(len(clips) // len(seeds))]
    parts = [_clip_columns(clip, scorer, embedder) for clip in clips]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    vectors = columns.pop("vectors")
    names = [f"{world}/{clip.name}" for world, clip in zip(worlds, clips, strict=True) for _ in clip.starts_s]
    people = [f"{world}/{clip.worker}" for world, clip in zip(worlds, clips, strict=True) for _ in clip.starts_s]
    events = [event for clip in clips for event in clip.events]
    calm = [work if event == "ordinary" else "" for clip in clips for work, event in _rows(clip)]
    starts_s = np.concatenate([clip.starts_s for clip in clips])
    near = unit(vectors, centred=True)
    columns["neighbour distance, all clips"] = neighbour_distance(near, names, starts_s, own_clip=False)
    columns["neighbour distance, own clip"] = neighbour_distance(near, names, starts_s, own_clip=True)
    many = f"neighbour distance, own clip, {MORE_THAN_AN_EVENT} nearest"
    columns[many] = neighbour_distance(near, names, starts_s, own_clip=True, k=MORE_THAN_AN_EVENT)
    pixels = np.concatenate([_thumbnails(clip) for clip in clips])
    signals = {name: values for name, values in columns.items() if name not in _HELPERS}
    trivial = {name: columns[name] for name in TRIVIAL_SIGNALS}
    return {
        "command": f"python bench/model_quality.py --work FOLDER --seeds {' '.join(map(str, seeds))}",
        "models": [scorer.card.label, embedder.card.label],
        "windows": len(names),
        "videomae": _videomae_table(columns, trivial),
        "vjepa2": {
            "effective_rank": round(effective_rank(vectors.astype(np.float64)), 1),
            "activity_across_workers": {
                "nearest neighbour, cosine": round(across_workers(unit(vectors, centred=False), calm, people), 3),
                "nearest neighbour, centred cosine": round(across_workers(near, calm, people), 3),
                "raw pixels": round(across_workers(unit(pixels, centred=True), calm, people), 3),
                "chance": round(1 / len(set(calm) - {""}), 3),
            },
            "error_below_persistence": round(float((columns["surprise, ratio"] < 1).mean()), 3),
            "median_error_over_persistence": round(float(np.median(columns["surprise, ratio"])), 3),
        },
        "events": event_auroc(signals, events, names),
        "rank_correlation_with_score": {
            name: round(rank_correlation(columns["score"], values), 3) for name, values in signals.items()
        },
    }


_HELPERS = ("zero", "fill", "best fill", "skill")


def _clip_columns(clip: ClipData, scorer: Any, embedder: Any) -> Columns:
    rows: list[Columns] = []
    for first in range(0, len(clip.starts_s), BATCH):
        chosen = slice(first, first + BATCH)
        small, large = np.asarray(clip.small[chosen]), np.asarray(clip.large[chosen])
        identities = [MaskIdentity(clip.name, pts, 42) for pts in clip.start_pts[chosen]]
        masks = np.stack([tube_masks(scorer.mask_shape, 2, identity) for identity in identities])
        scores = scorer.score(small, masks)
        embedded, surprise = embedder.embed_with_surprise(large)
        fill = fill_in_errors(small[0], masks[0, 0], scorer.card.patch_px)
        fills = [fill] + [(np.nan, np.nan)] * (len(small) - 1)
        rows.append(
            {
                "score": scores.mean,
                "skill": scores.skill,
                "zero": scores.zero_mse,
                "fill": np.array([fill for fill, _ in fills]),
                "best fill": np.array([best for _, best in fills]),
                "pixel error": scores.pixel_mse,
                "surprise": surprise.relative,
                "surprise, error": surprise.error,
                "surprise, ratio": surprise.error / surprise.persistence,
                "persistence": surprise.persistence,
                "vectors": embedded.means.astype(np.float64),
                **explain(small).columns(),
            }
        )
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    thumbnails = _thumbnails(clip)
    columns["pixel distance to the clip's mean"] = np.linalg.norm(thumbnails - thumbnails.mean(axis=0), axis=1)
    return columns


def _videomae_table(columns: Columns, trivial: Columns) -> dict[str, Any]:
    zero = columns["zero"].mean()
    filled = np.isfinite(columns["fill"])
    zero_filled = columns["zero"][filled].mean()
    return {
        "skill": round(float(1 - columns["score"].mean() / zero), 3),
        "skill_where_filled_in": round(float(1 - columns["score"][filled].mean() / zero_filled), 3),
        "windows_with_skill_above_0": round(float((columns["skill"] > 0).mean()), 3),
        "skill_of_filling_in": round(float(1 - columns["fill"][filled].mean() / zero_filled), 3),
        "skill_of_filling_in_best_scaled": round(float(1 - columns["best fill"][filled].mean() / zero_filled), 3),
        "explained_by_trivial_signals": round(explained_share(columns["score"], trivial), 3),
    }


def _rows(clip: ClipData) -> list[tuple[str, str]]:
    works = [work if work in ACTIVITIES else "" for work in clip.activities]
    return list(zip(works, clip.events, strict=True))


def _thumbnails(clip: ClipData) -> NDArray[np.float64]:
    """Return the middle frame of each window at 16 x 16 pixels, as vectors."""
    middle = np.asarray(clip.large[:, 32]).astype(np.float64)
    cell = middle.shape[1] // 16
    blocks = middle.reshape(len(middle), 16, cell, 16, cell, 3).mean(axis=(2, 4))
    return blocks.reshape(len(middle), -1)


if __name__ == "__main__":
    main()
