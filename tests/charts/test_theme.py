"""The common look of figures."""

import json

import numpy as np
import plotly.graph_objects as go
import plotly.io

from egoclean.charts import theme


def test_a_drawing_works_out_its_plain_form_once():
    texts = np.array(["a", "b<br>é"], dtype=object)
    drawn = theme.figure([go.Scatter(x=[1, 2], y=[3, 4], text=texts, customdata=np.array([1, "x"], dtype=object))])
    assert drawn.to_dict() is drawn.to_dict()
    assert drawn.to_dict()["data"][0]["text"].dtype.kind == "U"
    written, plain = (
        json.loads(plotly.io.to_json(figure, validate=False))
        for figure in (drawn.to_dict(), go.Figure(drawn.data, drawn.layout).to_dict())
    )
    assert written["data"] == plain["data"]
    assert written["layout"]["xaxis"] == plain["layout"]["xaxis"]
