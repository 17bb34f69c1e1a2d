import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.config import VERB_CONFIGS, VERB_VERSIONS, build_config, keyed_values, value_type
from egoclean.errors import EgocleanError, UsageError

FIELDS = [(kind, item) for kind in VERB_CONFIGS.values() for item in dataclasses.fields(kind)]
JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)


@pytest.mark.parametrize(("kind", "item"), FIELDS, ids=lambda value: getattr(value, "name", value.__class__.__name__))
def test_every_field_has_help_and_a_default_inside_its_limits(kind, item):
    assert item.metadata["help"].endswith(".") or item.metadata["help"]
    built = build_config(kind, {item.name: item.default}, "here")
    assert getattr(built, item.name) == item.default


@pytest.mark.parametrize("kind", VERB_CONFIGS.values(), ids=lambda kind: kind.__name__)
def test_a_config_is_frozen_and_its_defaults_are_the_class_defaults(kind):
    assert build_config(kind, {}, "here") == kind()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), dataclasses.fields(kind)[0].name, None)


@pytest.mark.parametrize(("kind", "item"), FIELDS, ids=lambda value: getattr(value, "name", value.__class__.__name__))
def test_a_value_past_a_limit_is_refused_with_the_limits(kind, item):
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    wanted, _ = value_type(typing.get_type_hints(kind)[item.name])
    for value in ([] if low is None else [low - 1]) + ([] if high is None else [high + 1]):
        with pytest.raises(UsageError, match=f"here: {item.name} must be from"):
            build_config(kind, {item.name: wanted(value)}, "here")
    for value in (low, high):
        if value is not None:
            assert getattr(build_config(kind, {item.name: wanted(value)}, "here"), item.name) == value


@given(field=st.sampled_from(FIELDS), value=JSON)
def test_any_value_is_taken_or_refused_in_a_sentence(field, value):
    kind, item = field
    refusal, built = None, None
    try:
        built = build_config(kind, {item.name: value}, "project.toml")
    except EgocleanError as error:
        refusal = str(error)
    assert item.name in refusal if built is None else getattr(built, item.name) == value


def test_an_integer_serves_where_a_float_is_wanted_and_gives_the_same_key():
    kind = VERB_CONFIGS["score"]
    assert isinstance(build_config(kind, {"stride_s": 1}, "here").stride_s, float)
    assert keyed_values(build_config(kind, {"stride_s": 1}, "here")) == keyed_values(kind())


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"here: unknown option 'maks'. Known options: .*masks") as raised:
        build_config(VERB_CONFIGS["score"], {"maks": 1}, "here")
    assert raised.value.exit_status == 2


def test_one_grid_serves_both_models():
    score, embed = VERB_CONFIGS["score"](), VERB_CONFIGS["embed"]()
    assert (score.window_frames, score.stride_s) == (embed.window_frames, embed.stride_s)


def test_every_verb_has_a_version():
    assert set(VERB_VERSIONS) == set(VERB_CONFIGS)
    assert min(VERB_VERSIONS.values()) >= 1
