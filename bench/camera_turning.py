"""How well the camera's turning is read off the pictures: against the head's true turning in drawn clips.

    PYTHONPATH=. python bench/camera_turning.py --work FOLDER

One line a clip: Spearman's correlation over its windows with the true turning, of the measure and of motion energy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from structure import bench_clip
from structure_rendered import draw_clips

from egoclean.core.ego_motion import LOOKED_AT, turning
from egoclean.core.explanations import explain
from egoclean.demo.motion import Movement
from egoclean.demo.style import workplace_style


def main() -> None:
    """Draw the clips and print the correlations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    for seed in range(3000, 3006):
        clip, kind = bench_clip(seed)
        pictures = np.load(draw_clips([clip], options.work)[0], mmap_mode="r")
        movement = Movement(clip, workplace_style(clip.worker.seed))
        windows = [np.asarray(pictures[first : first + 64]) for first in range(0, len(pictures) - 64, 30)]
        true = []
        for first in range(0, len(pictures) - 64, 30):
            times_s = (first + np.linspace(0, 63, LOOKED_AT).astype(int)) / 30
            angles = np.array([movement.pose(float(time_s)).head[3:5] for time_s in times_s])
            true.append(np.linalg.norm(np.diff(angles, axis=0), axis=1).sum())
        found = [turning(window[None])[0] for window in windows]
        energy = [explain(window[None, ::4]).motion_energy[0] for window in windows]
        print(f"{seed} {kind}: turning {spearmanr(found, true)[0]:.2f}, motion energy {spearmanr(energy, true)[0]:.2f}")


if __name__ == "__main__":
    main()
