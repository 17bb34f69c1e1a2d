"""``egoclean select`` on arrays from anywhere, against its contract."""

import functools
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.config import SelectConfig
from egoclean.core import prepare
from egoclean.core.neighbours import build_graph
from egoclean.files.select import select_files

STRATEGIES = ("knn", "kcenter", "facility", "cluster", "score", "uniform", "random")


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture
def arrays(tmp_path):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "E.npy", generator.normal(size=(40, 8)).astype(np.float32))
    np.save(tmp_path / "T.npy", np.arange(40.0))
    scores = [{"row": row, "score": float(row), "motion": 1.0} for row in range(40)]
    (tmp_path / "S.jsonl").write_text("".join(json.dumps(score) + "\n" for score in reversed(scores)))
    (tmp_path / "G.csv").write_text("row,group\n" + "".join(f"{row},{row % 2}\n" for row in range(40)))
    (tmp_path / "I.txt").write_text("".join(f"id{row}\n" for row in range(40)))
    return tmp_path


def select(egoclean, folder, *arguments, status=0):
    return egoclean(
        "select", "--embeddings", folder / "E.npy", "--out", folder / "out.jsonl", *arguments, status=status
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_line_a_chosen_row_with_the_fields_of_the_contract(egoclean, arrays, strategy):
    done = select(
        egoclean, arrays, "--scores", arrays / "S.jsonl", "--groups", arrays / "G.csv", "--times", arrays / "T.npy",
        "--ids", arrays / "I.txt", "--budget", "10", "--strategy", strategy, "--left-out", arrays / "left.jsonl",
    )  # fmt: skip
    assert done.out == f"{arrays / 'out.jsonl'}: 10 of 40 rows\n"
    chosen, left = lines_of(arrays / "out.jsonl"), lines_of(arrays / "left.jsonl")
    assert all({"row", "rank", "gain", "reason"} <= set(line) for line in chosen)
    assert [line["rank"] for line in chosen] == list(range(1, 11))
    assert all(line["reason"] for line in chosen)
    assert all(line["reason"] for line in left)
    assert sorted([line["row"] for line in chosen] + [line["row"] for line in left]) == list(range(40))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_smaller_budget_is_a_prefix_and_the_same_again(egoclean, arrays, strategy):
    rows = {}
    for budget in ("3", "12", "12", "30%", "100%", "999"):
        files = ("--scores", arrays / "S.jsonl", "--times", arrays / "T.npy")
        select(egoclean, arrays, "--budget", budget, "--strategy", strategy, *files)
        found = [line["row"] for line in lines_of(arrays / "out.jsonl")]
        assert rows.setdefault(budget, found) == found
    assert rows["3"] == rows["12"][:3] if strategy != "uniform" else len(rows["3"]) == 3
    assert rows["30%"] == rows["12"]
    assert len(rows["100%"]) == len(rows["999"]) == 40


@given(
    count=st.integers(1, 30),
    budget=st.integers(1, 40),
    threshold=st.floats(-1, 31),
    strategy=st.sampled_from(STRATEGIES),
)
@settings(max_examples=25)
def test_exactly_the_lesser_of_budget_and_eligible_rows(tmp_path_factory, count, budget, threshold, strategy):
    folder = tmp_path_factory.mktemp("select")
    np.save(folder / "E.npy", np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32))
    (folder / "S.jsonl").write_text("".join(json.dumps({"score": float(row)}) + "\n" for row in range(count)))
    np.save(folder / "T.npy", np.arange(float(count)))
    config = SelectConfig(budget=str(budget), strategy=strategy, minimum_score=threshold)
    embeddings, scores, times, out, left = (
        folder / name for name in ("E.npy", "S.jsonl", "T.npy", "o.jsonl", "l.jsonl")
    )
    select_files(embeddings, scores, None, times, None, out, left, config)
    eligible = sum(row >= threshold for row in range(count))
    chosen = lines_of(folder / "o.jsonl")
    assert len(chosen) == min(budget, eligible)
    assert len(chosen) + len(lines_of(folder / "l.jsonl")) == count
    assert all(line["row"] >= threshold for line in chosen)


def test_scores_are_joined_by_row_or_by_order(egoclean, arrays):
    select(egoclean, arrays, "--scores", arrays / "S.jsonl", "--strategy", "score", "--budget", "2")
    assert [line["row"] for line in lines_of(arrays / "out.jsonl")] == [39, 38]
    plain = [json.dumps({"score": float(-row)}) for row in range(40)]
    (arrays / "S.jsonl").write_text("\n".join(plain) + "\n")
    select(egoclean, arrays, "--scores", arrays / "S.jsonl", "--strategy", "score", "--budget", "2")
    assert [line["row"] for line in lines_of(arrays / "out.jsonl")] == [0, 1]


def test_a_budget_in_time_adds_up_the_steps(egoclean, arrays):
    select(egoclean, arrays, "--times", arrays / "T.npy", "--budget", "12s", "--strategy", "random")
    assert len(lines_of(arrays / "out.jsonl")) == 12


def test_the_seed_of_the_environment_yields_to_the_flag(egoclean, arrays, monkeypatch):
    def rows(*arguments):
        select(egoclean, arrays, "--strategy", "random", "--budget", "10", *arguments)
        return [line["row"] for line in lines_of(arrays / "out.jsonl")]

    default, seven = rows(), rows("--seed", "7")
    monkeypatch.setenv("SEED", "7")
    assert rows() == seven != default
    assert rows("--seed", "42") == default


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--budget", "banana"), 2, "banana"),
        (("--budget", "0"), 2, "budget"),
        (("--budget", "30min"), 2, "30min"),
        (("--budget", "120%"), 2, "120%"),
        (("--strategy", "best"), 2, "best"),
        (("--neighbours", "-1"), 2, "neighbours must be from 0"),
        (("--signal", "motion"), 2, "needs scores"),
        (("--signal", "speed", "--scores", "S.jsonl"), 2, "speed"),
        (("--thresholds", "motion > 3"), 2, "motion"),
        (("--scores", "far.jsonl"), 1, "far.jsonl:1: row must be from 0 to 39, found 99"),
        (("--scores", "torn.jsonl"), 1, "torn.jsonl:2 is not JSON"),
        (("--scores", "list.jsonl"), 1, "list.jsonl:1 is not a JSON object"),
        (("--scores", "none.jsonl"), 1, "none.jsonl cannot be read"),
        (("--groups", "nohead.csv"), 1, "nohead.csv must have the columns row,group"),
        (("--groups", "far.csv"), 1, "far.csv:2: row must be from 0 to 39, found '99'"),
        (("--times", "E.npy"), 1, "must hold 40 finite times"),
        (("--ids", "short.txt"), 2, "ids"),
    ],
)
def test_mistakes(egoclean, arrays, monkeypatch, arguments, status, words):
    monkeypatch.chdir(arrays)
    (arrays / "far.jsonl").write_text('{"row": 99, "score": 1}\n')
    (arrays / "torn.jsonl").write_text('{"score": 1}\n{"sco')
    (arrays / "list.jsonl").write_text("[]\n")
    (arrays / "nohead.csv").write_text("0,a\n")
    (arrays / "far.csv").write_text("row,group\n99,a\n")
    (arrays / "short.txt").write_text("a\n")
    done = select(egoclean, arrays, *arguments, status=status)
    assert words in done.err
    assert not (arrays / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "array"),
    [("E.npy", np.zeros(4)), ("E.npy", np.zeros((2, 2, 2))), ("E.npy", np.array([["a"]]))],
    ids=["one axis", "three axes", "words"],
)
def test_embeddings_must_be_rows_of_numbers(egoclean, tmp_path, name, array):
    np.save(tmp_path / name, array)
    select(egoclean, tmp_path, status=1)


def test_what_is_needed_is_asked_for(egoclean, tmp_path):
    assert "needs --embeddings and --out" in egoclean("select", status=2).err


def test_an_approximate_search_says_its_recall(tmp_path, monkeypatch):
    np.save(tmp_path / "E.npy", np.random.default_rng(0).normal(size=(1500, 8)).astype(np.float32))
    monkeypatch.setattr(prepare, "build_graph", functools.partial(build_graph, exact_rows=500))
    files = (tmp_path / "E.npy", None, None, None, None, tmp_path / "out.jsonl", None)
    first, said = select_files(*files, SelectConfig(budget="5", signal="none")).split("\n")
    assert first.endswith("5 of 1500 rows")
    assert re.search(r"recall@10 is (0\.9\d\d|1\.000), measured on 500 rows", said)
