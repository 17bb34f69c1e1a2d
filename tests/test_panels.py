"""The resident model worker's side: what it answers, in this process with a model that answers at once."""

import io
import json

import pytest
from PIL import Image
from pipeline_tools import Scorer, run, work_here, write_frames, write_lines

from egoclean import panels
from egoclean.errors import UsageError
from egoclean.library import Library
from egoclean.store.project import Project, Settings

CLIP = "footage/one.mp4"


@pytest.fixture
def library(tmp_path, make_video, monkeypatch):
    work_here(monkeypatch)
    make_video(tmp_path / "footage" / "one.mp4", 100, (96, 64))
    manifest = write_lines(tmp_path / "clips.jsonl", write_frames(tmp_path))
    run(tmp_path / "project", tmp_path / "footage", manifest)
    project = Project(tmp_path / "project")
    project.save([], Settings())
    return Library(project)


def test_a_panel_is_drawn_once_for_videos_and_for_frames(library, monkeypatch):
    for row in library.clips():
        path = panels.make_panel(library, row.clip_id, 1)
        with Image.open(path) as picture:
            assert picture.format == "PNG"
        monkeypatch.setattr(Scorer, "reconstruct", None)
        assert panels.make_panel(library, row.clip_id, 1) == path
        monkeypatch.undo()
        work_here(monkeypatch)
    assert panels.make_panel(library, CLIP, 1, 3) != panels.make_panel(library, CLIP, 1)


@pytest.mark.parametrize(("number", "words"), [(99, "has no window 99"), (-1, "has no window -1")])
def test_a_window_that_is_not_there_is_named(library, number, words):
    with pytest.raises(UsageError, match=words):
        panels.make_panel(library, CLIP, number)


def test_requests_and_answers_are_lines(library, monkeypatch):
    requests = [
        {"clip_id": CLIP, "window": 0, "frame": None},
        {"clip_id": "nobody", "window": 0, "frame": None},
        {"clip_id": CLIP, "window": 9, "frame": None},
    ]
    answers = io.StringIO()
    monkeypatch.setattr("sys.argv", ["panels", str(library.project.root)])
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(json.dumps(item) + "\n" for item in requests)))
    monkeypatch.setattr("sys.stdout", answers)
    monkeypatch.setattr(panels.select, "select", lambda *arguments: ([True], [], []))
    panels.main()
    first, second, third = (json.loads(line) for line in answers.getvalue().splitlines())
    assert first["path"].endswith(".png")
    assert "nobody has not been scored" in second["error"]
    assert "has no window 9" in third["error"]
