"""A run killed at random moments and run again is as if nothing had happened; the long form is in bench/."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench" / "kill_and_resume.py"


@pytest.mark.fault
@pytest.mark.timeout(1200)
def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("kill_and_resume", BENCH)
    bench = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, bench)
    spec.loader.exec_module(bench)
    _, trials = bench.try_kills(1, 7, tmp_path)
    assert [trial for trial in trials if not trial.right] == []
    assert any(trial.moment != "ended first" for trial in trials)
