from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.sources import strict_json
from egoclean.sources.strict_json import iterate_objects, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        parse_json(data)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=2), max_size=4),
    indent=st.sampled_from([None, 0, 2]),
)
def test_objects_of_a_list_come_one_by_one_whatever_the_size_of_a_piece(tmp_path_factory, rows, indent):
    path = tmp_path_factory.mktemp("j") / "rows.json"
    path.write_text(json.dumps(rows, indent=indent), encoding="utf-8")
    for characters in (7, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strict_json, "_CHUNK_CHARACTERS", characters)
            assert list(iterate_objects(path)) == rows


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}, ", '[{"a": 1}', '[{"a": NaN}]', "[" * 9999, "[{} {"])
def test_what_is_no_list_of_objects_is_refused(tmp_path, text):
    (tmp_path / "rows.json").write_text(text)
    with pytest.raises(ValueError, match="it "):
        list(iterate_objects(tmp_path / "rows.json"))
