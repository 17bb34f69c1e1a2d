"""What a selection is worth, as tables and as ``bench/results/curation_PART.json``.

``python bench/curation.py digits``: 1-NN accuracy on handwritten digits from 12, 60 and 120 chosen of 1,200. Twenty
splits of scikit-learn's digits, rows as cosine; ``apricot`` takes part where apricot-select is installed.

``PYTHONPATH=. python bench/curation.py worlds --work FOLDER``: rare events and scenes, coverage, a downstream trial and
the probe on ten demo worlds (:mod:`curation_worlds`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from egoclean.config import SelectConfig
from egoclean.core.metrics import mean_interval
from egoclean.core.prepare import prepare
from egoclean.core.rows import unit_or_zero_rows
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput

BUDGETS = (12, 60, 120)
ROWS = 1200
Unit = NDArray[np.float32]
Rows = NDArray[np.int64]


def by_strategy(name: str, **options: object) -> Callable[[Unit, int], list[Rows]]:
    """Return what one of egoclean's strategies chooses for each budget: prefixes of one order."""

    def choose(unit: Unit, seed: int) -> list[Rows]:
        data = SelectionInput(unit, times_s=np.arange(len(unit), dtype=np.float64))
        config = SelectConfig(budget=str(BUDGETS[-1]), strategy=name, seed=seed, **options)  # type: ignore[arg-type]
        order = select(data, config, prepare(data, config.neighbours)).rows
        return [order[:budget] for budget in BUDGETS]

    return choose


def kmeans_medoids(unit: Unit, seed: int) -> list[Rows]:
    """Return the row nearest to each centre of as many clusters as the budget has rows."""
    chosen = []
    for budget in BUDGETS:
        model = KMeans(budget, n_init=1, random_state=seed).fit(unit)
        nearness = unit @ model.cluster_centers_.T
        inside = model.labels_[:, None] == np.arange(budget)
        chosen.append(np.where(inside, nearness, -2.0).argmax(axis=0))
    return chosen


def suppression(unit: Unit, seed: int) -> list[Rows]:
    """Return rows in random order, each closing its ten nearest rows until no open row is left."""
    near = np.argsort(-(unit @ unit.T), axis=1)[:, :11]
    closed, chosen = np.zeros(len(unit), dtype=np.bool_), list[int]()
    for row in np.random.default_rng(seed).permutation(len(unit)):
        if not closed[row]:
            chosen.append(int(row))
            closed[near[row]] = True
    rest = [row for row in range(len(unit)) if row not in set(chosen)]
    order = np.array(chosen + rest)
    return [order[:budget] for budget in BUDGETS]


def apricot(unit: Unit, seed: int) -> list[Rows]:
    """Return what apricot-select's facility location chooses on the cosine matrix."""
    from apricot import FacilityLocationSelection

    model = FacilityLocationSelection(BUDGETS[-1], metric="precomputed", random_state=seed)
    order = np.asarray(model.fit(np.clip(unit @ unit.T, 0, None).astype(np.float64)).ranking)
    return [order[:budget] for budget in BUDGETS]


def digits(splits: int) -> dict[str, list[dict[str, float]]]:
    """Return mean accuracy with its standard error for each method and budget."""
    pixels, names = load_digits(return_X_y=True)
    unit = unit_or_zero_rows(pixels.astype(np.float32), slice(None))
    methods: dict[str, Callable[[Unit, int], list[Rows]]] = {
        name: by_strategy(name) for name in ("knn", "kcenter", "cluster", "random")
    }
    methods |= {f"knn, {count} neighbours": by_strategy("knn", neighbours=count) for count in (10, 100, 1000)}
    methods["k-means, as many clusters"] = kmeans_medoids
    methods["suppression of 10 neighbours"] = suppression
    if importlib.util.find_spec("apricot") is not None:
        methods["apricot-select"] = apricot
    right: dict[str, list[list[float]]] = {name: [] for name in methods}
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(unit))
        pool, test = order[:ROWS], order[ROWS:]
        for name, choose in methods.items():
            chosen = [pool[rows] for rows in choose(unit[pool], seed)]
            right[name].append(
                [
                    float((names[rows][(unit[test] @ unit[rows].T).argmax(axis=1)] == names[test]).mean())
                    for rows in chosen
                ]
            )
    result = {}
    for name, shares in right.items():
        intervals = [mean_interval([one[place] for one in shares]) for place in range(len(BUDGETS))]
        result[name] = [
            {"budget": budget, "accuracy": item.value, "standard_error": (item.high - item.value) / 1.96}
            for budget, item in zip(BUDGETS, intervals, strict=True)
        ]
    return result


def write_digits(splits: int, out: Path) -> None:
    """Measure on digits, write the result to ``out`` and print it."""
    result = digits(splits)
    for name, row in result.items():
        cells = "  ".join(f"{item['accuracy']:.3f} ± {item['standard_error']:.3f}" for item in row)
        print(f"{name:32s}{cells}")
    out.write_text(json.dumps({"splits": splits, "methods": result}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("digits", "worlds"))
    parser.add_argument("--splits", type=int, default=20, help="Splits of the digits.")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(40, 50)), help="Demo worlds.")
    parser.add_argument("--work", type=Path, help="Folder for drawn worlds, a gigabyte each.")
    parser.add_argument("--out", type=Path, help="Where the result goes instead of bench/results.")
    arguments = parser.parse_args()
    out = arguments.out or Path(__file__).parent / "results" / f"curation_{arguments.part}.json"
    if arguments.part == "digits":
        write_digits(arguments.splits, out)
        return
    if arguments.work is None:
        parser.error("worlds needs --work FOLDER")
    from curation_worlds import write_worlds  # here, so that the digits need no torch

    write_worlds(arguments.work, arguments.seeds, out)


if __name__ == "__main__":
    main()
