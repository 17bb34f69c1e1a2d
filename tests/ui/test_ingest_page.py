"""The ingest page: what a source holds, how long it will take and from which rate, and the start."""

import shutil

import pytest

from egoclean import jobs
from egoclean.store.project import Settings
from egoclean.ui.look import look


def metric(app, label):
    return next(item.value for item in app.metric if item.label == label)


def widget(items, label):
    return next(item for item in items if item.label == label)


def look_first(app, source):
    app.text_input[0].set_value(str(source))
    return widget(app.button, "Look first").click().run()


def test_looking_says_how_much_how_long_and_where_the_rates_are_from(project, open_page, monkeypatch, demo_source):
    started = []
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: started.append(list(arguments)))
    monkeypatch.setenv("EGOCLEAN_ROOTS", str(demo_source))
    monkeypatch.setattr("egoclean.ui.estimate.FEWEST", dict.fromkeys(("clips", "megapixels", "windows"), 0.01))
    app = look_first(open_page("ingest"), demo_source / "clips.jsonl")
    assert not app.exception
    assert metric(app, "Clips") == "1"
    assert metric(app, "Size").endswith("kB")
    table = next(item.value for item in app.dataframe if "takes" in item.value)
    assert list(table["step"]) == ["ingest", "rectify", "score and embed", "structure"]
    assert all(origin.startswith("this project's run") for origin in table["origin"])
    assert not started
    widget(app.button, "Start on this").click().run()
    assert started == [[str(demo_source / "clips.jsonl")]]


def test_without_runs_the_rates_are_stated_ones(empty_project, open_page, monkeypatch, demo_source):
    monkeypatch.setenv("EGOCLEAN_ROOTS", str(demo_source))
    app = look_first(open_page("ingest"), demo_source / "clips.jsonl")
    assert not app.exception
    table = next(item.value for item in app.dataframe if "takes" in item.value)
    assert set(table["origin"]) == {"stated: two idle cores, no GPU"}
    assert not empty_project.root.exists()


def test_videos_are_counted_in_hours_bytes_and_calibrations(make_video, tmp_path):
    for name, frames in (("a", 60), ("b", 120)):
        make_video(tmp_path / f"{name}.mp4", frames=frames)
    found = look(str(tmp_path), Settings())
    assert (found.clips, found.videos, found.calibrated, found.sampled) == (2, 2, 0, 2)
    assert found.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert found.footage.duration_s == pytest.approx(6.0, abs=0.1)
    assert found.footage.windows == 2
    assert look(str(tmp_path), Settings(), clips=1).clips == 1


def test_of_many_videos_some_are_opened_and_the_rest_taken_by_bytes(make_video, tmp_path, monkeypatch):
    make_video(tmp_path / "0.mp4", frames=60)
    for number in range(1, 9):
        shutil.copy(tmp_path / "0.mp4", tmp_path / f"{number}.mp4")
    monkeypatch.setattr("egoclean.ui.look.SAMPLED_CLIPS", 3)
    found = look(str(tmp_path), Settings())
    assert found.sampled == 3
    assert found.footage.duration_s == pytest.approx(18.0, rel=0.05)
    assert found.footage.clips == 9


def test_a_folder_of_damaged_videos_is_taken_by_its_bytes(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 45_000)
    found = look(str(tmp_path), Settings())
    assert found.sampled == 0
    assert found.footage.duration_s == pytest.approx(360_000 * 8 / 3.6e6)
