import dataclasses

import numpy as np
import pytest

from egoclean.config import SelectConfig
from egoclean.core.downstream import dynamics_error, fold_of_groups, motion_in_clips, next_rows
from egoclean.core.evaluate import evaluate
from egoclean.core.rows import unit_or_zero_rows
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput


def world(count=600, seed=0):
    generator = np.random.default_rng(seed)
    clip = np.arange(count) // 60
    phase = (np.arange(count) % 10) / 10 * 2 * np.pi
    rows = 0.15 * generator.normal(size=(count, 12))
    rows[:, 0] += np.cos(phase)
    rows[:, 1] += np.sin(phase)
    rare = np.arange(count) % 75 == 37
    rows[rare] += 2 * np.eye(12)[2 + np.arange(int(rare.sum())) % 4]
    kinds = {f"kind{number}": np.flatnonzero(rare)[number::4] for number in range(4)}
    data = SelectionInput(
        rows.astype(np.float32),
        signals={"score": generator.normal(size=count)},
        clips=np.array([f"clip{number}" for number in clip]),
        times_s=np.arange(count) % 60.0,
        quota_groups=np.array([f"worker{number % 5}" for number in clip]),
    )
    return data, kinds


def test_the_default_beats_random_where_there_is_something_to_find():
    data, kinds = world()
    result = evaluate(data, SelectConfig(budget="5%", signal="none"), rare=kinds)
    own, random = result.standings["knn"], result.standings["random"]
    assert set(result.standings) == {"knn", "random", "uniform", "score"}
    assert own.coverage.value > random.coverage.high
    assert own.kinds_found.value == 1.0
    assert random.kinds_found.value < 0.8
    assert own.redundancy.value < random.redundancy.value
    assert own.error.value < 1
    assert len(own.curve) == len(result.budgets)
    assert result.budgets[-1] == result.chosen_count == 30
    assert own.curve[-1] == own.coverage.value


def test_rows_of_another_space_count_for_the_budget_and_cover_nothing():
    data, _ = world()
    space = np.where(np.arange(600) < 400, "large", "small")
    data = dataclasses.replace(data, space=space)
    config = SelectConfig(budget="10%", signal="none")
    result = evaluate(data, config)
    order = select(data, config).rows[: result.chosen_count]
    unit = unit_or_zero_rows(data.embeddings, np.flatnonzero(space == "large"))
    near = unit @ unit.T >= 1 - result.radius - 1e-5
    assert {*space[order]} == {"large", "small"}
    for budget, share in zip(result.budgets, result.standings["knn"].curve, strict=True):
        taken = [row for row in order[:budget] if row < 400]
        assert share == pytest.approx(near[:, taken].any(axis=1).mean())
    assert result.standings["knn"].coverage.value < 1


def test_labels_give_an_accuracy():
    data, _ = world()
    labels = (np.arange(600) % 10) // 5
    standing = evaluate(data, SelectConfig(budget="5%"), labels=labels).standings["knn"]
    assert 0.8 < standing.accuracy.value <= 1.0


def test_nothing_chosen_is_defined():
    data, kinds = world()
    result = evaluate(data, SelectConfig(budget="5%", minimum_score=1e9), rare=kinds)
    standing = result.standings["knn"]
    assert result.chosen_count == 0
    assert standing.coverage.value == 0.0
    assert standing.balance.value == 0.0


def test_rows_follow_one_another_inside_a_clip():
    clips = np.array(["b", "a", "a", "b", "a"])
    following = next_rows(clips, np.array([1.0, 3.0, 1.0, 0.0, 2.0]))
    assert following.tolist() == [-1, -1, 4, 0, 1]


def test_dynamics_are_learned_and_held_out_groups_are_whole():
    data, _ = world()
    clips = np.unique(np.asarray(data.clips), return_inverse=True)[1]
    motion = motion_in_clips(unit_or_zero_rows(data.embeddings, slice(None)), clips)
    assert np.allclose([motion[clips == clip].mean(axis=0) for clip in set(clips)], 0.0, atol=1e-5)
    following = next_rows(np.asarray(data.clips), data.times_s)
    fold = fold_of_groups(np.asarray(data.quota_groups), 0)
    assert all(len(set(fold[np.asarray(data.quota_groups) == name])) == 1 for name in set(data.quota_groups))

    def error_of(chosen, fold=fold):
        return dynamics_error(motion, following, np.asarray(chosen, dtype=int), fold, clips)

    everything = error_of(np.arange(600))
    assert everything < 0.6
    assert everything < error_of(np.arange(0, 600, 40)) < 1.1
    assert error_of([]) == pytest.approx(1.0)
    assert np.isnan(error_of(np.arange(600), np.zeros(600, dtype=int)))


def test_where_nothing_can_be_foretold_few_rows_teach_next_to_nothing():
    clips = np.repeat(np.arange(30), 20)
    noise = np.random.default_rng(3).normal(size=(600, 24)).cumsum(axis=0).astype(np.float32)
    motion = motion_in_clips(noise, clips)
    following = next_rows(clips, np.tile(np.arange(20.0), 30))
    fold = fold_of_groups(clips // 3, 0)
    errors = [
        dynamics_error(motion, following, np.random.default_rng(seed).choice(600, 40, replace=False), fold, clips)
        for seed in range(10)
    ]
    assert 0.8 < np.mean(errors) < 1.05
