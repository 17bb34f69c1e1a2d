"""What encoding the view costs a score: scores from view.mp4 against scores from the same frames without loss.

    python bench/view_scores.py DEMO [--clips 4] [--out bench/results/view_scores.json]

The videos of a source, such as a demo's folder, are rectified twice, once as the pipeline does it and once without
loss (x264 at CRF 0), and every window of both is scored with the same masks. Reported is the rank correlation
(Spearman) over all windows, and within each clip.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from egoclean.config import RectifyConfig
from egoclean.core.explanations import rank_correlation
from egoclean.core.masks import MaskIdentity, tube_masks
from egoclean.core.windows import frames_of_window, window_grid
from egoclean.media.frames import read_frames
from egoclean.media.rectify import rectify_video
from egoclean.models.device import choose_device
from egoclean.models.videomae import VideoMaeScorer, load_scorer
from egoclean.pipeline import discover_clips
from egoclean.records import ClipKind, SourceClip
from egoclean.store.project import Settings
from egoclean.verbs.ingest import fingerprinted

MASKS = 2
BATCH = 8


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="A folder of videos that egoclean reads.")
    parser.add_argument("--clips", type=int, default=4, help="Videos to take.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "view_scores.json")
    options = parser.parse_args()
    scorer = load_scorer("small", choose_device("auto"))
    sources, _ = discover_clips([options.source], Settings())
    videos = [source for source in sources if source.kind is ClipKind.VIDEO][: options.clips]
    pairs = {source.clip_id: scores_of(fingerprinted(source).source, scorer) for source in videos}
    both = np.concatenate(list(pairs.values()), axis=1)
    result = {
        "command": f"python bench/view_scores.py DEMO --clips {options.clips}",
        "model": scorer.card.label,
        "windows": int(both.shape[1]),
        "rank_correlation": round(rank_correlation(*both), 4),
        "rank_correlation_by_clip": {name: round(rank_correlation(*pair), 4) for name, pair in pairs.items()},
        "mean_score": {"view": round(float(both[0].mean()), 4), "without_loss": round(float(both[1].mean()), 4)},
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def scores_of(source: SourceClip, scorer: VideoMaeScorer) -> Any:
    """Return the scores of each window from the view and from the view without loss, (2, n)."""
    rows = []
    for config in (RectifyConfig(), RectifyConfig(view_crf=0)):
        with tempfile.TemporaryDirectory() as folder:
            assert source.location is not None
            made = rectify_video(source.location, source.intrinsics, config, Path(folder), "clip")
            windows, _ = window_grid(made.pts, made.header.time_base, 64, 1.0)
            indices = [frames_of_window(window, scorer.frame_count) for window in windows]
            pictures = np.stack(list(read_frames(made.view_path, indices, scorer.size_px)))
        masks = np.stack(
            [tube_masks(scorer.mask_shape, MASKS, MaskIdentity(source.clip_id, w.start_pts, 42)) for w in windows]
        )
        parts = [slice(first, first + BATCH) for first in range(0, len(windows), BATCH)]
        rows.append(np.concatenate([scorer.score(pictures[part], masks[part]).mean for part in parts]))
    return np.stack(rows)


if __name__ == "__main__":
    main()
