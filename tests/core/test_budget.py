import contextlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.core.budget import Budget, BudgetKind, parse_budget
from egoclean.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("100", BudgetKind.COUNT, 100),
        (7, BudgetKind.COUNT, 7),
        ("10%", BudgetKind.SHARE, Fraction(1, 10)),
        (" 0.5 % ", BudgetKind.SHARE, Fraction(1, 200)),
        ("30min", BudgetKind.DURATION, 1800),
        ("30 minutes", BudgetKind.DURATION, 1800),
        ("2h", BudgetKind.DURATION, 7200),
        ("90s", BudgetKind.DURATION, 90),
        ("1.5H", BudgetKind.DURATION, 5400),
        ("5m", BudgetKind.DURATION, 300),
    ],
)
def test_forms(text, kind, amount):
    assert parse_budget(text) == Budget(kind, Fraction(amount))


@pytest.mark.parametrize(
    "text",
    ["0", "-3", "NaN", "inf", "10%%", "", "ten", "0%", "0min", "101%", "1e3", "3.5", "10% min", "10 rows", "-5%"],
)
def test_refused_in_a_sentence(text):
    with pytest.raises(UsageError, match="budget"):
        parse_budget(text)


def test_more_than_all_is_all():
    assert parse_budget("500").most_rows(20) == 20


@pytest.mark.parametrize(("rows", "expected"), [(1200, 120), (25, 2), (9, 1), (1, 1), (0, 0)])
def test_a_share_is_rounded_down_to_at_least_one(rows, expected):
    assert parse_budget("10%").most_rows(rows) == expected


def test_tenths_are_exact():
    assert parse_budget("0.7%").most_rows(1000) == 7


def test_a_duration_is_the_longest_prefix_that_fits():
    durations_s = np.array([2.0, 2.0, 2.0, 0.5])
    assert parse_budget("4s").prefix_length(4, durations_s) == 2
    assert parse_budget("5s").prefix_length(4, durations_s) == 2
    assert parse_budget("1s").prefix_length(4, durations_s) == 0
    assert parse_budget("1h").prefix_length(4, durations_s) == 4
    assert parse_budget("1s").prefix_length(10, np.full(10, 0.1)) == 10


def test_a_duration_needs_durations():
    with pytest.raises(UsageError, match="durations"):
        parse_budget("1h").prefix_length(4, None)


@given(st.text(max_size=12))
def test_any_text_is_a_budget_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert parse_budget(text).amount > 0
