import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core import coverage, greedy
from egoclean.core.coverage import DenseGains, GraphGains, on_weight_grid, reach_of, worth_of
from egoclean.core.greedy import LazyGreedy
from egoclean.core.neighbours import build_graph
from egoclean.core.rows import unit_or_zero_rows


class SlowGains:
    """Coverage of a dense matrix ``near[i, j]``: how well row ``j`` stands for row ``i``; every gain summed anew."""

    def __init__(self, near, weights):
        self.near, self.weights, self.covered = near, weights, np.zeros(len(near))

    def of_all(self):
        return self.weights @ np.maximum(self.near - self.covered[:, None], 0.0)

    def take(self, row):
        self.covered = np.maximum(self.covered, self.near[:, row])


def matrix_of(graph):
    near = np.eye(graph.row_count)
    for row, (others, values) in enumerate(zip(graph.neighbours, graph.similarities, strict=True)):
        near[row, others[others >= 0]] = values[others >= 0]
    return near


def slow_greedy(gains, part_of, allowed_at, count):
    """Look at every row each time; of equal gains take the first."""
    closed, order = part_of < 0, []
    for step in range(count):
        now = np.where(closed | ~np.isin(part_of, allowed_at(step)), -1.0, gains.of_all())
        if now.max(initial=-1.0) < 0:
            break
        row = int(now.argmax())
        order.append((row, float(now[row])))
        gains.take(row)
        closed[row] = True
        closed[(row * 7 + 3) % len(closed)] |= step % 4 == 3
    return order


def lazy_greedy(gains, part_of, allowed_at, count):
    closed, order = part_of < 0, []
    lazy = LazyGreedy(gains, part_of, closed)
    for step in range(count):
        found = lazy.best(allowed_at(step))
        if found is None:
            break
        order.append(found)
        lazy.take(found[0])
        closed[found[0]] = True
        closed[(found[0] * 7 + 3) % len(closed)] |= step % 4 == 3
    return order


def rows_with_repeats(count, seed):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(max(count // 2, 1), 3)).astype(np.float32)
    weights = on_weight_grid(generator.integers(0, 3, size=count) / 2)
    return rows[generator.integers(len(rows), size=count)], weights, generator.integers(-1, 3, size=count)


@given(
    st.integers(1, 60),
    st.integers(0, 10_000),
    st.sampled_from([1, 3, 256]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_lazy_greedy_takes_what_looking_at_every_row_takes(count, seed, front, due, one_part_at_a_time):
    embeddings, weights, part_of = rows_with_repeats(count, seed)
    graph = build_graph(embeddings, wanted=8)
    counted = (part_of >= 0) | (np.random.default_rng(seed).random(count) < 0.5)
    parts = list(range(int(part_of.max(initial=-1)) + 1))

    def allowed_at(step):
        return parts[step % 2 :: 2] if one_part_at_a_time else parts

    gains = GraphGains(worth_of(reach_of([(np.arange(count), graph)], count), weights), counted, part_of >= 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy, "_LEAST_FRONT", front)
        patch.setattr(coverage, "_DUE_SHARE", due)
        found = lazy_greedy(gains, part_of.copy(), allowed_at, count)
    expected = slow_greedy(SlowGains(matrix_of(graph), weights * counted), part_of.copy(), allowed_at, count)
    assert found == expected


@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([5, 64, 1 << 17]))
@settings(max_examples=60, deadline=None)
def test_gains_of_a_graph_stay_exact_while_spent_edges_are_dropped(count, seed, block):
    embeddings, weights, part_of = rows_with_repeats(count, seed)
    graph, candidates = build_graph(embeddings, wanted=12), part_of >= 0
    counted = candidates | (np.random.default_rng(seed).random(count) < 0.5)
    slow, rows = SlowGains(matrix_of(graph), weights * counted), np.flatnonzero(candidates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "_BLOCK_EDGES", block)
        worth = worth_of(reach_of([(np.arange(count), graph)], count), weights)
        before = worth.edges.toarray()
        gains = GraphGains(worth, counted, candidates)
        assert (gains.bounds()[0][rows] >= slow.of_all()[rows]).all()
        for row in np.random.default_rng(seed).permutation(rows).tolist():
            expected = slow.of_all()
            assert gains.of_some(rows).tolist() == expected[rows].tolist()
            assert gains.of(row) == expected[row]
            renewed = gains.of_all_if_due()
            assert renewed is None or renewed.tolist() == np.where(candidates, expected, 0.0).tolist()
            gains.take(row)
            slow.take(row)
        assert gains.of_some(rows).tolist() == [0.0] * len(rows)
        assert gains.of_some(np.zeros(0, dtype=np.int64)).tolist() == []
    assert (worth.edges.toarray() == before).all()


def test_gains_of_all_rows_are_due_once_as_many_edges_were_looked_at_as_there_are():
    embeddings, weights, _ = rows_with_repeats(40, 3)
    graph, all_rows = build_graph(embeddings, wanted=8), np.ones(40, dtype=np.bool_)
    gains = GraphGains(worth_of(reach_of([(np.arange(40), graph)], 40), weights), all_rows, all_rows)
    gains.of_some(np.arange(40))
    assert gains.of_all_if_due() is None
    gains.of_some(np.arange(1))
    assert gains.of_all_if_due() is not None
    assert gains.of_all_if_due() is None


def test_dense_gains_over_two_spaces_and_a_row_of_none():
    embeddings, weights, _ = rows_with_repeats(40, 5)
    unit = unit_or_zero_rows(embeddings, slice(None))
    spaces = [(np.arange(0, 20), unit[:20], 0.1), (np.arange(20, 39), unit[20:39], 0.0)]
    gains = DenseGains(spaces, weights)
    near = np.eye(40)
    for rows, mine, background in spaces:
        block = np.clip((mine @ mine.T - background) / (1 - background), 0, 1)
        np.fill_diagonal(block, 1.0)
        near[np.ix_(rows, rows)] = block
    slow = SlowGains(near, weights)
    for row in (3, 39, 25):
        np.testing.assert_allclose(gains.of_some(np.arange(40)), slow.of_all(), atol=1e-3)
        assert gains.of(row) == pytest.approx(slow.of_all()[row], abs=1e-3)
        gains.take(row)
        slow.take(row)
    assert gains.of(39) == 0.0
