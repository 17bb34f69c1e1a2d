"""Which way to find boundaries wins on the demo world: kernel change points, novelty peaks or the matrix profile.

    PYTHONPATH=. python bench/change_points.py [--out bench/results/change_points.json]

Each way has one number to set; it is set on clips of seeds from 3000 on and judged on clips of seeds from 5000 on, by
F1 within 1 s. stumpy (FLUSS) is tried where it can be imported and is no dependency of the package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from scipy.signal import find_peaks
from structure import bench_clip, boundary_hits, truth_of
from structure_clips import truth_embeddings

from egoclean.core.segments import GLANCE_S, change_points, delay_rows, match_profile, novelty_curve
from egoclean.core.stream import Stream, make_stream, slower
from egoclean.core.structure import analyse
from egoclean.demo.world import FactoryClip

CHOOSE, JUDGE = range(3000, 3030), range(5000, 5030)
Finder = Callable[[Stream, float], list[float]]


def coarse_stream(clip: FactoryClip) -> Stream:
    """Return the stream of a clip's truth-made embeddings, five points a second."""
    made = truth_embeddings(clip)
    stream = make_stream(made.tokens, made.starts_s, made.window_s, 1.0)
    return slower(stream, max(1, round(0.2 / stream.step_s)))


def by_kernel_on_profile(coarse: Stream, penalty: float) -> list[float]:
    """KernelCPD on how well each moment matches each block of the clip: what the package starts from."""
    profile = match_profile(delay_rows(coarse), coarse.steps(5.0))
    edges = change_points(profile, coarse.steps(2.0), 1 / coarse.step_s, coarse.steps(GLANCE_S), penalty)
    return _seconds(coarse, edges[1:-1])


def by_kernel_on_stream(coarse: Stream, penalty: float) -> list[float]:
    """KernelCPD (radial kernel) on the embeddings themselves, as change points are usually sought."""
    import ruptures

    detector = ruptures.KernelCPD(kernel="rbf", min_size=coarse.steps(2.0)).fit(coarse.values.astype(np.float64))
    return _seconds(coarse, detector.predict(pen=penalty)[:-1])


def by_novelty(coarse: Stream, prominence: float) -> list[float]:
    """Peaks of the checkerboard novelty of four seconds on either side."""
    return _seconds(coarse, find_peaks(novelty_curve(coarse, 4.0), prominence=prominence)[0])


def by_matrix_profile(coarse: Stream, threshold: float) -> list[float]:
    """FLUSS: low places of the corrected arc curve, the mean over the four first directions, stretches of 4 s."""
    import stumpy

    width = coarse.steps(4.0)
    curves = []
    for column in range(min(4, coarse.values.shape[1])):
        signal = coarse.values[:, column].astype(np.float64)
        found = stumpy.stump(signal, m=width)
        curves.append(stumpy.fluss(found[:, 1], L=width, n_regimes=2, excl_factor=1)[0])
    curve = np.mean(curves, axis=0)
    low = find_peaks(1 - curve, height=1 - threshold, distance=coarse.steps(4.0))[0]
    return _seconds(coarse, low)


WAYS: dict[str, tuple[Finder, tuple[float, ...]]] = {
    "KernelCPD on the match profile": (by_kernel_on_profile, (2.0, 4.0, 8.0, 14.0, 20.0)),
    "KernelCPD on the embeddings": (by_kernel_on_stream, (1.0, 2.0, 4.0, 8.0, 16.0)),
    "novelty peaks": (by_novelty, (0.02, 0.05, 0.1, 0.15, 0.2)),
    "matrix profile (FLUSS)": (by_matrix_profile, (0.3, 0.45, 0.6, 0.75)),
}


def boundary_f1(streams: Iterable[tuple[FactoryClip, Stream]], find: Finder, setting: float) -> float:
    """Return the F1 of the boundaries of all clips together."""
    return _f1([(truth_of(clip)[1], find(coarse, setting)) for clip, coarse in streams])


def main() -> None:
    """Set each way's number, judge it, print the table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chosen, judged = (
        [(clip := bench_clip(seed)[0], coarse_stream(clip)) for seed in seeds] for seeds in (CHOOSE, JUDGE)
    )
    result = {}
    for name, (find, settings) in WAYS.items():
        try:
            scores = {setting: boundary_f1(chosen, find, setting) for setting in settings}
        except ImportError:
            print(f"{name}: not installed")
            continue
        best = max(scores, key=lambda setting: scores[setting])
        result[name] = {"setting": best, "chosen_on": scores[best], "f1": boundary_f1(judged, find, best)}
    pairs = []
    for clip, _ in judged:
        made = truth_embeddings(clip)
        found = analyse(made.means, made.starts_s, made.tokens, made.window_s)
        pairs.append((truth_of(clip)[1], [segment.start_s for segment in found.segments[1:]]))
    result["all of it: change points, then recognition"] = {"f1": _f1(pairs)}
    for name, values in result.items():
        print(f"{name:45} F1 {values['f1']:.2f}  {values}")
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def _f1(pairs: list[tuple[list[float], list[float]]]) -> float:
    hits = sum(boundary_hits(true_s, found_s) for true_s, found_s in pairs)
    return 2 * hits / max(1, sum(len(true_s) + len(found_s) for true_s, found_s in pairs))


def _seconds(coarse: Stream, points: Iterable[int]) -> list[float]:
    return [float(coarse.start_s + (point - 0.5) * coarse.step_s) for point in points]


if __name__ == "__main__":
    main()
