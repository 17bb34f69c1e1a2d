"""Runs and models in processes of their own."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from PIL import Image
from processes import clean_environment

from egoclean import jobs, workers
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.atomic import is_temporary
from egoclean.store.project import Project
from egoclean.store.runs import RunState, read_run

SIZE = (160, 120)


@pytest.fixture(autouse=True)
def children(monkeypatch):
    for name, value in clean_environment().items():
        monkeypatch.setenv(name, value)


def wait_until(true, limit_s=240):
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def session_of(pid):
    """Return the processes of the session that ``pid`` leads."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text(errors="replace").rpartition(")")[2].split()[3]) == pid:
                found.append(int(path.parent.name))
    return found


@pytest.mark.timeout(900)
def test_a_run_is_started_watched_stopped_and_taken_up_again(tmp_path, make_video):
    for name in ("one", "two"):
        make_video(tmp_path / "footage" / f"{name}.mp4", 240, SIZE)
    project = Project(tmp_path / "project")
    arguments = [str(tmp_path / "footage"), "--until", "rectify"]
    run_id = jobs.start_run(project, arguments)
    folder = project.runs / run_id
    run = read_run(folder)
    assert run.run_id == run_id
    assert run.pid != os.getpid()
    wait_until(lambda: (folder / "stages.json").exists() or read_run(folder).state is not RunState.RUNNING)
    session = session_of(run.pid)
    assert jobs.stop_run(read_run(folder))
    wait_until(lambda: read_run(folder).state is not RunState.RUNNING)
    assert read_run(folder).state is RunState.INTERRUPTED, read_run(folder).log.read_text()
    wait_until(lambda: not any(is_alive(pid) for pid in session))
    assert not jobs.stop_run(read_run(folder)), "what has ended is not stopped again"
    wait_until(lambda: "interrupted; run the same command again" in read_run(folder).log.read_text())
    again = project.runs / jobs.start_run(project, arguments)
    wait_until(lambda: read_run(again).state is not RunState.RUNNING)
    assert read_run(again).state is RunState.DONE, read_run(again).log.read_text()
    assert Library(project).entry("footage/two.mp4", "rectify").path("view.mp4").is_file()
    assert not [path for path in tmp_path.rglob("*") if is_temporary(path.name)]


def test_a_run_that_cannot_start_says_why_in_its_log(tmp_path):
    project = Project(tmp_path / "project")
    run_id = jobs.start_run(project, [str(tmp_path / "nowhere")])
    folder = project.runs / run_id
    wait_until(lambda: read_run(folder).state is not RunState.RUNNING)
    assert read_run(folder).state is RunState.FAILED
    assert "nowhere" in read_run(folder).message
    wait_until(lambda: "nowhere" in read_run(folder).log.read_text())


@pytest.mark.timeout(900)
def test_panels_come_from_another_process_that_stays(demo_project):
    library = Library(demo_project)
    clip_id = library.windows()["clip_id"][0]
    path = workers.request_panel(demo_project, clip_id, 0)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100
    worker = workers._panel_workers[demo_project.root]
    pid = worker._process.pid
    assert pid != os.getpid()
    written = path.stat().st_mtime_ns
    assert workers.request_panel(demo_project, clip_id, 0) == path
    assert path.stat().st_mtime_ns == written, "a panel is drawn once"
    with pytest.raises(EgocleanError, match="has no window 9999"):
        workers.request_panel(demo_project, clip_id, 9999)
    with pytest.raises(EgocleanError, match="nobody"):
        workers.request_panel(demo_project, "nobody", 0)
    assert worker._process.pid == pid
    worker._process.kill()
    worker._process.wait()
    assert workers.request_panel(demo_project, clip_id, 1).is_file()
    assert worker._process.pid != pid
    for stream in (worker._process.stdin, worker._process.stdout):
        stream.close()
    assert worker._process.wait(60) == 0, "it leaves when nobody can ask any more"
