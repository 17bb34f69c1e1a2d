import dataclasses
import subprocess
import sys

import pytest
from processes import clean_environment

from egoclean.errors import CacheError
from egoclean.store.catalog import Catalog, ClipRow, StepRow, StepStatus


def step(clip_id, verb="score", status=StepStatus.DONE, reason="", **details):
    return StepRow(clip_id, verb, "k" * 64, status, reason, details)


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "new" / "catalog.sqlite")


def test_a_catalog_nobody_wrote_is_empty(catalog):
    assert not catalog.exists
    assert catalog.clips() == catalog.steps() == catalog.notes() == ()
    assert catalog.fact("x") is None
    assert catalog.record_of("a") is None
    assert catalog.step("a", "score") is None
    assert not catalog.path.exists(), "looking makes nothing"


def test_clips_come_back_in_source_order_with_their_facts(catalog):
    rows = [ClipRow(name, {"name": name, "ünïcode\u2028": [1, None]}, {"whole": name}) for name in "cab"]
    catalog.replace_clips(rows, ["one", "two"])
    assert [row.clip_id for row in catalog.clips()] == ["c", "a", "b"]
    assert catalog.clips()[0].facts == rows[0].facts
    assert catalog.record_of("a") == {"whole": "a"}
    assert catalog.notes() == ("one", "two")


def test_a_step_replaces_what_was_known_and_goes_with_its_clip(catalog):
    catalog.replace_clips([ClipRow("a", {}), ClipRow("b", {})])
    catalog.record([step("a", status=StepStatus.FAILED, reason="why"), step("b")])
    catalog.record([step("a", windows=3)])
    assert catalog.steps("a") == (step("a", windows=3),)
    assert catalog.step("b", "score") == step("b")
    assert catalog.step("b", "embed") is None
    catalog.replace_clips([ClipRow("b", {})])
    assert catalog.steps() == (step("b"),)


def test_steps_stand_in_the_order_of_the_clips(catalog):
    catalog.record([step(name) for name in "ab"])
    catalog.replace_clips([ClipRow(name, {}) for name in "ba"])
    assert [row.clip_id for row in catalog.steps()] == ["b", "a"]


def test_steps_without_details_and_the_first_done(catalog):
    catalog.record([step("a", status=StepStatus.FAILED, reason="why", windows=3), step("b", windows=4)])
    catalog.replace_clips([ClipRow(name, {}) for name in "ab"])
    bare = [dataclasses.replace(row, details={}) for row in catalog.steps()]
    assert list(catalog.bare_steps()) == bare
    assert catalog.first_done("score") == step("b", windows=4)
    assert catalog.first_done("embed") is None


def test_the_first_clip_that_a_verb_told_something_of(catalog):
    told = {"a": {"period_s": None}, "b": {"period_s": 3.5}, "c": {"period_s": 2.5}, "d": {}}
    catalog.record([step(name, **details) for name, details in told.items()])
    catalog.replace_clips([ClipRow(name, {}) for name in "adcb"])
    assert catalog.first_with("score", "period_s") == "c"
    assert catalog.first_with("score", "windows") is None
    assert catalog.first_with("embed", "period_s") is None
    catalog.record([step("c", status=StepStatus.FAILED, reason="why", period_s=2.5)])
    assert catalog.first_with("score", "period_s") == "b"


def test_facts_of_the_project(catalog):
    catalog.set_fact("x", {"deep": [1.5]})
    catalog.set_fact("x", 2)
    assert catalog.fact("x") == 2


def test_a_damaged_catalog_says_what_to_delete(catalog):
    catalog.replace_clips([ClipRow("a", {})])
    catalog.path.write_bytes(b"no database" * 200)
    with pytest.raises(CacheError, match=r"catalog\.sqlite cannot be used.*Delete this file"):
        catalog.clips()


def test_numbers_that_are_not_finite_are_refused(catalog):
    with pytest.raises(ValueError, match="JSON"):
        catalog.set_fact("x", float("nan"))


CHILD = """
import sys
from pathlib import Path
from egoclean.store.catalog import *
catalog = Catalog(Path(sys.argv[1]))
for number in range(20):
    catalog.record([StepRow(sys.argv[2], f"verb{number}", "k", StepStatus.DONE)])
    assert catalog.step(sys.argv[2], f"verb{number}") is not None
"""


def test_several_processes_write_a_new_catalog_at_once(catalog):
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(catalog.path), name], env=clean_environment())
        for name in "abc"
    ]
    while any(child.poll() is None for child in children):
        catalog.steps()
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(catalog.steps()) == 60
