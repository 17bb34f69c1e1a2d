"""Paths a person types: below the readable roots or refused, with one sentence for missing and forbidden."""

import os

import pytest

from egoclean.errors import UsageError
from egoclean.ui.project import current_project, readable_roots, resolve_source

UNSAFE = [
    "/etc/passwd", "../..", "..", "/", "", " ", "\\\\host\\share", "//host/share", "footage/../../outside", "link-out",
    "name\x00.mp4", "C:\\Windows", "~root/.ssh", "file:///etc/passwd", "a" * 5000,
]  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "root"
    (folder / "with space").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (folder / "link-out").symlink_to(tmp_path / "outside")
    monkeypatch.setenv("EGOCLEAN_ROOTS", str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("text", UNSAFE)
def test_unsafe_names_are_refused(text, root):
    with pytest.raises(UsageError):
        resolve_source(text)


def test_missing_and_forbidden_sound_alike(root, tmp_path):
    sentences = set()
    for name in ("outside", "not-there"):
        with pytest.raises(UsageError) as caught:
            resolve_source(str(tmp_path / name))
        sentences.add(str(caught.value).replace(name, "NAME"))
    assert len(sentences) == 1


def test_what_lies_below_a_root_is_made_absolute(root):
    assert resolve_source("with space") == str(root / "with space")
    assert resolve_source(f"  {root} ") == str(root)


@pytest.mark.parametrize("text", ["hub:builddotai/Egocentric-10K", "hub:a/b.c_d-1"])
def test_hub_names_pass(text, root):
    assert resolve_source(text) == text


@pytest.mark.parametrize(
    "text", ["hub:", "hub:one", "hub:a/b/c", "hub:../x", "hub:a/..", "hub:a/b c", "hub:a/--flag\n"]
)
def test_other_hub_names_are_refused(text, root):
    with pytest.raises(UsageError):
        resolve_source(text)


def test_roots_never_include_the_whole_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("EGOCLEAN_PROJECT", "/project")
    monkeypatch.setenv("HOME", "/")
    monkeypatch.chdir("/")
    assert all(len(root.parts) > 1 for root in readable_roots())
    monkeypatch.setenv("EGOCLEAN_ROOTS", os.pathsep.join([str(tmp_path), ""]))
    assert readable_roots() == (tmp_path.resolve(),)


def test_the_project_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EGOCLEAN_PROJECT", str(tmp_path / "p"))
    assert current_project().root == tmp_path / "p"
