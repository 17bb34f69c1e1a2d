"""Similarity functions against slow obvious versions, and their laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core import similarity as sim

SEEDS = st.integers(0, 2**32 - 1)


def rows_of(seed, count=7, width=5):
    return np.random.default_rng(seed).normal(size=(count, width))


def slow_cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def slow_matrix(rows):
    flat = rows.reshape(len(rows), -1)
    return np.array([[slow_cosine(a, b) for b in flat] for a in flat])


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 9), st.integers(1, 6))
def test_cosine_matrix_equals_the_definition(seed, count, width):
    rows = rows_of(seed, count, width)
    matrix = sim.cosine_similarity(rows)
    assert np.allclose(matrix, slow_matrix(rows), atol=1e-6)
    assert np.array_equal(matrix, matrix.T)
    assert (np.diag(matrix) == 1).all()
    assert matrix.min() >= -1
    assert matrix.max() <= 1


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_similarity_ignores_row_length_and_follows_row_order(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, 4))
    matrix = sim.cosine_similarity(rows)
    assert np.allclose(sim.cosine_similarity(rows * rng.uniform(0.1, 1e6, (6, 1))), matrix, atol=1e-6)
    order = rng.permutation(6)
    assert np.allclose(sim.cosine_similarity(rows[order]), matrix[order][:, order], atol=1e-6)


def test_huge_and_tiny_rows_do_not_overflow():
    rows = np.array([[3e200, 4e200], [3e-200, 4e-200]])
    assert np.allclose(sim.cosine_similarity(rows), 1.0)


def test_two_different_sides():
    left, right = rows_of(1, 4, 3), rows_of(2, 6, 3)
    expected = [[slow_cosine(a, b) for b in right] for a in left]
    assert np.allclose(sim.cosine_similarity(left, right), expected, atol=1e-6)
    with pytest.raises(ValueError, match="one length"):
        sim.cosine_similarity(left, rows_of(0, 2, 5))


def test_matrix_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="pooled_similarity"):
        sim.cosine_similarity(np.ones((sim.LARGEST_MATRIX_ROWS + 1, 1)))


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "Row 2 .* NaN"), (np.inf, "Row 2 .* infinity"), (0.0, "Row 2 .* all zero")]
)
def test_bad_rows_are_named(value, words):
    rows = np.ones((4, 3))
    rows[2] = value
    for function in (sim.unit_rows, sim.change_signal, sim.typicality, sim.pooled_similarity):
        with pytest.raises(ValueError, match=words):
            function(rows)


def test_bad_row_is_named_by_its_number_in_a_later_block(monkeypatch):
    monkeypatch.setattr(sim, "_BLOCK_ELEMENTS", 8)
    rows = np.ones((11, 4))
    rows[9] = 0
    with pytest.raises(ValueError, match="Row 9 "):
        sim.typicality(rows)


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.ones(3), np.array([["a"]])])
def test_what_is_not_an_array_of_rows_is_refused(rows):
    with pytest.raises(ValueError, match="embeddings must"):
        sim.unit_rows(rows)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 12))
def test_change_is_one_minus_the_cosine_with_the_predecessor(seed, count):
    rows = rows_of(seed, count)
    change = sim.change_signal(rows)
    assert np.isnan(change[0])
    assert np.allclose(change[1:], [1 - slow_cosine(rows[i - 1], rows[i]) for i in range(1, count)], atol=1e-6)


def test_blocks_do_not_change_any_result(monkeypatch):
    rows, tokens = rows_of(3, 13, 4), np.random.default_rng(4).normal(size=(13, 3, 4))
    whole = [sim.change_signal(rows), sim.typicality(rows), sim.typicality(tokens), sim.pooled_similarity(rows, 5)]
    monkeypatch.setattr(sim, "_BLOCK_ELEMENTS", 9)
    parts = [sim.change_signal(rows), sim.typicality(rows), sim.typicality(tokens), sim.pooled_similarity(rows, 5)]
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one, other, atol=1e-6, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 9))
def test_typicality_is_the_row_mean_of_the_similarity_matrix(seed, count):
    tokens = np.random.default_rng(seed).normal(size=(count, 3, 4))
    assert np.allclose(sim.typicality(tokens), slow_matrix(tokens).mean(axis=1), atol=1e-6)


def test_typicality_against_other_clips_pools_their_sums():
    mine, first, second = rows_of(1, 5), rows_of(2, 6), rows_of(3, 8)
    (sum1, count1), (sum2, count2) = sim.direction_sum(first), sim.direction_sum(second)
    expected = [[slow_cosine(a, b) for b in np.concatenate([first, second])] for a in mine]
    found = sim.typicality(mine, (sum1 + sum2, count1 + count2))
    assert np.allclose(found, np.mean(expected, axis=1), atol=1e-6)
    with pytest.raises(ValueError, match="reference"):
        sim.typicality(mine, (np.zeros(3), 2))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20), st.integers(1, 12))
def test_pooled_matrix_is_the_mean_over_blocks(seed, count, side):
    rows = rows_of(seed, count)
    edges = sim.pool_edges(count, side)
    assert np.diff(edges).max() - np.diff(edges).min() <= 1
    matrix = slow_matrix(rows)
    expected = [[matrix[a:b, c:d].mean() for c, d in itertools.pairwise(edges)] for a, b in itertools.pairwise(edges)]
    assert np.allclose(sim.pooled_similarity(rows, side), expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 20), st.integers(1, 25))
def test_diagonal_sums_equal_the_double_loop(seed, count, limit):
    rows = rows_of(seed, count, 3)
    expected = [sum(rows[i] @ rows[i + k] for i in range(count - k)) for k in range(min(limit, count))]
    assert np.allclose(sim.diagonal_sums(rows, limit), expected, atol=1e-9)


def test_autocorrelation_equals_the_definition_and_peaks_at_the_period():
    signal = np.tile([1.0, 0.0, 0.0, 3.0, 0.0], 8)
    centred = signal - signal.mean()
    expected = [centred[: len(signal) - k] @ centred[k:] / (centred @ centred) for k in range(len(signal))]
    found = sim.autocorrelation(signal)
    assert np.allclose(found, expected, atol=1e-9)
    assert int(np.argmax(found[1:8])) + 1 == 5


def test_autocorrelation_of_a_constant_or_nothing_is_not_a_number():
    assert np.isnan(sim.autocorrelation([2.0, 2.0, 2.0])).all()
    assert np.isnan(sim.autocorrelation([np.nan])).all()
    assert sim.autocorrelation([np.nan, 1.0, 2.0])[0] == pytest.approx(1.0)


def test_rows_from_similarity_give_the_matrix_back():
    matrix = sim.cosine_similarity(rows_of(5, 9, 4))
    assert np.allclose(sim.cosine_similarity(sim.rows_from_similarity(matrix)), matrix, atol=1e-5)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.zeros((2, 3)), "square"),
        (np.full((2, 2), np.nan), "Row 0"),
        (np.array([[1, 0.5], [0.1, 1]]), "symmetric"),
        (np.diag([1.0, 0.5]), "Row 1 .* diagonal"),
    ],
)
def test_what_is_no_similarity_matrix_is_refused(matrix, words):
    with pytest.raises(ValueError, match=words):
        sim.rows_from_similarity(matrix)


def test_regress_out_takes_off_exactly_what_the_covariate_explains():
    rng = np.random.default_rng(0)
    head, own = rng.normal(size=200), rng.normal(size=200)
    own -= own.mean() + (own @ (head - head.mean())) / ((head - head.mean()) @ (head - head.mean())) * (
        head - head.mean()
    )
    residual, share = sim.regress_out(5 + 2 * head + own, head)
    assert np.allclose(residual - residual.mean(), own, atol=1e-9)
    assert share == pytest.approx(1 - own.var() / (5 + 2 * head + own).var())
    assert sim.regress_out(2 * head, np.stack([head, own], axis=1))[1] == pytest.approx(1.0)


def test_regress_out_leaves_unknown_rows_unknown():
    residual, share = sim.regress_out([np.nan, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0, np.nan])
    assert np.isnan(residual[[0, 4]]).all()
    assert np.allclose(residual[1:4], 2.0)
    assert share == pytest.approx(1.0)
    assert sim.regress_out(np.ones(9), np.arange(9.0))[1] == 0.0
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        sim.regress_out(np.ones(3), np.ones(2))
