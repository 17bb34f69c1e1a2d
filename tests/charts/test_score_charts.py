import numpy as np
import pytest

from egoclean.charts.disagreement_chart import rank_density
from egoclean.charts.score_charts import score_histogram

MOST_BYTES = 2_000_000


def test_bars_add_up_to_kept_and_dropped():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan])
    figure = score_histogram(values, minimum=1.0, maximum=3.0)
    kept, dropped = figure.data
    assert kept.y.sum() == 3
    assert dropped.y.sum() == 2
    assert "1 without a value" in dropped.name
    assert len(figure.layout.shapes) == 2


@pytest.mark.parametrize("values", [[], [np.nan], [2.0, 2.0], [0.0]])
def test_degenerate_values_give_a_figure(values):
    figure = score_histogram(values, minimum=1.0)
    assert sum(trace.y.sum() for trace in figure.data) == np.isfinite(values).sum()


def test_a_million_values_stay_small():
    values = np.random.default_rng(0).normal(size=1_000_000)
    assert len(score_histogram(values, minimum=0.0).to_json()) < MOST_BYTES


def test_corners_lie_where_their_ends_say():
    ends = {"hard and unusual": (True, True), "easy but unusual": (False, True)}
    figure = rank_density(np.arange(625).reshape(25, 25), "score", "anomaly", ends, 0.2, "easy but unusual")
    assert np.asarray(figure.data[0].z)[0, 1] == 25
    first, second = figure.layout.shapes
    assert (first.x0, first.x1, first.y0, first.y1) == (80, 100, 80, 100)
    assert (second.x0, second.x1, second.y0, second.y1) == (0, 20, 80, 100)
    assert second.line.width > first.line.width
