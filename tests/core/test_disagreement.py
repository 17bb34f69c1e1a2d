import numpy as np
import pytest

from egoclean.core.calibrate import calibrate
from egoclean.core.disagreement import CORNERS, corners, pair_counts


def places(*values):
    return calibrate(np.array(values, dtype=float), None, "rank")


def test_corners_of_opposite_and_equal_rankings():
    up, down = places(*range(100)), places(*range(100, 0, -1))
    alike = corners(up, up)
    assert [(alike == name).sum() for name in CORNERS] == [20, 0, 0, 20]
    assert set(np.flatnonzero(alike == "both high")) == set(range(80, 100))
    against = corners(up, down)
    assert set(np.flatnonzero(against == "only the first high")) == set(range(80, 100))
    assert set(np.flatnonzero(against == "only the second high")) == set(range(20))


def test_what_has_no_value_stands_in_no_corner_and_is_not_counted():
    first, second = places(np.nan, 1.0, 2.0), places(5.0, np.nan, 6.0)
    assert corners(first, second).tolist() == ["", "", ""]
    assert pair_counts(first, second).sum() == 1
    assert corners(places(3.0, 3.0), places(1.0, 2.0)).tolist() == ["", ""]
    assert corners(places(), places()).tolist() == []


def test_pairs_of_places_are_counted():
    up = places(*range(200))
    counts = pair_counts(up, up)
    assert counts.shape == (25, 25)
    assert (np.diag(counts) == 8).all()
    assert counts.sum() == 200


def test_other_lengths_and_shares_are_refused():
    with pytest.raises(ValueError, match="1 and 2 values"):
        corners(np.zeros(1), np.zeros(2))
    with pytest.raises(ValueError, match=r"share must be .* 0\.7"):
        corners(np.zeros(1), np.zeros(1), share=0.7)
