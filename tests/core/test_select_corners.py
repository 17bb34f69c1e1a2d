"""Bad input to selection: every corner has a defined answer for every strategy, and none of it is NaN."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.config import SelectConfig
from egoclean.core.budget import parse_budget
from egoclean.core.prepare import prepare
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput
from egoclean.errors import UsageError

STRATEGIES = ("knn", "kcenter", "facility", "cluster", "score", "uniform", "random")
COUNT = 12


def rows(count=COUNT, seed=0, **changed):
    generator = np.random.default_rng(seed)
    columns = {
        "embeddings": generator.normal(size=(count, 4)).astype(np.float32),
        "signals": {"score": generator.normal(size=count)},
        "ids": tuple(f"{row:03d}" for row in range(count)),
        "groups": np.array([f"camera{row % 2}" for row in range(count)]),
        "clips": np.array([f"clip{row // 5}" for row in range(count)]),
        "times_s": np.arange(count, dtype=np.float64),
        "durations_s": np.full(count, 2.0),
    }
    return SelectionInput(**(columns | changed))


CORNERS = {
    "all rows identical": lambda: rows(embeddings=np.ones((COUNT, 4))),
    "all scores equal": lambda: rows(signals={"score": np.full(COUNT, 3.0)}),
    "one row": lambda: rows(count=1),
    "nothing passes": lambda: rows(must_not=np.ones(COUNT, dtype=bool)),
    "some NaN in a signal": lambda: rows(signals={"score": np.where(np.arange(COUNT) % 3, 1.0, np.nan)}),
    "NaN all over a signal": lambda: rows(signals={"score": np.full(COUNT, np.nan)}),
    "a signal without end": lambda: rows(signals={"score": np.where(np.arange(COUNT) == 4, np.inf, 0.0)}),
    "a group with one member": lambda: rows(groups=np.array(["many"] * (COUNT - 1) + ["one"])),
    "zero and NaN embeddings": lambda: rows(
        embeddings=np.concatenate([np.zeros((2, 4)), np.full((2, 4), np.nan), np.eye(4), -np.eye(4)])
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("budget", ["1", "5", "1000", "100%", "10s"])
def test_every_corner_is_defined(corner, strategy, budget):
    data = CORNERS[corner]()
    selection = select(data, SelectConfig(budget=budget, strategy=strategy))
    lines, left = list(selection.lines()), list(selection.left_out())
    most = parse_budget(budget).most_rows(data.row_count)
    if budget != "10s":
        assert len(lines) == min(most, selection.eligible_count)
    assert len(lines) <= min(most, 5 if budget == "10s" else most)
    assert sorted(line["row"] for line in lines + left) == list(range(data.row_count))
    assert np.isfinite([line["gain"] for line in lines]).all()
    assert not any("nan" in line["reason"] for line in lines + left)


@pytest.mark.parametrize("budget", ["0", "0%", "0min", "-3", "101%"])
def test_a_budget_of_nothing_or_over_everything_in_percent_is_refused(budget):
    with pytest.raises(UsageError, match="budget"):
        select(rows(), SelectConfig(budget=budget))


def test_an_id_on_two_rows_is_refused():
    with pytest.raises(UsageError, match="'007' stands on 2 rows"):
        select(rows(ids=(*(f"{row:03d}" for row in range(COUNT - 1)), "007")), SelectConfig(budget="3"))


@pytest.mark.parametrize("strategy", ["knn", "facility", "cluster"])
def test_equal_scores_choose_what_no_scores_choose(strategy):
    config = SelectConfig(budget="6", strategy=strategy)
    equal = select(CORNERS["all scores equal"](), config)
    assert equal.rows.tolist() == select(rows(signals={}), config).rows.tolist()


def test_ties_go_by_id_wherever_the_row_stands():
    data = rows(embeddings=np.ones((COUNT, 4)), ids=tuple(f"{COUNT - row:03d}" for row in range(COUNT)))
    for strategy in ("knn", "kcenter", "facility", "cluster"):
        chosen = select(data, SelectConfig(budget="4", strategy=strategy, signal="none")).rows
        assert chosen.tolist() == [11, 10, 9, 8]


def test_a_group_of_one_may_be_capped_and_served():
    data = CORNERS["a group with one member"]()
    assert select(data, SelectConfig(budget="1", least_per_group=1, cap="one=1")).length == 1
    served = select(data, SelectConfig(budget="2", least_per_group=1, cap="one=1")).rows.tolist()
    assert COUNT - 1 in served


@given(
    st.integers(1, 40),
    st.integers(0, 10_000),
    st.sampled_from(STRATEGIES),
    st.sampled_from(["", "3", "60%", "camera0=2"]),
    st.sampled_from([0.0, 1.5]),
    st.sampled_from(["last", "drop", "keep"]),
    st.lists(st.integers(1, 50), min_size=2, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_any_selection_is_a_prefix_of_any_larger_one(count, seed, strategy, cap, gap_s, duplicates, budgets):
    data = rows(count=count, seed=seed, groups=np.array([f"camera{row % 2}" for row in range(count)]))
    if count == 1 and cap:
        cap = ""
    prepared = prepare(data)
    found = [
        select(
            data,
            SelectConfig(budget=str(budget), strategy=strategy, cap=cap, least_gap_s=gap_s, near_duplicates=duplicates),
            prepared,
        )
        for budget in sorted(budgets)
    ]
    for smaller, larger in itertools.pairwise(found):
        assert larger.rows[: smaller.length].tolist() == smaller.rows.tolist()
        assert larger.gains[: smaller.length].tolist() == smaller.gains[: smaller.length].tolist()
    for budget, selection in zip(sorted(budgets), found, strict=True):
        assert selection.length <= min(budget, selection.eligible_count)
        assert len(set(selection.rows.tolist())) == selection.length
        assert selection.recall in (1.0, None)
