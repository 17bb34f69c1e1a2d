import contextlib
import dataclasses
import sqlite3
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


def test_what_a_deleted_catalog_left_in_its_log_does_not_come_back(catalog):
    catalog.replace_clips([ClipRow("a", {})])
    with contextlib.closing(sqlite3.connect(catalog.path)) as reader:
        reader.execute("SELECT * FROM clips").fetchall()
        catalog.replace_clips([ClipRow("b", {})])
        log = catalog.path.with_name(catalog.path.name + "-wal")
        left = log.read_bytes()
    catalog.path.unlink()
    log.write_bytes(left)
    assert left
    catalog.set_fact("x", 1)
    assert (catalog.clips(), catalog.fact("x")) == ((), 1)


def test_an_empty_file_in_its_place_becomes_a_catalog(catalog):
    catalog.path.parent.mkdir()
    catalog.path.touch()
    catalog.set_fact("x", 1)
    assert catalog.fact("x") == 1


CHILD = """
import sys
from pathlib import Path
from egoclean.store.catalog import *
print("ready", flush=True)
sys.stdin.read()
for folder in range(20):
    catalog = Catalog(Path(sys.argv[1]) / str(folder) / "catalog.sqlite")
    for number in range(3):
        catalog.record([StepRow(sys.argv[2], f"verb{number}", "k", StepStatus.DONE)])
        assert catalog.step(sys.argv[2], f"verb{number}") is not None
"""


def test_several_processes_write_new_catalogs_at_once(tmp_path):
    with contextlib.ExitStack() as stack:
        command, pipes = (
            [sys.executable, "-c", CHILD, str(tmp_path)],
            {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE},
        )
        children = [
            stack.enter_context(subprocess.Popen([*command, name], env=clean_environment(), **pipes)) for name in "abc"
        ]
        assert [child.stdout.readline() for child in children] == [b"ready\n"] * 3
        for child in children:
            child.stdin.close()
    assert [child.returncode for child in children] == [0, 0, 0]
    assert [len(Catalog(path).steps()) for path in tmp_path.glob("*/catalog.sqlite")] == [9] * 20
