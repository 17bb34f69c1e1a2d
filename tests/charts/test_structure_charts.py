import json

import numpy as np
import pytest

from egoclean.charts.structure_charts import (
    lag_spectrum_figure,
    quantise_similarity,
    similarity_figure,
)


def test_similarity_figure_stays_under_two_megabytes_at_the_largest_side():
    matrix = np.random.default_rng(0).uniform(size=(1000, 1000)).astype(np.float32)
    figure = similarity_figure(matrix, np.arange(1000.0))
    assert len(figure.to_json()) < 2_000_000


def test_similarity_figure_refuses_a_matrix_that_does_not_fit():
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        similarity_figure(np.zeros((3, 4)), np.arange(3.0))
    with pytest.raises(ValueError, match="1001"):
        similarity_figure(np.zeros((1001, 1001)), np.arange(1001.0))


def test_quantise_keeps_order_and_ends():
    matrix = np.linspace(-1, 1, 10_000).reshape(100, 100)
    levels, low, high = quantise_similarity(matrix)
    assert levels.dtype == np.uint8
    assert (np.diff(levels.reshape(-1).astype(int)) >= 0).all()
    assert (levels.min(), levels.max()) == (0, 255)
    assert low == pytest.approx(-0.98, abs=0.01)
    assert high == pytest.approx(0.98, abs=0.01)


def test_lag_spectrum_marks_the_period_and_its_multiples():
    lags = np.arange(0, 20, 0.1)
    figure = lag_spectrum_figure(lags, np.cos(lags), 4.0)
    assert [round(shape["x0"], 6) for shape in json.loads(figure.to_json())["layout"]["shapes"]] == [
        4.0,
        8.0,
        12.0,
        16.0,
    ]
    assert not lag_spectrum_figure(lags, np.cos(lags)).layout.shapes
