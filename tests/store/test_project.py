import dataclasses

import pytest
from test_keys import other_value

from egoclean.config import VERB_CONFIGS
from egoclean.errors import UsageError
from egoclean.store.project import Project, Settings, open_project

ALONE = "balance"
"""An option that excludes another."""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


def test_every_setting_makes_the_round_trip(project):
    values = {
        verb: kind(
            **{item.name: other_value(kind, item) for item in dataclasses.fields(kind) if item.name != "balance"}
        )
        for verb, kind in VERB_CONFIGS.items()
    }
    settings = Settings(**values)
    project.save(["/a", "hub:owner/name"], settings)
    assert Project(project.root).sources() == ("/a", "hub:owner/name")
    stored = Project(project.root).settings()
    for verb in VERB_CONFIGS:
        assert getattr(stored, verb) == getattr(settings, verb)


def test_only_what_differs_from_the_defaults_is_written(project):
    project.save(["/a"], Settings().changed("score", {"masks": 4}))
    text = project.file.read_text(encoding="utf-8")
    assert "masks = 4" in text
    assert "stride_s" not in text
    project.save(["/a"], Settings())
    assert "[score]" not in project.file.read_text(encoding="utf-8")


def test_what_a_person_wrote_beside_the_settings_stays(project):
    project.save(["/a"], Settings())
    project.file.write_text(
        project.file.read_text(encoding="utf-8") + '# mine\ncache = "elsewhere"\n', encoding="utf-8"
    )
    project.save(["/b"], Settings().changed("select", {"budget": "5"}))
    text = project.file.read_text(encoding="utf-8")
    assert "# mine" in text
    assert Project(project.root).cache_root() == project.root / "elsewhere"
    assert Project(project.root).settings().select.budget == "5"


def test_saving_the_same_again_touches_nothing(project):
    project.save(["/a"], Settings())
    before = project.file.stat()
    project.save(["/a"], Settings())
    assert project.file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[score]\nmaks = 3\n", r"project\.toml \[score\]: unknown option 'maks'"),
        ("[scores]\nmasks = 3\n", r"unknown entry 'scores'"),
        ("colour = 1\n", r"unknown entry 'colour'"),
        ("[score]\nmasks = 'two'\n", r"\[score\]: masks must be of type int, found 'two'"),
        ("[score]\nmasks = 0\n", r"masks must be from 1 to 14, found 0"),
        ("[score]\nmasks = true\n", r"masks must be of type int, found True"),
        ("[score]\nstride_s = nan\n", r"stride_s must be a finite number"),
        ("[score]\nmask = 'cube'\n", r"mask must be one of tube, random; found 'cube'"),
        ("score = 3\n", r"unknown entry 'score'"),
        ("[score\n", r"is not a TOML file"),
        ("layout = 99\n", r"has layout 99, this egoclean reads layout 1"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_file(project, text, words):
    project.root.mkdir()
    project.file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        project.settings()


@pytest.mark.parametrize("text", ["sources = 'a'\n", "sources = [1]\n"])
def test_sources_are_a_list_of_texts(project, text):
    project.root.mkdir()
    project.file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="sources must be a list of texts"):
        project.sources()


def test_a_project_that_is_no_text_is_refused(project):
    project.root.mkdir()
    project.file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not a TOML file"):
        project.settings()


def test_the_cache_lies_beside_the_project_unless_it_is_told_otherwise(project, monkeypatch, tmp_path):
    assert project.cache_root() == tmp_path / "cache"
    monkeypatch.setenv("EGOCLEAN_CACHE", str(tmp_path / "other"))
    assert project.cache_root() == tmp_path / "other"


def test_two_projects_on_one_cache_have_their_own_catalogs(tmp_path):
    one, other = Project(tmp_path / "a"), Project(tmp_path / "b")
    assert one.cache_root() == other.cache_root()
    assert one.catalog_file() != other.catalog_file()
    assert one.tables() != other.tables()


def test_a_folder_of_other_things_is_no_project(tmp_path):
    (tmp_path / "footage").mkdir()
    (tmp_path / "footage" / "clip.mp4").touch()
    with pytest.raises(UsageError, match=r"no project\.toml"):
        open_project(tmp_path / "footage")
    with pytest.raises(UsageError, match="is a file"):
        open_project(tmp_path / "footage" / "clip.mp4")
    assert not open_project(tmp_path / "new").exists
    (tmp_path / "empty" / "runs").mkdir(parents=True)
    assert not open_project(tmp_path / "empty").exists


@pytest.mark.parametrize(
    "values", [{"maks": 1}, {"masks": 0}, {"masks": "2"}, {"seed": -1}, {"stride_s": float("inf")}]
)
def test_a_changed_setting_is_checked(values):
    with pytest.raises(UsageError, match="the command line"):
        Settings().changed("score", values)


def test_two_who_change_a_project_at_once_both_find_their_change(project):
    project.update(lambda settings: settings.changed("score", {"masks": 3}), ["/a"])
    other = Project(project.root)

    def change(settings):
        return settings.changed("select", {"budget": "7"})

    other.update(lambda settings: settings.changed("score", {"masks": 5}), ["/b"])
    project.update(change, ["/a", "/c"])
    assert project.sources() == ("/a", "/b", "/c")
    assert (project.settings().score.masks, project.settings().select.budget) == (5, "7")
    assert open_project(project.root).exists
