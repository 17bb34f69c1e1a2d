"""How well temporal structure is found on clips of the demo world whose truth is known.

    python bench/structure.py [--clips 60] [--seed 5000 ...] [--embeddings truth|model|both] [--work DIR] [--noise 1.0]
        [--speed] [--out bench/results/structure.json]

Clips come from seeds that nothing was tuned on (development used seeds below 5000). ``truth``: embeddings are made
from the truth itself, so that the method is judged apart from the model. ``model``: each clip is drawn at the model's
size and embedded by the bundled V-JEPA 2; pictures and embeddings stay in the ``--work`` folder. ``published`` is the
method this replaces on the same embeddings, ``novelty`` the peaks of the novelty curve as boundaries.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import find_peaks
from structure_clips import Embeddings, truth_embeddings
from structure_speed import LOADS, measure

from egoclean.core.anomaly import published_anomalies
from egoclean.core.period import LEAST_REPEATS
from egoclean.core.structure import Structure, analyse
from egoclean.demo.describe import sample_clip
from egoclean.demo.timeline import EVENT_DURATIONS_S
from egoclean.demo.world import ACTIVITIES, FactoryClip, rng_for

TOLERANCE_S = 1.0
FIRST_REPORTED_SEED = 5000


@dataclass(frozen=True)
class Verdict:
    """One clip, one method: what was right."""

    name: str
    kind: str
    truth_period_s: float | None
    period_s: float | None
    truth_cycles: int
    cycles: int | None
    work_hits: int
    truth_works: int
    boundary_hits: int
    boundaries: int
    truth_boundaries: int
    anomaly_hits: int
    anomalies: int
    truth_anomalies: int
    missed: tuple[str, ...] = ()


def bench_clip(seed: int) -> tuple[FactoryClip, str]:
    """Return one clip and its kind: ``events``, ``quiet`` (work without an event) or ``idle``."""
    rng = rng_for(seed, "structure bench")
    kind = ("events", "quiet", "events", "quiet", "events", "idle")[seed % 6]
    if kind == "idle":
        return sample_clip(seed, (("idle", float(rng.uniform(40, 60))),)), kind
    names = [str(name) for name in rng.permutation(ACTIVITIES)[: int(rng.integers(1, 3))]]
    seconds = (32.0, 60.0) if len(names) == 1 else (18.0, 30.0)
    plan = tuple((name, float(rng.uniform(*seconds))) for name in names)
    events: tuple[tuple[str, float], ...] = ()
    if kind == "events":
        kinds = rng.permutation(list(EVENT_DURATIONS_S))[: int(rng.integers(1, 3))]
        shares = (rng.uniform(0.25, 0.7),) if len(kinds) == 1 else (rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8))
        events = tuple((str(name), float(share)) for name, share in zip(kinds, shares, strict=True))
    return sample_clip(seed, plan, events), kind


def truth_of(clip: FactoryClip) -> tuple[float | None, list[float], list[tuple[float, float]]]:
    """Return the main activity's mean cycle, the inner boundaries and the event spans, seconds."""
    timeline = clip.timeline
    lengths: dict[str, list[float]] = {}
    for cycle in timeline.cycles:
        lengths.setdefault(cycle.activity, []).append(cycle.stop_s - cycle.start_s)
    period_s = float(np.mean(max(lengths.values(), key=sum))) if lengths else None
    edges = [span.start_s for span in timeline.activities[1:]]
    edges += [t for event in timeline.events if event.kind == "light_change" for t in (event.start_s, event.stop_s)]
    inner = sorted(t for t in edges if 1.0 < t < clip.duration_s - 1.0)
    return period_s, inner, [(event.start_s, event.stop_s) for event in timeline.events]


def work_hits(clip: FactoryClip, spans: Sequence[tuple[float, float, float | None]]) -> tuple[int, int]:
    """Return of how many works the right period is told where they are done, and how many works there are.

    ``spans`` have start, stop and period; what is told of a work is the period, or None, of most of its time. A work
    of fewer cycles than a period is claimed from is none.
    """
    cycles: dict[str, list[tuple[float, float]]] = {}
    for cycle in clip.timeline.cycles:
        cycles.setdefault(cycle.activity, []).append((cycle.start_s, cycle.stop_s))
    works = [times for times in cycles.values() if len(times) >= LEAST_REPEATS]
    right = 0
    for times in works:
        told: dict[float | None, float] = {}
        for start_s, stop_s, period_s in spans:
            shared_s = sum(max(0.0, min(stop_s, b) - max(start_s, a)) for a, b in times)
            told[period_s] = told.get(period_s, 0.0) + shared_s
        found = max(told, key=lambda period_s: told[period_s], default=None)
        right += found is not None and abs(found / float(np.mean([b - a for a, b in times])) - 1) <= 0.05
    return right, len(works)


def boundary_hits(truth_s: Sequence[float], found_s: Sequence[float], tolerance_s: float = TOLERANCE_S) -> int:
    """Return the size of the greatest one-to-one matching of boundaries within the tolerance (as mir_eval's)."""
    hits, at = 0, 0
    found = sorted(found_s)
    for wanted in sorted(truth_s):
        while at < len(found) and found[at] < wanted - tolerance_s:
            at += 1
        if at < len(found) and found[at] <= wanted + tolerance_s:
            hits, at = hits + 1, at + 1
    return hits


def span_hits(truth: Sequence[tuple[float, float]], found: Sequence[tuple[float, float]], least: float = 0.5) -> int:
    """Return how many true spans are met by a found one with an intersection over union of at least ``least``."""
    used: set[int] = set()
    for start_s, stop_s in truth:
        for index, (first_s, last_s) in enumerate(found):
            shared = min(stop_s, last_s) - max(start_s, first_s)
            if index not in used and shared / (max(stop_s, last_s) - min(start_s, first_s)) >= least:
                used.add(index)
                break
    return len(used)


def judge(clip: FactoryClip, kind: str, structure: Structure, method: str) -> Verdict:
    """Return the verdict on ``ours``, the ``published`` method, or ``novelty`` peaks as boundaries."""
    period_s, edges, events = truth_of(clip)
    if method == "ours":
        found_period, cycles = structure.period_s, len(structure.cycles)
        found_edges = [segment.start_s for segment in structure.segments[1:]]
        told = [(segment.start_s, segment.stop_s, segment.period_s) for segment in structure.segments]
        spans = [(item.start_s, item.stop_s) for item in structure.anomalies]
    elif method == "novelty":
        found_period, cycles, spans, told = None, None, [], []
        found_edges = [
            float(time_s) for time_s in structure.novelty_s[find_peaks(structure.novelty, prominence=0.1)[0]]
        ]
    else:
        found_period, cycles = published_period(structure), None
        told = [(0.0, clip.duration_s, found_period)]
        always = published_anomalies(structure.typicality, structure.centres_s, structure.stride_s, abstain=False)
        spans = [(item.start_s, item.stop_s) for item in always]
        found_edges = sorted({t for span in spans for t in span if 1.0 < t < clip.duration_s - 1.0})
    return Verdict(
        clip.name,
        kind,
        period_s,
        found_period,
        len([c for c in clip.timeline.cycles if c.stop_s <= clip.duration_s + 0.5]),
        cycles,
        *work_hits(clip, told),
        boundary_hits(edges, found_edges),
        len(found_edges),
        len(edges),
        span_hits(events, spans),
        len(spans),
        len(events),
        tuple(e.kind for e in clip.timeline.events if not span_hits([(e.start_s, e.stop_s)], spans)),
    )


def published_period(structure: Structure) -> float | None:
    """Return the lag of the highest peak above 0.15 in the autocorrelation of the change signal."""
    values = structure.autocorrelation
    inner = np.arange(2, max(2, len(values) // 2))
    peaks = [k for k in inner if values[k] > 0.15 and values[k] >= values[k - 1] and values[k] >= values[k + 1]]
    return float(max(peaks, key=lambda k: values[k]) * structure.stride_s) if peaks else None


def summarise(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the shares of clips, and the F1 of boundaries and spans pooled over clips."""
    periodic = [v for v in verdicts if v.truth_period_s is not None]
    still = [v for v in verdicts if v.truth_period_s is None]
    main = [v for v in periodic if v.period_s and v.truth_period_s and abs(v.period_s / v.truth_period_s - 1) <= 0.05]
    quiet = [v for v in verdicts if v.truth_anomalies == 0]
    counted = [v for v in periodic if v.cycles is not None and abs(v.cycles - v.truth_cycles) <= 1]
    return {
        "clips": len(verdicts),
        "period_of_every_work": sum(0 < v.truth_works == v.work_hits for v in periodic) / max(1, len(periodic)),
        "period_of_main_work": len(main) / max(1, len(periodic)),
        "no_period_on_idle": sum(v.period_s is None for v in still) / max(1, len(still)),
        "count_within_1": len(counted) / max(1, len(periodic)),
        "boundary_f1": _f1((v.boundary_hits, v.boundaries, v.truth_boundaries) for v in verdicts),
        "anomaly_f1": _f1((v.anomaly_hits, v.anomalies, v.truth_anomalies) for v in verdicts),
        "quiet_clips_without_false_span": sum(v.anomalies == 0 for v in quiet) / max(1, len(quiet)),
        **{f"missed_{kind}": float(sum(v.missed.count(kind) for v in verdicts)) for kind in EVENT_DURATIONS_S},
    }


def _f1(counts: Iterable[tuple[int, int, int]]) -> float:
    hits, found, true = (sum(column) for column in zip(*counts, strict=True))
    return 2 * hits / (found + true) if found + true else 1.0


def run(
    seeds: Iterable[int], embed: Callable[[FactoryClip], Embeddings] = truth_embeddings
) -> dict[str, list[Verdict]]:
    """Return the verdicts of each method on the embeddings that ``embed`` makes."""
    verdicts: dict[str, list[Verdict]] = {"ours": [], "published": [], "novelty": []}
    for seed in seeds:
        clip, kind = bench_clip(seed)
        made = embed(clip)
        structure = analyse(made.means, made.starts_s, made.tokens, made.window_s)
        for method, found in verdicts.items():
            found.append(judge(clip, kind, structure, method))
    return verdicts


def embedding_makers(options: argparse.Namespace) -> dict[str, Callable[[FactoryClip], Embeddings]]:
    """Return by name what makes the embeddings; the clips a model is to see are drawn first."""
    makers: dict[str, Callable[[FactoryClip], Embeddings]] = {}
    if options.embeddings != "model":
        makers["truth"] = partial(truth_embeddings, noise=options.noise)
    if options.embeddings != "truth":
        from structure_rendered import draw_clips, embedder_of, model_embeddings

        embedder = embedder_of()
        clips = [bench_clip(first + place)[0] for first in options.seed for place in range(options.clips)]
        draw_clips(clips, options.work, embedder.size_px, options.processes)
        print(f"model: {embedder.card.label}")
        makers["model"] = partial(model_embeddings, folder=options.work, embedder=embedder)
    return makers


def main() -> None:
    """Run the bench, print the tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[FIRST_REPORTED_SEED], help="first of each set of clips")
    parser.add_argument("--embeddings", choices=("truth", "model", "both"), default="truth")
    parser.add_argument("--noise", type=float, default=1.0, help="of truth-made embeddings")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "structure-bench")
    parser.add_argument("--processes", type=int, default=2, help="that draw clips")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--speed", action="store_true", help="also measure time and memory on long clips")
    parser.add_argument("--details", action="store_true")
    options = parser.parse_args()
    began_s = time.perf_counter()
    result: dict[str, Any] = {"seeds": options.seed, "clips_of_each": options.clips}
    for name, embed in embedding_makers(options).items():
        sets = [run(range(first, first + options.clips), embed) for first in options.seed]
        verdicts = {method: [verdict for found in sets for verdict in found[method]] for method in sets[0]}
        summary = _summaries(verdicts)
        print_summary(name, summary)
        for verdict in verdicts["ours"] if options.details else ():
            print(verdict)
        clips = [asdict(verdict) for verdict in verdicts["ours"]]
        result[name] = {"summary": summary, "summary_of_each_set": list(map(_summaries, sets)), "clips": clips}
    result["seconds"] = round(time.perf_counter() - began_s, 1)
    result["speed"] = [asdict(speed) for speed in map(measure, LOADS)] if options.speed else []
    for speed in result["speed"]:
        print(
            f"{speed['name']}: {speed['cpu_s']:.1f} CPU-s, {speed['clock_s']:.1f} s, {speed['peak_bytes'] / 1e9:.2f} GB"
        )
    if options.out:
        options.out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")


def _summaries(verdicts: Mapping[str, Sequence[Verdict]]) -> dict[str, dict[str, float]]:
    return {method: summarise(found) for method, found in verdicts.items()}


def print_summary(embeddings: str, summary: Mapping[str, Mapping[str, float]]) -> None:
    """Print one line a figure, one column a method."""
    print(f"{embeddings}-made embeddings")
    for name in summary["ours"]:
        print(f"  {name:32}", *(f"{method} {values[name]:.3f}" for method, values in summary.items()))


if __name__ == "__main__":
    main()
