"""Line 2 of what selection promises, on whole demo worlds: what `bench/curation.py worlds` measures.

Each world is drawn (:mod:`worlds_data`), scored and embedded with the small models in the box, and a tenth of its
windows is chosen with the default settings and by every rival. Truth says which windows show a rare event or a rare
driving scene; kinds are its names for them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from worlds_data import draw_world, pictures_of, windows_of

from egoclean.config import EmbedConfig, ScoreConfig, SelectConfig
from egoclean.core.evaluate import Evaluation, evaluate
from egoclean.core.metrics import auroc, first_ranks, mean_interval
from egoclean.core.prepare import Prepared, prepare
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput
from egoclean.demo.describe import describe_world
from egoclean.demo.truth import truth_of
from egoclean.records import Window
from egoclean.sources.frames import FRAMES_PER_RECORD
from egoclean.verbs.embed import embed_batch, embedding_space, shared_embedder
from egoclean.verbs.evaluate import rare_windows
from egoclean.verbs.probe import SpaceRows, embedding_spaces, probe_of, propose_of
from egoclean.verbs.score import score_batch, shared_scorer
from egoclean.verbs.selection_rows import windows_as_rows

LABELS = 40
RIVALS = ("kcenter", "facility", "cluster")
DRAWS, SPLITS = 100, 10
_BATCH = 8

Table = dict[str, Any]


def measure_world(work: Path, seed: int) -> Table:
    """Return every figure of one world."""
    clock = {"draw": draw_world(work, seed)}
    start_s = time.process_time()
    windows, embeddings = seen_world(work, seed)
    clock["models"] = time.process_time() - start_s
    start_s = time.process_time()
    config, rare = SelectConfig(), rare_windows(windows, truth_of(describe_world(seed)))
    data = windows_as_rows(windows, embeddings, config)
    prepared = prepare(data)
    standings = _standings(data, config, prepared, rare)
    inside = np.isin(np.arange(len(windows)), np.concatenate(list(rare.values())))
    probes = {
        name: probe_worth(windows, embeddings, inside, rounds)
        for name, rounds in (("one list of 40", 1), ("four lists of 10", 4))
    }
    clock["selection"] = time.process_time() - start_s
    return {
        "seed": seed,
        "windows": len(windows),
        "rare_windows": int(inside.sum()),
        "kinds": sorted(rare),
        "models": [model.card.label for model in _small_models()],
        "strategies": standings,
        "probe": probes,
        "processor_s": {name: round(value, 1) for name, value in clock.items()},
    }


def seen_world(work: Path, seed: int) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Return a world's windows with their scores and spaces, and their embeddings; kept by the weights' digests."""
    table, windows = windows_of(seed)
    scorer, embedder = _small_models()
    digests = f"{scorer.card.weights_sha256[:8]}_{embedder.card.weights_sha256[:8]}"
    kept = work / f"world_{seed}" / f"seen_{digests}.npz"
    if not kept.exists():
        parts = [_seen_clip(work, seed, str(name), [windows[row] for row in rows]) for name, rows in _clips(table)]
        np.savez(kept, **{key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
    with np.load(kept) as columns:
        signals = {name: columns[name] for name in ("score", "skill")}
        embeddings = columns["emb"]
    settings = EmbedConfig()
    frames = np.where(table["scene"].isna(), settings.frames, FRAMES_PER_RECORD)
    spaces = [embedding_space(embedder.card, count, settings) for count in frames.tolist()]
    return table.assign(space=spaces, **signals), embeddings


def _small_models() -> tuple[Any, Any]:
    return shared_scorer("small", "auto", "auto"), shared_embedder("small", "auto", "auto")


def _clips(table: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for name, rows in table.groupby("name", sort=False).indices.items():
        yield str(name), rows


def _seen_clip(work: Path, seed: int, name: str, windows: list[Window]) -> dict[str, NDArray[Any]]:
    scorer, embedder = _small_models()
    frames = EmbedConfig().frames if windows[0].record_index is None else FRAMES_PER_RECORD
    small = np.stack(list(pictures_of(work, seed, name, windows, scorer.frame_count, scorer.size_px)))
    parts = []
    for first in range(0, len(windows), _BATCH):
        batch = windows[first : first + _BATCH]
        large = np.stack(list(pictures_of(work, seed, name, batch, frames, embedder.size_px)))
        scored = score_batch(scorer, f"{seed}/{name}", batch, small[first : first + _BATCH], ScoreConfig())
        parts.append({**embed_batch(embedder, large, EmbedConfig()), **scored})
    return {key: np.concatenate([part[key] for part in parts]) for key in ("emb", "score", "skill")}


def _standings(
    data: SelectionInput, config: SelectConfig, prepared: Prepared, rare: dict[str, NDArray[np.int64]]
) -> Table:
    found = evaluate(data, config, prepared, rare=rare, seeds=SPLITS)
    table = {name: _standing(found, name) for name in found.standings}
    for name in RIVALS:
        rival = dataclasses.replace(config, strategy=name)
        table[name] = _standing(evaluate(data, rival, prepared, rare=rare, seeds=SPLITS), name)
    draws = [
        select(data, dataclasses.replace(config, strategy="random", seed=seed), prepared).rows for seed in range(DRAWS)
    ]
    missed = [sum(rank is None for rank in first_ranks(rows, rare).values()) for rows in draws]
    table["random"]["kinds_missed"] = float(np.mean(missed))
    table["random"]["kinds_missed_by_name"] = {
        kind: float(np.mean([first_ranks(rows, {kind: shown})[kind] is None for rows in draws]))
        for kind, shown in rare.items()
    }
    return table


def _standing(evaluation: Evaluation, name: str) -> Table:
    standing = evaluation.standings[name]
    assert standing.error is not None
    return {
        "kinds_missed": sum(rank is None for rank in standing.rare_rank.values()),
        "rare_rank": dict(standing.rare_rank),
        "chosen": evaluation.chosen_count,
        **{
            key: [interval.value, interval.low, interval.high]
            for key, interval in (
                ("coverage", standing.coverage),
                ("redundancy", standing.redundancy),
                ("balance", standing.balance),
                ("downstream_error", standing.error),
            )
        },
    }


def probe_worth(
    windows: pd.DataFrame, embeddings: NDArray[np.float32], inside: NDArray[np.bool_], rounds: int
) -> Table:
    """Return how well the probe tells rare windows from others after 40 labels, asked for in ``rounds`` lists.

    ``auroc`` is over all windows that were not labelled; ``auroc_reported`` is what the review page says, from the
    labels alone.
    """
    spaces: list[SpaceRows] = embedding_spaces(windows, lambda part: embeddings[part["row"].to_numpy()])
    labels, clips = np.full(len(windows), -1), windows["clip_id"].to_numpy(dtype=str)
    for _ in range(rounds):
        asked = propose_of(spaces, labels, probe_of(spaces, labels, clips), LABELS // rounds)
        labels[asked] = inside[asked]
    probe = probe_of(spaces, labels, clips)
    if probe is None:
        return {"auroc": None, "kept": int((labels == 1).sum()), "labels": int((labels >= 0).sum())}
    test = (labels < 0) & np.isfinite(probe.scores)
    interval = probe.auroc
    return {
        "auroc": auroc(inside[test], probe.scores[test]),
        "auroc_by_space": {
            str(rows["space"].iloc[0]).split("/")[1]: auroc(inside[tested], probe.scores[tested])
            for _, rows in windows.groupby("space")
            if 0 < inside[tested := np.intersect1d(rows["row"], np.flatnonzero(test))].sum() < len(tested)
        },
        "auroc_reported": None if interval is None else [interval.value, interval.low, interval.high],
        "kept": probe.kept,
        "labels": probe.kept + probe.rejected,
    }


def summary(worlds: list[Table]) -> Table:
    """Return the means over worlds with 95 % intervals, and what was promised beside what was found."""

    def over_worlds(value: Callable[[Table], float]) -> list[float]:
        interval = mean_interval([value(world) for world in worlds])
        return [interval.value, interval.low, interval.high]

    names = list(worlds[0]["strategies"])
    kinds = sum(len(world["kinds"]) for world in worlds)
    missed = {name: sum(world["strategies"][name]["kinds_missed"] for world in worlds) for name in names}
    strategies = {
        name: {
            "kinds_missed_share": missed[name] / kinds,
            **{
                key: over_worlds(lambda world, name=name, key=key: world["strategies"][name][key][0])
                for key in ("coverage", "redundancy", "balance", "downstream_error")
            },
        }
        for name in names
    }
    own, drawn = ([world["strategies"][name]["downstream_error"] for world in worlds] for name in ("knn", "random"))
    best = [max(world["strategies"][name]["coverage"][0] for name in names) for world in worlds]
    reached = [world["strategies"]["knn"]["coverage"][0] for world in worlds]
    return {
        "kinds": kinds,
        "strategies": strategies,
        "coverage_over_best": [reach / top for reach, top in zip(reached, best, strict=True)],
        "worlds_downstream_worse_beyond_interval": sum(
            mine[0] > theirs[2] for mine, theirs in zip(own, drawn, strict=True)
        ),
        "worlds_downstream_better": sum(mine[0] < theirs[0] for mine, theirs in zip(own, drawn, strict=True)),
        "probe_auroc": {
            name: over_worlds(lambda world, name=name: world["probe"][name]["auroc"] or 0.5)
            for name in worlds[0]["probe"]
        },
    }


def write_worlds(work: Path, seeds: list[int], out: Path) -> None:
    """Measure the worlds of ``seeds``, write the result to ``out`` and print its summary."""
    worlds = []
    for seed in seeds:
        worlds.append(measure_world(work, seed))
        print(f"world {seed}: {worlds[-1]['processor_s']}", flush=True)
    result = {"budget": SelectConfig().budget, "summary": summary(worlds), "worlds": worlds}
    out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(as_table(result["summary"]))
    print(json.dumps({key: value for key, value in result["summary"].items() if key != "strategies"}, indent=1))


def as_table(found: Table) -> str:
    """Return the strategies' means over worlds, with their 95 % intervals, as Markdown."""
    columns = ("coverage", "redundancy", "balance", "downstream_error")
    lines = ["| chosen by | kinds missed | " + " | ".join(name.replace("_", " ") for name in columns) + " |"]
    lines.append("|---|--:|" + "--:|" * len(columns))
    for name, row in found["strategies"].items():
        cells = (f"{row[key][0]:.3f} ({row[key][1]:.3f} to {row[key][2]:.3f})" for key in columns)
        lines.append(f"| `{name}` | {row['kinds_missed_share']:.0%} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
