"""A finished project that a test may write into, and the dashboard run on it without a browser."""

import json
import os
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from project_copies import writable_copy
from streamlit.testing.v1 import AppTest

from egoclean.library import Library
from egoclean.store.project import Project

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (REPOSITORY / "pages").glob("*.py"))


@pytest.fixture(scope="session")
def finished_project(request):
    """The finished demo; EGOCLEAN_TEST_PROJECT names another finished project, which saves the time to make it."""
    stated = os.environ.get("EGOCLEAN_TEST_PROJECT")
    return Project(Path(stated)) if stated else request.getfixturevalue("demo_project")


@pytest.fixture
def project(finished_project, tmp_path, monkeypatch):
    """A finished project of this test's own; the dashboard shows it."""
    copy = writable_copy(finished_project, tmp_path / "copy")
    monkeypatch.setenv("EGOCLEAN_PROJECT", str(copy.root))
    return copy


@pytest.fixture
def library(project):
    return Library(project)


@pytest.fixture
def empty_project(tmp_path, monkeypatch):
    """A project that has not been made yet; the dashboard shows it."""
    monkeypatch.setenv("EGOCLEAN_PROJECT", str(tmp_path / "none" / "project"))
    return Project(tmp_path / "none" / "project")


@pytest.fixture
def open_page():
    """Return ``open_page(name)``: the dashboard on one page, run once."""
    st.cache_resource.clear()
    st.cache_data.clear()

    def show(name: str) -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60).run()
        return app if name == "overview" else app.switch_page(f"pages/{name}.py").run()

    return show


@pytest.fixture
def demo_source(tmp_path):
    """A folder with one frame manifest: a source that is listed in no time."""
    folder = tmp_path / "frames"
    folder.mkdir()
    names = [f"{index:02d}.jpg" for index in range(16)]
    for name in names:
        Image.new("RGB", (32, 32)).save(folder / name)
    (folder / "clips.jsonl").write_text(json.dumps({"frame_paths": names, "scene": "s"}) + "\n", encoding="utf-8")
    return folder
