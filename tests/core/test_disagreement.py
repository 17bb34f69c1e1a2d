import numpy as np
import pytest

from egoclean.core.disagreement import CORNERS, corners


def test_corners_of_opposite_and_equal_rankings():
    values = np.arange(100.0)
    alike = corners(values, values)
    assert [(alike == name).sum() for name in CORNERS] == [20, 0, 0, 20]
    assert set(np.flatnonzero(alike == "both high")) == set(range(80, 100))
    against = corners(values, -values)
    assert set(np.flatnonzero(against == "only the first high")) == set(range(80, 100))
    assert set(np.flatnonzero(against == "only the second high")) == set(range(20))


def test_what_has_no_value_stands_in_no_corner():
    assert corners([np.nan, 1.0, 2.0], [5.0, np.nan, 6.0]).tolist() == ["", "", ""]
    assert corners([3.0, 3.0], [1.0, 2.0]).tolist() == ["", ""]
    assert corners([], []).tolist() == []


def test_other_lengths_and_shares_are_refused():
    with pytest.raises(ValueError, match="1 and 2 values"):
        corners([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"share must be .* 0\.7"):
        corners([1.0], [1.0], share=0.7)
