import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.core.kmeans import nearest_centre, spherical_kmeans
from egoclean.core.neighbours import background_cosine, build_graph, neighbour_count, to_similarity
from egoclean.core.rows import canonical_order, unit_or_zero_rows
from egoclean.errors import UsageError


def slow_neighbours(embeddings, width):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    near = unit @ unit.T
    np.fill_diagonal(near, -2)
    return np.argsort(-near, axis=1, kind="stable")[:, :width], np.sort(-near, axis=1)[:, :width] * -1


def clustered(count, width, seed=0, clusters=30):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(clusters, width))
    return (centres[generator.integers(clusters, size=count)] + 0.4 * generator.normal(size=(count, width))).astype(
        np.float32
    )


def test_exact_graph_against_sorting_all_pairs():
    embeddings = clustered(700, 16)
    graph = build_graph(embeddings, wanted=12)
    expected, cosines = slow_neighbours(embeddings.astype(np.float64), 12)
    assert graph.exact
    assert graph.recall == 1.0
    np.testing.assert_allclose(
        graph.similarities, np.clip((cosines - graph.background) / (1 - graph.background), 0, 1), atol=2e-5
    )
    assert (graph.neighbours == expected).mean() > 0.999


def test_approximate_graph_states_the_recall_it_has():
    embeddings = clustered(3000, 48)
    graph = build_graph(embeddings, wanted=20, exact_rows=500)
    expected, _ = slow_neighbours(embeddings.astype(np.float64), 10)
    found = (graph.neighbours[:, :, None] == expected[:, None, :]).any(axis=1).mean()
    assert not graph.exact
    assert graph.recall_queries == 500
    assert graph.recall >= 0.9
    assert abs(found - graph.recall) < 0.03
    assert (graph.neighbours != np.arange(3000)[:, None]).all()


def test_rows_that_are_near_nothing_do_not_lower_the_recall():
    embeddings = clustered(9000, 48)
    embeddings[6000:] = 0.0
    graph = build_graph(embeddings, wanted=20, exact_rows=500)
    assert graph.recall >= 0.9
    assert 300 < graph.recall_queries < 360
    assert graph.probes < graph.cells


def test_where_torch_is_loaded_a_child_searches_and_finds_the_same(monkeypatch):
    embeddings = clustered(1500, 24)
    here = build_graph(embeddings, wanted=10, exact_rows=500)
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    there = build_graph(embeddings, wanted=10, exact_rows=500)
    assert (here.neighbours == there.neighbours).mean() > 0.99
    assert there.recall == pytest.approx(here.recall, abs=0.02)


@pytest.mark.parametrize(
    ("rows", "wanted", "expected"),
    [
        (0, 0, 0),
        (1, 0, 0),
        (2, 0, 1),
        (150, 0, 149),
        (1200, 0, 200),
        (20_000, 0, 200),
        (100_000, 0, 100),
        (1_000_000, 0, 50),
        (50, 10, 10),
        (5, 10, 4),
    ],
)
def test_neighbours_a_row_keeps(rows, wanted, expected):
    assert neighbour_count(rows, wanted) == expected


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_rows(count):
    graph = build_graph(np.eye(4, dtype=np.float32)[:count])
    assert graph.neighbours.shape == (count, max(count - 1, 0))
    assert np.isfinite(graph.similarities).all()


def test_identical_zero_and_infinite_rows_are_defined():
    same = build_graph(np.ones((6, 3)))
    assert same.background == 0.0
    assert (same.similarities == 1.0).all()
    odd = np.array([[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [1.0, 0.0], [1e-30, 0.0], [1e30, 0.0]])
    graph = build_graph(odd)
    assert np.isfinite(graph.similarities).all()
    assert (graph.similarities[:3] == 0).all()
    assert graph.similarities[3].max() == 1.0


@given(st.integers(2, 40), st.integers(0, 10_000), st.sampled_from([np.float16, np.float32, np.float64]))
@settings(max_examples=25)
def test_length_of_rows_does_not_matter(count, seed, kind):
    generator = np.random.default_rng(seed)
    embeddings = generator.normal(size=(count, 5)).astype(kind)
    scaled = embeddings * np.array([2.0], dtype=kind) ** generator.integers(-3, 4, size=(count, 1))
    first, second = build_graph(embeddings), build_graph(scaled)
    assert (first.neighbours == second.neighbours).all()
    assert (first.similarities == second.similarities).all()


def test_background_is_the_median_cosine_of_pairs():
    embeddings = clustered(300, 8) + 2.0
    unit = unit_or_zero_rows(embeddings, slice(None))
    expected = np.median((unit @ unit.T)[np.triu_indices(300, 1)])
    assert background_cosine(embeddings) == pytest.approx(expected, abs=1e-4)
    similarity = to_similarity(np.array([expected, 1.0, -1.0], dtype=np.float32), float(expected))
    np.testing.assert_allclose(similarity, [0, 1, 0], atol=1e-4)


def test_memory_mapped_rows_give_the_same_graph(tmp_path):
    embeddings = clustered(500, 8).astype(np.float16)
    np.save(tmp_path / "e.npy", embeddings)
    mapped = build_graph(np.load(tmp_path / "e.npy", mmap_mode="r"))
    assert (mapped.neighbours == build_graph(embeddings).neighbours).all()


def test_kmeans_finds_separate_bundles_and_fills_empty_centres():
    bundles = unit_or_zero_rows(np.repeat(np.eye(5), 20, axis=0) + 0.01 * clustered(100, 5, seed=1), slice(None))
    centres = spherical_kmeans(bundles, 5, np.random.default_rng(0), iterations=20)
    labels = nearest_centre(bundles, centres).reshape(5, 20)
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0])) == 5
    assert len(spherical_kmeans(bundles[:3], 9, np.random.default_rng(0))) == 3


def test_canonical_order_goes_by_id_or_bytes():
    embeddings = clustered(50, 4)
    shuffled = np.random.default_rng(1).permutation(50)
    first = embeddings[canonical_order(embeddings, None)]
    second = embeddings[shuffled][canonical_order(embeddings[shuffled], None)]
    assert (first == second).all()
    assert canonical_order(embeddings[:3], ["b", "a", "c"]).tolist() == [1, 0, 2]
    with pytest.raises(UsageError, match="'a' stands on 2 rows"):
        canonical_order(embeddings[:3], ["a", "b", "a"])
    with pytest.raises(UsageError, match="3 rows and 1 ids"):
        canonical_order(embeddings[:3], ["a"])
