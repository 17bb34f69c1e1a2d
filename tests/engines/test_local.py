"""Isolation: whatever a task does to its process, the others come back."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers_local import behave, parent_of_sleepers

from egoclean.engines.local import Task, run_tasks
from egoclean.errors import MediaError
from egoclean.store.atomic import process_alive


def run(kinds, workers=2, **options):
    tasks = [Task(f"{number}-{kind}", (kind, number)) for number, kind in enumerate(kinds)]
    return {result.key: result for result in run_tasks(behave, tasks, workers, **options)}


def test_results_come_back_by_key():
    results = run(["square"] * 7, with_progress=True)
    assert {key: result.value for key, result in results.items()} == {f"{n}-square": n * n for n in range(7)}
    assert all(result.error is None for result in results.values())


@pytest.mark.fault
def test_every_kind_of_failure_costs_one_task():
    kinds = ["square", "abort", "media", "hang", "bug", "exit", "hungry", "unpicklable", "chatty", "square"]
    results = run(kinds, timeout_s=1.5, memory_bytes=4 << 30, with_progress=True)
    codes = {key.split("-")[1]: result.error and result.error.code for key, result in results.items()}
    assert len(results) == len(kinds)
    assert codes == {
        "square": None,
        "abort": "crashed",
        "media": "truncated",
        "hang": "timeout",
        "bug": "bug",
        "exit": "crashed",
        "hungry": "out_of_memory",
        "unpicklable": "bug",
        "chatty": "timeout",
    }
    assert results["9-square"].value == 81
    assert "SIGABRT" in results["1-abort"].error.message
    assert results["2-media"].error.time_s == 1.5
    assert isinstance(results["2-media"].exception, MediaError)
    assert "Traceback" in results["4-bug"].details


def test_workers_stay_for_many_tasks():
    pids = {result.value for result in run(["pid"] * 6, workers=1).values()}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_progress_reaches_the_parent():
    seen = []
    run(["steps"], on_progress=lambda key, done, total: seen.append((key, done, total)), with_progress=True)
    assert seen == [("0-steps", 1, 3), ("0-steps", 2, 3), ("0-steps", 3, 3)]


@pytest.mark.fault
def test_leaving_early_ends_the_workers():
    pids = []
    tasks = [Task("a", ("pid",)), Task("b", ("hang",))]
    for result in run_tasks(behave, tasks, 2):
        pids.append(result.value)
        break
    assert not process_alive(pids[0])
    assert not multiprocessing.active_children()


@pytest.mark.fault
def test_workers_die_with_a_killed_parent(tmp_path):
    pid_file = tmp_path / "pids"
    parent = multiprocessing.get_context("spawn").Process(target=parent_of_sleepers, args=(pid_file,))
    parent.start()
    deadline = time.monotonic() + 60
    while (not pid_file.exists() or pid_file.read_text().count("\n") < 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(line) for line in pid_file.read_text().split()]
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    while any(process_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2
    assert not any(process_alive(pid) for pid in pids)


def test_no_tasks_start_no_process():
    assert list(run_tasks(behave, [], 4)) == []


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        list(run_tasks(behave, [Task("a")], 0))
    with pytest.raises(ValueError, match="same key"):
        list(run_tasks(behave, [Task("a"), Task("a")], 1))


def test_a_script_without_a_guard_is_not_run_again_by_its_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import helpers_local\n"
        "from egoclean.engines.local import Task, run_tasks\n"
        "print('script runs')\n"
        "print([result.value for result in run_tasks(helpers_local.behave, [Task('a', ('square', 9))])])\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["script runs", "[81]"]
