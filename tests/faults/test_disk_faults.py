"""A disk that is full or cannot be written: one sentence, nothing half done, everything made before stays."""

import errno
import io
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pipeline_tools import manifest_of, run, work_here
from processes import clean_environment

from egoclean.config import RectifyConfig
from egoclean.errors import CacheError
from egoclean.store.atomic import is_temporary, write_bytes
from egoclean.store.cache import Cache, save_array
from egoclean.store.catalog import Catalog, ClipRow
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.store.keys import entry_key
from egoclean.store.project import Project, Settings

KEY = entry_key("rectify", inputs=["a"], config=RectifyConfig())
SMALL_BYTES = 20_000
RUN_BYTES = 70_000
"""Enough for a catalog, too little for the view of the clip."""

pytestmark = pytest.mark.fault


@pytest.fixture
def small_files():
    """No file of this process may grow above :data:`SMALL_BYTES`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def temporaries(folder):
    return [path for path in folder.rglob("*") if is_temporary(path.name)]


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path, small_files):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(CacheError, match=rf"No room left to write {path}.*Free some space"):
        write_bytes(path, b"x" * 2 * SMALL_BYTES)
    assert path.read_bytes() == b"old"
    assert temporaries(tmp_path) == []


def test_an_entry_that_does_not_fit_is_not_there(tmp_path, small_files):
    cache = Cache(tmp_path)

    def put(size):
        with cache.building(KEY) as folder:
            save_array(folder / "values.npy", np.zeros(size))
            cache.publish(KEY, folder, {})

    with pytest.raises(CacheError, match="No room left"):
        put(SMALL_BYTES)
    assert cache.get(KEY) is None
    assert temporaries(tmp_path) == []
    put(10)
    assert cache.get(KEY) is not None


def test_a_decision_that_does_not_fit_is_told_and_the_journal_stays_whole(tmp_path, small_files):
    journal = DecisionJournal(tmp_path / "decisions.jsonl")
    kept = journal.append(Decision("ab" * 32, 0, 1, "1/30", Verdict.KEEP))
    with pytest.raises(CacheError, match="No room left"):
        journal.append(Decision("ab" * 32, 1, 2, "1/30", Verdict.KEEP, note="x" * SMALL_BYTES))
    assert journal.read() == (kept,)
    after = journal.append(Decision("ab" * 32, 2, 3, "1/30", Verdict.REJECT))
    assert journal.read() == (kept, after)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, code):
    cache = Cache(tmp_path / "cache")

    def refused(*arguments, **options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", refused)
        with pytest.raises(CacheError) as raised, cache.building(KEY):
            pass
    assert str(tmp_path / "cache") in str(raised.value)
    assert raised.value.hint
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", refused)
        with pytest.raises(CacheError):
            write_bytes(tmp_path / "file", b"x")
    assert not (tmp_path / "file").exists()


def test_another_error_of_the_system_is_not_hidden(tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="Input/output"):
        write_bytes(tmp_path / "file", b"x")


def test_a_run_on_a_full_disk_fails_in_words_and_goes_on_when_there_is_room(tmp_path, make_video, monkeypatch):
    work_here(monkeypatch)
    make_video(tmp_path / "footage" / "one.mp4", 100, (640, 480))
    settings = Settings().changed("select", {"budget": "100%"})
    run(tmp_path / "whole" / "project", tmp_path / "footage", settings=settings)
    root = tmp_path / "project"
    run(root, tmp_path / "footage", settings=settings, until="ingest")
    entries = {path: path.read_bytes() for path in (tmp_path / "cache" / "ingest").rglob("*") if path.is_file()}
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({RUN_BYTES}, {RUN_BYTES}))\n"
        "sys.argv = ['egoclean', *sys.argv[1:]]\n"
        "from egoclean.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code, "run", str(tmp_path / "footage"), "--project", str(root)]
    done = subprocess.run([*command, "--until", "rectify"], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 1, done.stderr
    assert "No room left to write" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in entries} == entries, "what was made before stays"
    assert not list((tmp_path / "cache" / "rectify").glob("*/*"))
    summary, _ = run(root, tmp_path / "footage", settings=settings)
    assert summary.exit_status == 0
    assert len(manifest_of(root)) == len(manifest_of(tmp_path / "whole" / "project")) == 2


def test_a_catalog_on_a_full_disk_does_not_ask_to_be_deleted(tmp_path, small_files):
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with pytest.raises(CacheError, match="Free some space") as raised:
        catalog.replace_clips([ClipRow(str(number), {"text": "x" * 1000}) for number in range(100)])
    assert "Delete" not in str(raised.value)


def test_a_cache_that_vanishes_while_a_page_reads_is_no_error(tmp_path, make_video, monkeypatch):
    from egoclean.library import Library

    work_here(monkeypatch)
    make_video(tmp_path / "footage" / "one.mp4", 70, (96, 64))
    run(tmp_path / "project", tmp_path / "footage")
    library = Library(Project(tmp_path / "project"))
    windows = library.windows()
    for verb in ("embed", "select", "score"):
        shutil.rmtree(tmp_path / "cache" / verb)
    assert library.entry("footage/one.mp4", "score") is None
    assert library.selection() is None
    assert library.embeddings(windows).shape[0] == len(windows)
    shutil.rmtree(Path(library.cache.root) / "tables")
    assert library.windows().empty
