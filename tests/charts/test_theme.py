"""The common look of figures."""

import plotly.graph_objects as go

from egoclean.charts import theme


def test_a_drawing_works_out_its_plain_form_once():
    drawn = theme.figure([go.Scatter(x=[1, 2], y=[3, 4])], title="a")
    plain = go.Figure(drawn).to_dict()
    assert drawn.to_dict() == plain
    assert drawn.to_dict() is drawn.to_dict()
