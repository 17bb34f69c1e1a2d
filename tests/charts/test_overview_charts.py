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


def test_rare_groups_of_the_map_share_a_name():
    names = [f"g{number:02d}" for number in range(30) for _ in range(30 - number)]
    count = len(names)
    figure = map_figure(range(count), range(count), names, names, range(count))
    assert len(figure.data) == 21
    others = next(trace for trace in figure.data if trace.name == "other")
    assert len(others.x) == sum(range(1, 11))
