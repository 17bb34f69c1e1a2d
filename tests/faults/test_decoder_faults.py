"""A decoder that dies or hangs costs its clip, with the reason: row 15 of the fault table, through the command."""

import json
import os
import shutil

import pytest
from processes import REPOSITORY, run_egoclean

SIZE = (96, 64)
ENDS_BADLY = """
import os, time
from egoclean import stages
from egoclean.media import probe as module

real_probe, real_timeout_s = module.probe, stages._timeout_s

def probe(location):
    if location.path.endswith("crash.mp4"):
        os.abort()
    if location.path.endswith("hang.mp4"):
        time.sleep(600)
    if location.path.endswith("hungry.mp4"):
        bytearray(1 << 40)
    return real_probe(location)

def timeout_s(state, job):
    return 5.0 if job.clip.clip_id.endswith("hang.mp4") else real_timeout_s(state, job)

module.probe, stages._timeout_s = probe, timeout_s
"""


@pytest.mark.fault
def test_a_crash_a_hang_and_a_hunger_for_memory_cost_one_clip_each(tmp_path, make_video):
    good = make_video(tmp_path / "footage" / "good.mp4", 70, SIZE)
    for index, name in enumerate(("crash", "hang", "hungry", "other")):
        shutil.copy(good, good.with_name(f"{name}.mp4"))
        with good.with_name(f"{name}.mp4").open("ab") as file:
            file.write(b"\0\0\0\x09free" + bytes([index]))
    (tmp_path / "sitecustomize.py").write_text(ENDS_BADLY)
    arguments = ("run", tmp_path / "footage", "--project", tmp_path / "project", "--until", "rectify", "--workers", "2")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    done = run_egoclean(*arguments, check=3, PYTHONPATH=path)
    status = json.loads(run_egoclean("status", "--json", "--project", tmp_path / "project", check=0).stdout)
    steps = {clip["clip_id"]: clip["verbs"] for clip in status["clips"]}
    for name, words in (("crash", "SIGABRT"), ("hang", "longer than 5 s"), ("hungry", "memory")):
        ingest = steps[f"footage/{name}.mp4"]["ingest"]
        assert ingest["status"] == "rejected"
        assert words in ingest["reason"]
        assert f"rejected: footage/{name}.mp4: {ingest['reason']}" in done.stderr
        assert "rectify" not in steps[f"footage/{name}.mp4"]
    for name in ("good", "other"):
        assert {step["status"] for step in steps[f"footage/{name}.mp4"].values()} == {"done"}
    again = run_egoclean(*arguments, check=0)
    assert "6 steps done, 4 found finished" in again.stderr, "what ended a process is tried again"
