import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.config import SelectConfig
from egoclean.core.budget import parse_budget
from egoclean.core.eligibility import row_values, row_weights
from egoclean.core.prepare import from_arrays, prepare
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput
from egoclean.errors import UsageError

STRATEGIES = ("knn", "kcenter", "facility", "cluster", "score", "uniform", "random")
KEEP = SelectConfig(near_duplicates="keep")


def rows_of(count, width=6, seed=0, **more):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(5, width))
    embeddings = (centres[generator.integers(5, size=count)] + 0.3 * generator.normal(size=(count, width))).astype(
        np.float32
    )
    given_columns = {
        "signals": {"score": generator.normal(size=count), "change": generator.normal(size=count)},
        "times_s": np.arange(count, dtype=np.float64),
        "durations_s": np.full(count, 2.0),
        "clips": np.array([f"clip{row // 20}" for row in range(count)]),
        "groups": np.array([f"camera{row % 3}" for row in range(count)]),
    }
    return SelectionInput(embeddings=embeddings, **(given_columns | more))


def coverage(unit, weights, chosen, background):
    near = np.clip((unit @ unit[list(chosen)].T - background) / (1 - background), 0, 1)
    near[list(chosen), range(len(chosen))] = 1.0
    return float(weights @ near.max(axis=1) / weights.sum())


@given(st.integers(2, 8), st.integers(1, 8), st.integers(0, 10_000), st.sampled_from(["knn", "facility"]))
@settings(max_examples=60, deadline=None)
def test_against_brute_force(count, budget, seed, strategy):
    data = rows_of(count, seed=seed)
    config = dataclasses.replace(KEEP, budget=str(budget), strategy=strategy)
    prepared = prepare(data)
    selection = select(data, config, prepared)
    background = prepared.spaces[0].graph.background
    unit = data.embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    weights = row_weights(row_values(data, config), config.value_strength)
    reached, total = [], 0.0
    for length in range(1, selection.length + 1):
        gains = {
            row: coverage(unit, weights, [*selection.rows[: length - 1], row], background) - total
            for row in range(count)
            if row not in selection.rows[: length - 1]
        }
        assert gains[selection.rows[length - 1]] == pytest.approx(max(gains.values()), abs=1e-4)
        total = coverage(unit, weights, selection.rows[:length], background)
        reached.append(total)
    best = max(
        coverage(unit, weights, chosen, background) for chosen in itertools.combinations(range(count), selection.length)
    )
    assert total >= (1 - 1 / np.e) * best - 1e-4
    np.testing.assert_allclose(np.cumsum(selection.gains[: selection.length]), reached, atol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("count", [1, 7, 60])
def test_exactly_the_smaller_of_budget_and_eligible(strategy, count):
    data = rows_of(count)
    for budget in (1, 5, 60, 500):
        selection = select(data, SelectConfig(budget=str(budget), strategy=strategy))
        lines = list(selection.lines())
        assert len(lines) == min(budget, count)
        assert len({line["row"] for line in lines}) == len(lines)
        assert [line["rank"] for line in lines] == list(range(1, len(lines) + 1))
        assert np.isfinite([line["gain"] for line in lines]).all()
        left = [line["row"] for line in selection.left_out()]
        assert sorted(left + [line["row"] for line in lines]) == list(range(count))
        assert sum(selection.reason_counts().values()) == len(left)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "more",
    [{}, {"cap": "40%"}, {"cap": "5"}, {"least_gap_s": 3.0}, {"least_per_group": 2}, {"near_duplicates": "drop"}],
)
def test_a_smaller_budget_is_a_prefix(strategy, more):
    data = rows_of(60)
    prepared = prepare(data)
    whole = select(data, SelectConfig(budget="60", strategy=strategy, **more), prepared)
    for budget in ("1", "4", "13", "25%", "30s"):
        cold = select(data, SelectConfig(budget=budget, strategy=strategy, **more), prepared)
        cut = whole.cut(parse_budget(budget))
        assert cut.rows.tolist() == cold.rows.tolist() == whole.rows[: cold.length].tolist()
        assert list(cut.lines()) == list(cold.lines())


@given(st.integers(1, 60), st.integers(0, 1000), st.sampled_from(STRATEGIES), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_order_of_rows_does_not_matter(count, seed, strategy, with_ids, repeated):
    ids = tuple(f"id{row:03d}" for row in range(count)) if with_ids else None
    data = rows_of(count, seed=seed, ids=ids)
    if repeated:
        data = dataclasses.replace(data, embeddings=data.embeddings[np.arange(count) // 3])
    if not with_ids:
        # Rows with the same bytes cannot be told apart, so nothing but the embedding may differ between them.
        data = SelectionInput(data.embeddings, times_s=np.zeros(count), signals={"score": np.zeros(count)})
    order = np.random.default_rng(seed + 1).permutation(count)
    shuffled = dataclasses.replace(data.in_order(order), embeddings=data.embeddings[order])
    config = SelectConfig(budget="30%", strategy=strategy)
    first, second = select(data, config), select(shuffled, config)
    assert data.embeddings[first.rows].tobytes() == shuffled.embeddings[second.rows].tobytes()
    assert first.gains.tolist() == second.gains.tolist()
    if with_ids:
        assert first.rows.tolist() == order[second.rows].tolist()


def test_a_duplicated_row_adds_nothing():
    data = rows_of(30)
    doubled = SelectionInput(np.concatenate([data.embeddings, data.embeddings]))
    selection = select(doubled, dataclasses.replace(KEEP, budget="60"))
    assert selection.gains[30:].tolist() == [0.0] * 30
    assert sorted(row % 30 for row in selection.rows[:30].tolist()) == list(range(30))


@pytest.mark.parametrize(
    "change",
    [
        {"thresholds": "score >= 0"},
        {"minimum_score": 0.1, "maximum_score": 0.9},
        {"value_strength": 1.0},
        {"cap": "camera1=3"},
        {"signal": "0.5*score + 0.5*change"},
        {"near_duplicate": 0.9},
    ],
)
def test_a_recut_on_the_stored_graph_equals_a_cold_run(change, tmp_path):
    data = rows_of(200)
    np.savez(tmp_path / "graph.npz", **prepare(data).arrays())
    with np.load(tmp_path / "graph.npz") as stored:
        prepared = from_arrays(stored)
    config = SelectConfig(budget="40", **change)
    warm, cold = select(data, config, prepared), select(data, config)
    assert list(warm.lines()) == list(cold.lines())
    assert list(warm.left_out()) == list(cold.left_out())


def test_reasons_of_rows_left_out():
    data = rows_of(40)
    embeddings = data.embeddings.copy()
    embeddings[7] = embeddings[3]
    embeddings[9] = np.nan
    data = dataclasses.replace(
        data,
        embeddings=embeddings,
        signals={"score": np.where(np.arange(40) == 5, -9.0, 0.0)},
        must_have=np.arange(40) == 11,
        must_not=np.arange(40) == 12,
        ids=tuple(f"w{row:02d}" for row in range(40)),
    )
    selection = select(data, SelectConfig(budget="10", near_duplicates="drop", minimum_score=-1.0, signal="none"))
    reasons = {line["row"]: line["reason"] for line in selection.left_out()}
    assert reasons[7] == "near-duplicate of w03 at 1.000"
    assert reasons[9] == "no embedding"
    assert reasons[5] == "below threshold: not score >= -1"
    assert reasons[12] == "rejected by a person"
    assert selection.rows[0] == 11
    assert next(selection.lines())["reason"] == "must have"
    assert "budget" in selection.reason_counts()
    assert selection.eligible_count == 36


def test_must_have_passes_thresholds_caps_and_gaps():
    data = rows_of(20, must_have=np.arange(20) < 4)
    config = SelectConfig(budget="6", minimum_score=99.0, least_gap_s=50.0, cap="1")
    assert sorted(select(data, config).rows.tolist()) == [0, 1, 2, 3]


def test_must_have_and_must_not_contradict():
    with pytest.raises(UsageError, match="both"):
        rows_of(3, must_have=np.ones(3, dtype=bool), must_not=np.ones(3, dtype=bool))


def test_caps_hold_for_every_prefix():
    data = rows_of(90)
    groups = np.asarray(data.groups)
    shares = select(data, SelectConfig(budget="60", cap="40%"))
    for length in range(1, shares.length + 1):
        counts = np.unique(groups[shares.rows[:length]], return_counts=True)[1]
        assert counts.max() <= np.ceil(0.4 * length)
    counted = select(data, SelectConfig(budget="60", cap="camera0=2", near_duplicates="keep"))
    assert (groups[counted.rows] == "camera0").sum() == 2
    left = [line["reason"] for line in counted.left_out() if groups[line["row"]] == "camera0"]
    assert set(left) == {"over quota of camera0"}


@pytest.mark.parametrize("cap", ["20%", "camera9=2", "0", "many", "camera0="])
def test_caps_that_cannot_be_are_refused(cap):
    with pytest.raises(UsageError):
        select(rows_of(30), SelectConfig(cap=cap))


def test_each_group_gets_its_least_first():
    embeddings = rows_of(30).embeddings
    groups = np.array(["common"] * 27 + ["rare"] * 3)
    selection = select(
        SelectionInput(embeddings, groups=groups, must_not=None), SelectConfig(budget="6", least_per_group=2)
    )
    assert (groups[selection.rows[:4]] == "rare").sum() == 2


def test_least_gap_in_time():
    data = rows_of(60)
    selection = select(data, SelectConfig(budget="60", least_gap_s=4.0))
    clips, times_s = np.asarray(data.clips), data.times_s
    for first, second in itertools.combinations(selection.rows.tolist(), 2):
        assert clips[first] != clips[second] or abs(times_s[first] - times_s[second]) >= 4.0
    assert all("within 4 s of row" in line["reason"] for line in selection.left_out())


def test_spaces_share_by_quota_and_never_meet():
    ids = tuple(f"{row:02d}" for row in range(90))
    data = rows_of(90, ids=ids)
    space = np.array(["large"] * 60 + ["small"] * 30)
    embeddings = data.embeddings.copy()
    embeddings[60:, 4:] = np.nan
    mixed = dataclasses.replace(data, embeddings=embeddings, space=space)
    selection = select(mixed, SelectConfig(budget="30"))
    for length in range(1, 31):
        wanted = length * 30**0.5 / (30**0.5 + 60**0.5)
        assert abs((space[selection.rows[:length]] == "small").sum() - wanted) <= 1
    alone = SelectionInput(embeddings[60:, :4], ids=ids[60:])
    config = SelectConfig(budget="30", signal="none")
    mine = [row - 60 for row in select(mixed, config).rows.tolist() if row >= 60]
    assert len(mine) == 12
    assert mine == select(alone, config).rows[:12].tolist()


def test_nothing_to_choose_from():
    for data in (SelectionInput(np.zeros((0, 4))), rows_of(5, must_not=np.ones(5, dtype=bool))):
        selection = select(data, SelectConfig(budget="3"))
        assert list(selection.lines()) == []
        assert len(list(selection.left_out())) == data.row_count
    assert select(rows_of(5), SelectConfig(budget="3", minimum_score=1e9)).eligible_count == 0


def test_windows_without_any_embedding_have_a_reason():
    selection = select(SelectionInput(np.zeros((4, 0))), SelectConfig(budget="2"))
    assert selection.reason_counts() == {"no embedding": 4}
    assert select(SelectionInput(np.zeros((4, 0))), SelectConfig(budget="2", strategy="random")).length == 2


@pytest.mark.parametrize("strategy", ["knn", "kcenter", "facility", "cluster", "score", "random"])
@pytest.mark.parametrize(("treatment", "expected"), [("last", 5), ("drop", 1), ("keep", 5)])
def test_identical_rows(strategy, treatment, expected):
    data = SelectionInput(
        np.ones((20, 3)), signals={"score": np.zeros(20)}, ids=tuple(f"{row:02d}" for row in range(20))
    )
    selection = select(data, SelectConfig(budget="5", strategy=strategy, near_duplicates=treatment))
    assert selection.length == expected
    if strategy != "random":
        assert selection.rows.tolist() == list(range(expected))


def test_a_signal_with_nan_weighs_in_the_middle_and_passes_no_threshold():
    data = rows_of(30, signals={"score": np.where(np.arange(30) % 2 == 0, np.nan, 1.0)})
    values = row_values(data, SelectConfig())
    assert np.isnan(values[::2]).all()
    assert (row_weights(values, 1.0)[::2] == 1.0).all()
    assert select(data, SelectConfig(budget="30", minimum_score=0.0)).eligible_count == 15
    ordered = select(data, SelectConfig(budget="30", strategy="score")).rows
    assert (ordered[:15] % 2 == 1).all()


def test_value_draws_the_choice_towards_it():
    generator = np.random.default_rng(0)
    data = rows_of(400, signals={"score": generator.normal(size=400)})
    score = data.signals["score"]
    plain = score[select(data, SelectConfig(budget="40", value_strength=0.0)).rows].mean()
    drawn = score[select(data, SelectConfig(budget="40", value_strength=1.0)).rows].mean()
    assert drawn > plain


def test_uniform_spreads_in_time():
    data = rows_of(64, clips=np.full(64, "one"))
    for length in (4, 8, 16, 32):
        chosen = np.sort(
            select(data, SelectConfig(budget=str(length), strategy="uniform", near_duplicates="keep")).rows
        )
        assert set(np.diff(chosen)) == {64 // length}


def test_what_cannot_be_met_is_refused():
    bare = SelectionInput(rows_of(10).embeddings)
    for config, word in (
        (SelectConfig(budget="1h"), "durations_s"),
        (SelectConfig(strategy="uniform"), "times_s"),
        (SelectConfig(strategy="score"), "score"),
        (SelectConfig(minimum_score=1.0), "score"),
        (SelectConfig(typical_cycles=2), "cycles"),
    ):
        with pytest.raises(UsageError, match=word):
            select(bare, config)
    with pytest.raises(UsageError, match="'blur'"):
        select(rows_of(10), SelectConfig(signal="blur"))
    with pytest.raises(UsageError, match="10 embeddings and 3 values"):
        SelectionInput(bare.embeddings, times_s=np.zeros(3))


def test_cutting_beyond_what_is_in_order_is_refused():
    selection = select(rows_of(50), SelectConfig(budget="5"))
    with pytest.raises(UsageError, match="first 5 rows"):
        selection.cut(parse_budget("20"))
    larger = select(rows_of(50), SelectConfig(budget="20"))
    assert larger.cut(parse_budget("5")).rows.tolist() == selection.rows.tolist()


def test_rare_groups_and_the_whole_are_both_found():
    generator = np.random.default_rng(3)
    common = np.repeat(np.eye(40)[:4], 240, axis=0)
    rare = np.repeat(np.eye(40)[4:9], 8, axis=0)
    embeddings = np.concatenate([common, rare]) + 0.05 * generator.normal(size=(1000, 40))
    kind = np.concatenate([np.repeat(np.arange(4), 240), np.repeat(np.arange(4, 9), 8)])
    chosen = kind[select(SelectionInput(embeddings), SelectConfig(budget="20")).rows]
    assert set(chosen.tolist()) == set(range(9))
