import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.config import VERB_CONFIGS, keyed_values, value_type
from egoclean.store.keys import canonical_json, digest, entry_key

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_the_order_of_a_dict_means_nothing(value):
    assert digest(value) == digest(dict(reversed(value.items())))


@given(VALUES, VALUES)
def test_equal_digests_mean_equal_json(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(one) == digest(other)) == same


@given(VALUES)
def test_canonical_json_reads_back(value):
    assert json.loads(canonical_json(value)) == value


def test_an_integer_is_not_its_float_nor_a_truth():
    assert len({digest({"x": value}) for value in (1, 1.0, True, "1")}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [-float("inf")]}])
def test_numbers_that_are_not_finite_have_no_key(value):
    with pytest.raises(ValueError, match="JSON"):
        digest(value)


def other_value(kind, item):
    """Return a value of the field's type, inside its limits, that is not its default."""
    if item.metadata["choices"]:
        return next(choice for choice in item.metadata["choices"] if choice != item.default)
    wanted, _ = value_type(typing.get_type_hints(kind)[item.name])
    if wanted is bool:
        return not item.default
    if wanted is str:
        return f"{item.default or ''}x"
    lowest = item.metadata["minimum"] or 0
    return wanted(lowest if item.default != lowest else lowest + 1)


FIELDS = [(verb, item.name) for verb, kind in VERB_CONFIGS.items() for item in dataclasses.fields(kind)]


@pytest.mark.parametrize(("verb", "name"), FIELDS)
def test_a_field_is_in_the_key_exactly_when_it_says_so(verb, name):
    config = VERB_CONFIGS[verb]()
    item = next(item for item in dataclasses.fields(config) if item.name == name)
    changed = dataclasses.replace(config, **{name: other_value(VERB_CONFIGS[verb], item)})
    before, after = (entry_key(verb, inputs=["a"], config=value).key for value in (config, changed))
    assert (before != after) == item.metadata["keyed"] == (name in keyed_values(config))


def test_verb_inputs_their_order_and_extra_are_in_the_key():
    config = VERB_CONFIGS["rectify"]()
    keys = {
        entry_key("rectify", inputs=["a", "b"], config=config).key,
        entry_key("rectify", inputs=["b", "a"], config=config).key,
        entry_key("rectify", inputs=["ab"], config=config).key,
        entry_key("rectify", inputs=["a", "b"], config=config, extra={"weights": "c"}).key,
        entry_key("structure", inputs=["a", "b"], config=config).key,
    }
    assert len(keys) == 5


def test_a_raised_version_gives_another_key(monkeypatch):
    before = entry_key("score", inputs=[], config=VERB_CONFIGS["score"]()).key
    monkeypatch.setattr("egoclean.store.keys.VERB_VERSIONS", {"score": 2})
    assert entry_key("score", inputs=[], config=VERB_CONFIGS["score"]()).key != before


def test_the_material_says_what_the_key_was_made_from():
    key = entry_key("score", inputs=["a"], config=VERB_CONFIGS["score"](), extra={"model": "m"})
    assert digest(key.material) == key.key
