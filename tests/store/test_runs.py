import json
import subprocess
import sys

import pytest

from egoclean.store.runs import RunRecorder, RunState, StageProgress, list_runs, read_events, read_run


def test_a_run_is_read_back_while_it_works_and_after(tmp_path):
    recorder = RunRecorder(tmp_path, ["run", "a"], "first")
    assert read_run(recorder.folder).state is RunState.RUNNING
    recorder.stage("score", 0, 10, "windows")
    recorder.stage("score", 10, 10, "windows", fast=True)
    recorder.event("clip", clip_id="a\u2028b", status="done")
    recorder.finish(RunState.DONE_WITH_REJECTIONS, "2 clips.")
    run = read_run(recorder.folder)
    assert (run.run_id, run.command, run.state, run.message) == (
        "first",
        ("run", "a"),
        RunState.DONE_WITH_REJECTIONS,
        "2 clips.",
    )
    (stage,) = run.stages
    assert (stage.verb, stage.done, stage.total, stage.unit, stage.state) == ("score", 10, 10, "windows", "done")
    assert stage.details == {"fast": True}
    (event,) = read_events(recorder.folder)
    assert (event["kind"], event["clip_id"]) == ("clip", "a\u2028b")


def change(recorder, **values):
    path = recorder.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_run_whose_process_is_gone_is_lost(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    recorder = RunRecorder(tmp_path, ["run"])
    change(recorder, pid=child.pid)
    assert read_run(recorder.folder).state is RunState.LOST
    recorder.finish(RunState.DONE, "")
    assert read_run(recorder.folder).state is RunState.DONE, "how a run said it ended stands"


def test_a_process_that_took_over_the_number_of_a_dead_one_is_not_the_run(tmp_path):
    recorder = RunRecorder(tmp_path, ["run"])
    assert read_run(recorder.folder).state is RunState.RUNNING
    change(recorder, process_started="another time")
    assert read_run(recorder.folder).state is RunState.LOST
    change(recorder, process_started=None)
    assert read_run(recorder.folder).state is RunState.RUNNING, "where the start is not known the id must do"


def test_runs_are_listed_newest_first_and_strangers_passed_over(tmp_path, monkeypatch):
    times = iter((10.0, 10.5, 30.0, 30.5, 20.0, 20.5))
    monkeypatch.setattr("egoclean.store.runs.time.time", lambda: next(times))
    for name in ("a", "c", "b"):
        RunRecorder(tmp_path, [], name)
    (tmp_path / "starting").mkdir()
    (tmp_path / "starting" / "log.txt").touch()
    (tmp_path / "file").touch()
    assert [run.run_id for run in list_runs(tmp_path)] == ["c", "b", "a"]
    assert list_runs(tmp_path / "none") == ()


def test_a_torn_event_is_left_out(tmp_path):
    recorder = RunRecorder(tmp_path, [])
    recorder.event("note", text="whole")
    with (recorder.folder / "events.jsonl").open("ab") as stream:
        stream.write(b'{"kind": "no')
    assert [event["text"] for event in read_events(recorder.folder)] == ["whole"]
    recorder.event("note", text="next")
    assert [event["text"] for event in read_events(recorder.folder)] == ["whole", "next"]
    assert read_events(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("done", "seconds", "rate", "left"), [(0, 0.0, None, None), (5, 0.0, None, None), (5, 10.0, 0.5, 10.0)]
)
def test_rate_and_time_left(done, seconds, rate, left):
    stage = StageProgress("score", done, 10, "windows", seconds, "running")
    assert (stage.rate, stage.seconds_left) == (rate, left)


def test_a_run_that_can_be_found_can_be_read(tmp_path, monkeypatch):
    """``run.json`` is written last: who waits for it finds the rest."""
    from egoclean.store import runs

    written = []
    monkeypatch.setattr(runs, "write_json", lambda path, value: written.append(path.name))
    RunRecorder(tmp_path, [])
    assert written == ["state.json", "run.json"]
