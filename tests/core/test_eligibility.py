import numpy as np
import pandas as pd
import pytest

from egoclean.config import SelectConfig
from egoclean.core.eligibility import passing_rows, thresholds_of
from egoclean.core.select import select
from egoclean.core.selection_input import SelectionInput
from egoclean.verbs.selection_rows import passing_count

SIGNALS = {"score": np.array([0.1, 0.5, np.nan, 0.9, 0.5]), "skill": np.array([1.0, -1.0, 1.0, 1.0, 1.0])}
CASES = {
    "none": ({}, [1, 1, 1, 1, 1]),
    "least": ({"minimum_score": 0.5}, [0, 1, 0, 1, 1]),
    "both ends": ({"minimum_score": 0.5, "maximum_score": 0.8}, [0, 1, 0, 0, 1]),
    "two signals": ({"minimum_score": 0.5, "thresholds": "skill > 0"}, [0, 0, 0, 1, 1]),
    "nothing": ({"minimum_score": 2.0}, [0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_counted_is_what_may_be_chosen(name):
    options, wanted = CASES[name]
    config = SelectConfig(budget="100%", strategy="random", **options)
    assert passing_rows(SIGNALS, thresholds_of(config), 5).tolist() == [bool(flag) for flag in wanted]
    assert passing_count(pd.DataFrame(SIGNALS), config) == sum(wanted)
    data = SelectionInput(np.eye(5, dtype=np.float32), signals=SIGNALS, durations_s=np.ones(5))
    assert sorted(select(data, config).rows.tolist()) == np.flatnonzero(wanted).tolist()


def test_a_threshold_on_what_is_not_there_is_not_counted():
    assert passing_count(pd.DataFrame({"score": [1.0]}), SelectConfig(thresholds="surprise > 1")) is None
