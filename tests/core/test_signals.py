import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.core.signals import evaluate_expression, parse_thresholds, signal_names
from egoclean.errors import UsageError

SIGNALS = {"score": np.array([0.1, 0.5, np.nan]), "anomaly": np.array([1.0, 0.0, 2.0])}


def test_expressions():
    np.testing.assert_allclose(
        evaluate_expression("0.5*score + -anomaly/2", SIGNALS), [0.05 - 0.5, 0.25, np.nan], equal_nan=True
    )
    assert evaluate_expression("max(score, anomaly)", SIGNALS)[:2].tolist() == [1.0, 0.5]
    assert evaluate_expression("abs(score - 1) * (2 + anomaly)", SIGNALS)[1] == 1.0


def test_dividing_by_zero_has_no_value():
    assert np.isnan(evaluate_expression("score / anomaly", SIGNALS)).tolist() == [False, True, True]


def test_names():
    assert signal_names("max(score, 2*anomaly) - score") == ("anomaly", "score")
    assert signal_names("none") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "score +",
        "__import__('os')",
        "score.real",
        "score[0]",
        "score if score else 1",
        "max(score)",
        "score ** 99",
        "lambda: 1",
        "'text'",
        "max(score, key=1)",
        "+".join(["score"] * 300),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError, match="expression"):
        evaluate_expression(text, SIGNALS)


def test_an_unknown_signal_is_named():
    with pytest.raises(UsageError, match="'blur'"):
        evaluate_expression("blur + score", SIGNALS)


@given(st.text(max_size=20))
def test_any_text_evaluates_or_is_refused(text):
    with contextlib.suppress(UsageError):
        evaluate_expression(text, SIGNALS)


def test_thresholds():
    first, second = parse_thresholds("score >= 0.2, anomaly<1.5")
    assert first.passes(SIGNALS["score"]).tolist() == [False, True, False]
    assert second.passes(SIGNALS["anomaly"]).tolist() == [True, True, False]
    assert parse_thresholds("") == ()
    assert len(parse_thresholds("score > 1e-3 and anomaly <= -2")) == 2


@pytest.mark.parametrize("text", ["score", "score = 2", "score >= two", "2 < score", "score >= 1.2.3"])
def test_thresholds_that_are_not_are_refused(text):
    with pytest.raises(UsageError, match="threshold"):
        parse_thresholds(text)
