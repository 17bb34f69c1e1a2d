"""A selection beside the same number of windows drawn at random, evenly in time, and by score alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from egoclean.charts.selection_charts import coverage_curve
from egoclean.core.evaluate import Evaluation
from egoclean.core.metrics import Interval
from egoclean.library import Library, SelectionView
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders
from egoclean.ui.glossary import meaning
from egoclean.verbs.evaluate import evaluate_project, known_truth, part_of_clips

COMPARED: Final = 4_000
"""Most windows that are compared on while a person waits; of a larger project whole clips are taken evenly."""

_LAST: Final = "comparison"
"""Where a visit keeps its last comparison, with what it was made from."""

_NAMES: Final[Mapping[str, str]] = {"uniform": "evenly in time", "score": "highest score", "random": "random"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of the selection and its rivals, one row each, rare kinds, coverage over budget, and what it is made on.

    ``rare`` has a row a kind of known rare event, and is empty where nothing is known.
    """

    table: pd.DataFrame
    rare: pd.DataFrame
    curve: go.Figure
    note: str


def compare(library: Library, view: SelectionView) -> Comparison:
    """Return the comparison of a saved selection with its rivals at the same number of windows.

    On a large project it takes seconds: after a decision the last one stays until a person asks for another.
    """
    project, decided = library.project, loaders.decided(library)
    stamp = file_stamp(library.windows_file, project.selections / "latest.json")
    kept = st.session_state.get(_LAST)
    if kept is not None and kept[0] == stamp and kept[1] != decided and len(loaders.windows(library)) > COMPARED:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Decisions have changed since this comparison was made.", width="content")
            if not st.button("Compare anew", icon=":material/refresh:"):
                last: Comparison = kept[2]
                return last
    result = _compare(library, stamp, decided, view)
    st.session_state[_LAST] = (stamp, decided, result)
    return result


def columns() -> dict[str, Any]:
    """Return how the comparison's columns are named, explained and written."""
    return {
        "which": st.column_config.TextColumn("chosen by", help="random: the mean of five draws."),
        "coverage": _share("coverage", meaning("coverage") + " Higher = stands for more."),
        "redundancy": _number(
            "redundancy",
            "Mean likeness (cosine) of a chosen window with the one nearest to it. Lower = less said twice.",
        ),
        "balance": _share("group balance", "How evenly workers or scenes are met. Higher = nobody is forgotten."),
        "error": _number(
            "what comes next",
            "Error of a small model of the next window, learned from the chosen ones and tested on groups it has not "
            "seen: 1 = nothing learned. Lower = better to learn from.",
        ),
        "kinds": _share("rare kinds found", "Share of the kinds of known rare events among the chosen windows."),
        "within": st.column_config.TextColumn("between", help="95 % interval of what comes next, over splits."),
    }


def _share(label: str, text: str) -> Any:
    return st.column_config.ProgressColumn(label, help=text, min_value=0, max_value=100, format="%.0f %%")


def _number(label: str, text: str) -> Any:
    return st.column_config.NumberColumn(label, help=text, format="%.3f")


@st.cache_resource(show_spinner="Comparing with random choices…", max_entries=4)
def _compare(_library: Library, stamp: Stamp, decided: str, _view: SelectionView) -> Comparison:
    truth = known_truth(_library)
    every = loaders.windows(_library)
    windows, config = part_of_clips(every, _view.config, COMPARED)
    texts = {name: "str" for name, kind in windows.dtypes.items() if isinstance(kind, pd.CategoricalDtype)}
    result = evaluate_project(_library, config, truth, windows=windows.astype(texts))
    part = (
        f"Compared on {windows['clip_id'].nunique():,} of {every['clip_id'].nunique():,} clips, evenly taken, with "
        "what the selection's options choose there. "
        if len(windows) < len(every)
        else ""
    )
    note = part + (
        f"{result.chosen_count:,} of {result.row_count:,} windows each. Close means a cosine distance of at most "
        f"{result.radius:.4f}, the median distance to the tenth nearest neighbour. "
        + (f"Rare events are those of {Path(truth).name}." if truth else "Rare events are not known for this footage.")
    )
    return Comparison(_table(result, _view.config.strategy), _rare(result, _view.config.strategy), _curve(result), note)


def _table(result: Evaluation, own: str) -> pd.DataFrame:
    rows = [
        {
            "which": _name(name, own),
            "coverage": 100 * standing.coverage.value,
            "redundancy": standing.redundancy.value,
            "balance": 100 * standing.balance.value,
            "error": None if standing.error is None else standing.error.value,
            "within": _between(standing.error),
            "kinds": None if standing.kinds_found is None else 100 * standing.kinds_found.value,
        }
        for name, standing in result.standings.items()
    ]
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def _rare(result: Evaluation, own: str) -> pd.DataFrame:
    ranks = {_name(name, own): dict(standing.rare_rank) for name, standing in result.standings.items()}
    table = pd.DataFrame(ranks)
    return (
        table.map(lambda rank: "not chosen" if pd.isna(rank) else f"{int(rank)}").rename_axis("rare kind").reset_index()
    )


def _curve(result: Evaluation) -> go.Figure:
    own = next(iter(result.standings))
    lines = {_name(name, own): (result.budgets, standing.curve) for name, standing in result.standings.items()}
    random = result.standings.get("random")
    bands = {"random": (random.curve_low, random.curve_high)} if random is not None else {}
    return coverage_curve(lines, bands=bands).update_traces(mode="lines")


def _name(strategy: str, own: str) -> str:
    return "this selection" if strategy == own else _NAMES[strategy]


def _between(interval: Interval | None) -> str | None:
    return None if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"
