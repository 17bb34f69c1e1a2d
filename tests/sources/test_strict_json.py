from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.sources.strict_json import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_strict_values_come_back(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN"),
        ("[-Infinity]", "-Infinity"),
        ('{"a": 1e999}', "1e999"),
        ('{"a": 1, "a": 2}', "'a' stands in it twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ', "not valid JSON"),
        ("", "not valid JSON"),
        (b"\xff\xfe{", "UTF"),
    ],
)
def test_what_json_loads_would_let_through_is_refused_with_a_reason(text, reason):
    with pytest.raises(ValueError, match="it ") as caught:
        parse_json(text)
    assert reason in str(caught.value)


@given(st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        parse_json(data)
