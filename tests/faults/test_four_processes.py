"""Two dashboards and two command lines at work on one project for a moment; the minute in browsers is in bench/."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from egoclean.library import Library
from egoclean.store.project import Project

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("four_processes", BENCH / "four_processes.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def own_project(request, tmp_path):
    """A copy of the finished demo (or of the project EGOCLEAN_TEST_PROJECT names) to write into."""
    stated = os.environ.get("EGOCLEAN_TEST_PROJECT")
    demo_project = Project(Path(stated)) if stated else request.getfixturevalue("demo_project")
    cache = tmp_path / "cache"
    cache.mkdir()
    shutil.copytree(demo_project.root, tmp_path / "project")
    copy = Project(tmp_path / "project")
    for path in demo_project.cache_root().iterdir():
        if path.name not in ("catalogs", "tables", "locks", "partial", "quarantine", "select"):
            (cache / path.name).symlink_to(path, target_is_directory=path.is_dir())
    shutil.copytree(demo_project.cache_root() / "select", cache / "select")
    copy.catalog_file().parent.mkdir()
    shutil.copyfile(demo_project.catalog_file(), copy.catalog_file())
    shutil.copytree(demo_project.tables(), copy.tables())
    return copy


@pytest.mark.fault
def test_four_at_work_lose_and_double_nothing(bench, own_project, tmp_path):
    before = [(step.clip_id, step.verb, step.key) for step in Library(own_project).steps() if step.clip_id]
    logs = tmp_path / "logs"
    logs.mkdir()
    options = {"changes": [("--budget", "40%"), ("--until", "structure")], "verbs": ("export",)}
    results = bench.at_work(own_project, logs, 2.0, 3, browser=False, **options)
    assert results["Ann"]["notes"]
    assert results["Ben"]["notes"]
    assert bench.work_faults(own_project, logs, results) == []
    after = [(step.clip_id, step.verb, step.key) for step in Library(own_project).steps() if step.clip_id]
    assert after == before
