from egoclean.charts import theme
from egoclean.charts.overview_charts import footage_bar, map_figure


def test_parts_of_nothing_are_left_out_of_the_bar():
    figure = footage_bar({"kept": 3.0, "failed": 0.0, "left out": 1.0}, {"kept": "#0072B2"})
    assert [trace.name for trace in figure.data] == ["kept", "left out"]
    assert figure.layout.barmode == "stack"


def test_points_of_the_map_carry_their_rows_group_by_group():
    figure = map_figure([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], ["a", "b", "a"], ["x", "y", "z"], [7, 8, 9])
    rows = {trace.name: list(trace.customdata) for trace in figure.data}
    assert rows == {"a": [7, 9], "b": [8]}
    assert figure.layout.dragmode == "lasso"


def test_groups_of_the_map_beyond_the_colours_are_grey_and_counted():
    names = [f"g{number:02d}" for number in range(30) for _ in range(30 - number)]
    count = len(names)
    figure = map_figure(range(count), range(count), names, names, range(count))
    assert [trace.name for trace in figure.data] == ["23 others", *(f"g{number:02d}" for number in range(7))]
    colours = [trace.marker.color for trace in figure.data]
    assert colours[0] == theme.GREY
    assert len(set(colours)) == len(colours)
    assert len(figure.data[0].x) == sum(range(1, 24))
