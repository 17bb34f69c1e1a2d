import numpy as np

from egoclean.charts import theme
from egoclean.charts.selection_charts import MOST_POINTS, coverage_curve, embedding_map, picked_shares

MOST_BYTES = 2_000_000


def test_random_is_the_dashed_grey_line():
    figure = coverage_curve(
        {"knn": ([1, 2, 3], [0.2, 0.5, 0.7]), "random": ([1, 2, 3], [0.1, 0.3, 0.4])},
        chosen=2,
        bands={"random": ([0.05, 0.2, 0.3], [0.2, 0.4, 0.5])},
    )
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines" and trace.name}
    assert lines["random"].line.color == theme.GREY
    assert lines["random"].line.dash == "dash"
    assert lines["knn"].line.color != theme.GREY
    assert list(lines["knn"].y) == [0.2, 0.5, 0.7]
    assert len(figure.layout.shapes) == 1


def test_shares_of_groups():
    everything, chosen = picked_shares(["a", "b"], [3, 1], [1, 1], "worker").data
    assert list(everything.y) == [0.75, 0.25]
    assert list(chosen.y) == [0.5, 0.5]


def test_nothing_picked_has_no_shares():
    assert list(picked_shares(["a", "b"], [1, 1], [0, 0]).data[1].y) == [0.0, 0.0]


def test_of_many_groups_the_largest_are_drawn():
    names = [f"g{number:03d}" for number in range(500)]
    figure = picked_shares(names, range(1, 501), [0] * 500)
    assert list(figure.data[0].x) == names[-40:]


def test_map_carries_ids_and_hides_rows_without_a_place():
    places = np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0]])
    figure = embedding_map(places, [True, False, True], ["x", "y", "z"], ["why x", "why y", "why z"])
    left_out, chosen = figure.data
    assert list(chosen.customdata) == ["x"]
    assert list(left_out.customdata) == ["y"]
    assert list(chosen.text) == ["why x"]


def test_a_large_map_is_thinned_and_small():
    count = 60_000
    places = np.random.default_rng(0).normal(size=(count, 2))
    chosen = np.arange(count) % 3 == 0
    ids = [f"factory_001/worker_003/part_{row:06d}@{row * 512}" for row in range(count)]
    figure = embedding_map(places, chosen, ids)
    assert sum(len(trace.x) for trace in figure.data) == MOST_POINTS
    assert len(figure.to_json()) < MOST_BYTES
    assert "of 60,000 windows" in figure.layout.title.text
