"""A run in words."""

from egoclean.store.runs import RunRecorder, RunState, StageProgress, read_run
from egoclean.ui.runs_view import LOG_LINES, failures_table, log_tail, runs_table, stage_text


def test_a_stage_says_amount_rate_and_time_left():
    text = stage_text(
        StageProgress("score", 34, 60, "windows", 17.0, "running", {"device": "cpu", "waited_share": 0.25})
    )
    assert text == (
        "**score** · 34 of 60 windows · 2 windows/s · 13.0 s left · on cpu · 25 % of the time waiting for pictures"
    )
    slow = stage_text(StageProgress("structure", 2, 2, "clips", 25.0, "done"))
    assert slow == "**structure** · 2 of 2 clips · 12.5 s a clip · done in 25.0 s"
    assert stage_text(StageProgress("embed", 0, 5, "windows", 0.0, "running")) == "**embed** · 0 of 5 windows"


def test_failures_and_log_come_from_the_runs_folder(tmp_path):
    recorder = RunRecorder(tmp_path, ["run", "footage"])
    recorder.event("clip", verb="ingest", clip_id="a", status="rejected", reason="cut short")
    recorder.event("clip", verb="ingest", clip_id="b", status="done", reason="")
    run = read_run(recorder.folder)
    assert failures_table(run).to_dict("records") == [
        {"verb": "ingest", "clip_id": "a", "status": "rejected", "reason": "cut short"}
    ]
    assert log_tail(run) == ""
    run.log.write_text("\n".join(f"line {number}" for number in range(100)) + "\nhalf\rwhole\n", encoding="utf-8")
    lines = log_tail(run).splitlines()
    assert len(lines) == LOG_LINES
    assert lines[-1] == "whole"
    recorder.finish(RunState.DONE, "all well")
    assert runs_table([read_run(recorder.folder)])["message"].tolist() == ["all well"]
