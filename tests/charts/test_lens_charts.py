import dataclasses
import json

import pytest

from egoclean.charts.lens_charts import lens_plot
from egoclean.core.lens import lens_curve
from egoclean.records import CameraModel, Intrinsics

CARD = Intrinsics(CameraModel.FISHEYE, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, -0.1166, -0.0236, 0.0694, -0.0463)


def texts(figure):
    return " | ".join(item.text for item in figure.layout.annotations)


def test_a_lens_with_a_limit_shows_it_and_what_lies_past_it():
    curve = lens_curve(CARD)
    figure = lens_plot(curve, shown_half_deg=54.0)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["this lens"].y) == pytest.approx(curve.radius_px)
    assert list(by_name["equidistant lens"].y) == pytest.approx(curve.equidistant_px)
    assert list(by_name["polynomial past its limit"].x) == pytest.approx(curve.beyond_deg)
    assert f"limit {curve.limit_deg:.1f}°" in texts(figure)
    assert "no ray lands there" in texts(figure)
    assert {shape.x0 for shape in figure.layout.shapes} >= {curve.limit_deg, 54.0}
    assert json.loads(figure.to_json())


def test_a_lens_without_a_limit_shows_the_corner_as_a_point():
    curve = lens_curve(dataclasses.replace(CARD, k1=0.0, k2=0.0, k3=0.0, k4=0.0))
    figure = lens_plot(curve)
    assert "limit" not in texts(figure)
    assert [(trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"] == [
        (pytest.approx(curve.corner_deg), pytest.approx(curve.corner_px))
    ]
