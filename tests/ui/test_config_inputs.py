"""Widgets made from the configuration classes."""

import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from egoclean.config import VERB_CONFIGS
from egoclean.ui.config_widgets import label_of


def every_field():
    import dataclasses

    import streamlit as st

    from egoclean.config import VERB_CONFIGS
    from egoclean.ui.config_widgets import config_inputs

    base = VERB_CONFIGS[st.session_state["verb"]]()
    st.session_state["made"] = config_inputs(base, [item.name for item in dataclasses.fields(base)], "all", columns=2)


def budget():
    import streamlit as st

    from egoclean.config import SelectConfig
    from egoclean.ui.config_widgets import budget_input

    st.session_state["made"] = budget_input(SelectConfig(budget=st.session_state["stated"]), 200, 1200.0, "b")


@pytest.mark.parametrize("verb", VERB_CONFIGS)
def test_untouched_widgets_give_the_defaults(verb):
    app = AppTest.from_function(every_field, default_timeout=60)
    app.session_state["verb"] = verb
    app.run()
    assert not app.exception
    made, default = app.session_state["made"], VERB_CONFIGS[verb]()
    blank = {item.name: getattr(made, item.name) or None for item in dataclasses.fields(made)}
    assert blank == {item.name: getattr(default, item.name) or None for item in dataclasses.fields(default)}


def test_a_changed_widget_changes_its_field():
    app = AppTest.from_function(every_field, default_timeout=60)
    app.session_state["verb"] = "select"
    app.run()
    next(item for item in app.selectbox if item.label == "Strategy").set_value("kcenter")
    next(item for item in app.number_input if item.label == "Seed").set_value(7)
    app.run()
    assert (app.session_state["made"].strategy, app.session_state["made"].seed) == ("kcenter", 7)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("12.5%", "12.5%"), ("50", "50"), ("3min", "3min"), ("90s", "1.5min"), ("2h", "20min"), ("900", "200")],
)
def test_the_budget_starts_in_the_unit_it_was_stated_in(stated, expected):
    app = AppTest.from_function(budget, default_timeout=60)
    app.session_state["stated"] = stated
    app.run()
    assert not app.exception
    assert app.session_state["made"] == expected


def test_labels_carry_units():
    assert label_of("stride_s") == "Stride, seconds"
    assert label_of("hfov_deg") == "Hfov, degrees"
    assert label_of("strategy") == "Strategy"
