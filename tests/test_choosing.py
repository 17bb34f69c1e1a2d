"""The resident process that chooses: its requests, what it keeps, and that a new one comes when it is gone."""

import dataclasses
import queue
import time
from collections import deque

import pytest
from project_copies import copy_without_selections

from egoclean import choosing, workers
from egoclean.config import SelectConfig
from egoclean.library import selection_of
from egoclean.verbs.select import Recutter, preview_selection, save_choice

CONFIG = SelectConfig(budget="3")


@pytest.fixture
def library(demo_project, tmp_path):
    copy = copy_without_selections(demo_project, tmp_path / "copy")
    yield copy
    workers.stop_choice(copy.project)


def choose(library, config):
    workers.start_choice(library.project, config)
    assert workers.choice(library.project).config == config
    deadline = time.monotonic() + 60
    while workers.choice(library.project).at_work and time.monotonic() < deadline:
        time.sleep(0.02)
    return workers.choice(library.project)


def process_of(library):
    return workers._choice_workers[library.project.root]._process


def test_one_process_chooses_again_and_again(library):
    assert workers.choice(library.project) is None
    workers.warm_choice(library.project, CONFIG)
    process = process_of(library)
    assert workers.choice(library.project) is None, "nothing was asked for yet"
    for budget in ("3", "5", "3"):
        config = dataclasses.replace(CONFIG, budget=budget)
        state = choose(library, config)
        assert (state.at_work, state.error) == (False, None)
        _, entry = Recutter(library).select_into_cache(config)
        assert len(selection_of(entry, config).chosen) == int(budget)
    workers.warm_choice(library.project, CONFIG)
    assert process_of(library) is process


def test_an_option_that_cannot_be_met_is_told_and_the_process_stays(library):
    state = choose(library, dataclasses.replace(CONFIG, signal="nothing"))
    process = process_of(library)
    assert "no signal 'nothing'" in state.error.message
    assert "Signals at hand" in state.error.hint
    assert choose(library, CONFIG).error is None
    assert process_of(library) is process


def test_a_process_that_ended_is_said_and_another_one_chooses(library):
    choose(library, CONFIG)
    process = process_of(library)
    process.kill()
    process.wait()
    workers._choice_workers[library.project.root]._reader.join(10)
    workers._choice_workers[library.project.root]._config = dataclasses.replace(CONFIG, budget="4")
    assert "ended with status -9" in workers.choice(library.project).error.message
    assert choose(library, dataclasses.replace(CONFIG, budget="4")).error is None
    assert process_of(library) is not process


def test_giving_up_ends_the_process(library):
    choose(library, CONFIG)
    process = process_of(library)
    workers.stop_choice(library.project)
    assert workers.choice(library.project) is None
    assert process.wait(30) != 0


def test_it_leaves_when_nobody_can_ask_any_more(library):
    choose(library, CONFIG)
    process = process_of(library)
    process.stdin.close()
    assert process.wait(30) == 0


def test_of_requests_that_wait_the_newest_counts():
    lines = queue.SimpleQueue()
    for line in ("first\n", "second\n", "third\n"):
        lines.put(line)
    assert choosing._newest(lines) == "third\n"
    assert lines.empty()


def test_without_a_request_it_ends(monkeypatch):
    monkeypatch.setattr(choosing, "IDLE_S", 0.01)
    assert choosing._newest(queue.SimpleQueue()) == ""


def test_the_last_choices_and_the_saved_one_stay_in_the_cache(library, monkeypatch):
    monkeypatch.setattr(choosing, "KEPT", 2)
    recutter, made, keys = Recutter(library), deque(), []
    for budget in ("1", "2", "3", "4", "1"):
        config = dataclasses.replace(CONFIG, budget=budget)
        choosing._answer(recutter, dataclasses.asdict(config), made)
        keys.append(recutter.select_into_cache(config)[0])
        if budget == "2":
            save_choice(library, keys[-1], config)
        choosing._forget_old(library, made)
    assert [library.cache.has(key) for key in keys[:4]] == [True, True, False, True]
    assert len(preview_selection(library, CONFIG).chosen) == 3
