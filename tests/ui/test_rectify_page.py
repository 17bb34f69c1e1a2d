"""The rectify page: another field of view on a live still, and its way into the project's settings."""

import shutil

import pytest

from egoclean.store.project import Project
from egoclean.ui import rectify_trial


def metric(app, label):
    return next(item.value for item in app.metric if item.label == label)


def widget(items, label):
    return next(item for item in items if item.label == label)


def cache_files(project):
    return sorted(str(path) for path in project.cache_root().rglob("*"))


@pytest.fixture
def first(library):
    clip_id = next(clip.clip_id for clip in library.clips() if clip.facts["rectified"])
    return clip_id, library.entry(clip_id, "rectify").json("rectification.json")


def test_a_rectified_clip_opens_with_its_own_settings_and_no_command(first, open_page):
    app = open_page("rectify")
    assert not app.exception
    assert widget(app.slider, "Field of view across, degrees").value == pytest.approx(first[1]["hfov_deg"])
    assert not app.code
    assert len(app.get("plotly_chart")) == 1


def test_another_field_of_view_is_drawn_measured_and_applied(project, library, first, open_page):
    app = open_page("rectify")
    before = cache_files(project)
    widget(app.slider, "Field of view across, degrees").set_value(80.0).run()
    assert not app.exception
    assert not app.error
    assert metric(app, "Field of view across") == "80.0°"
    assert float(metric(app, "Source pixels kept").rstrip(" %")) < 100 * first[1]["source_kept"]
    assert app.code[0].value.endswith("--hfov 80 --projection pinhole")
    assert cache_files(project) == before
    widget(app.button, "Use for the project").click().run()
    assert not app.exception
    config = project.settings().rectify
    assert (config.hfov_deg, config.projection) == (80.0, "pinhole")
    assert project.sources() == Project(project.root).sources()
    assert "80.0° across" in next(item.value for item in app.info)


def test_a_cylinder_starts_at_its_own_default(first, open_page):
    app = open_page("rectify")
    app.get("button_group")[0].set_value("cylindrical").run()
    assert not app.exception
    assert widget(app.slider, "Field of view across, degrees").value > first[1]["hfov_deg"]
    assert "--projection cylindrical" in app.code[0].value


def test_a_recording_that_is_gone_is_said_and_the_kept_pictures_stay(project, library, first, open_page, monkeypatch):
    record = library.clip(first[0])
    gone = record.source.location.path
    monkeypatch.setattr(rectify_trial, "_planes", lambda *_: _missing(gone))
    app = open_page("rectify")
    widget(app.slider, "Field of view across, degrees").set_value(80.0).run()
    assert not app.exception
    assert "cannot be opened" in app.error[0].value
    assert metric(app, "Field of view across") == f"{first[1]['hfov_deg']:.1f}°"


def test_a_real_clip_without_calibration_says_so_in_one_sentence(open_page, clips_folder, tmp_path, monkeypatch):
    from egoclean.pipeline import run

    shutil.copy(clips_folder / "people_340x256_28fps_10s.mp4", tmp_path / "people.mp4")
    own = Project(tmp_path / "own" / "project")
    monkeypatch.setenv("EGOCLEAN_PROJECT", str(own.root))
    sources = [str(tmp_path / "people.mp4")]
    run(
        own,
        own.settings(),
        sources,
        until="rectify",
        workers=1,
        on_discovered=lambda: own.save(sources, own.settings()),
    )
    app = open_page("rectify")
    assert not app.exception
    assert len(app.info) == 1
    assert app.info[0].value.startswith("Not rectified: There is no calibration")
    assert not app.slider


def _missing(path):
    from egoclean.errors import MediaError

    raise MediaError(f"{path} cannot be opened.", code="missing")
