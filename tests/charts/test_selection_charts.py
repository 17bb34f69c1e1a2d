from egoclean.charts import theme
from egoclean.charts.selection_charts import coverage_curve, picked_shares


def test_random_is_the_dashed_grey_line():
    figure = coverage_curve(
        {"knn": ([1, 2, 3], [0.2, 0.5, 0.7]), "random": ([1, 2, 3], [0.1, 0.3, 0.4])},
        bands={"random": ([0.05, 0.2, 0.3], [0.2, 0.4, 0.5])},
    )
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines" and trace.name}
    assert lines["random"].line.color == theme.GREY
    assert lines["random"].line.dash == "dash"
    assert lines["knn"].line.color != theme.GREY
    assert list(lines["knn"].y) == [0.2, 0.5, 0.7]


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
