import contextlib
import os
import time

import pytest
from test_cache import key_of, put

from egoclean.errors import CacheError
from egoclean.store.cache import Cache
from egoclean.store.catalog import Catalog, ClipRow, StepRow, StepStatus
from egoclean.store.clean import YOUNG_S, cache_use, clean_cache
from egoclean.store.project import Project
from egoclean.store.turns import cleaning_turn, run_turn


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def record(cache, name, *keys):
    catalog = Catalog(cache.root / "catalogs" / f"{name}.sqlite")
    catalog.replace_clips([ClipRow(key.key, {}) for key in keys])
    catalog.record([StepRow(key.key, "rectify", key.key, StepStatus.DONE) for key in keys])


def old(entry):
    then = time.time() - 2 * YOUNG_S
    os.utime(entry.folder, (then, then))
    return entry


def test_what_any_catalog_names_stays_and_the_rest_goes(cache):
    one, two, three, pointed, young = (key_of(name) for name in "abcde")
    entries = [old(put(cache, key)) for key in (one, two, three, pointed)]
    put(cache, young)
    record(cache, "mine", one)
    record(cache, "theirs", two)
    use = cache_use(cache.root, {pointed.key})
    assert use.unneeded == (entries[2].folder,)
    assert (use.rooms["rectify"].entries, use.rooms["rectify"].unneeded_entries) == (5, 1)
    stored = sum(path.stat().st_size for path in entries[2].folder.iterdir())
    assert use.unneeded_bytes == stored
    before = cache.size_bytes()
    assert clean_cache(cache.root, {pointed.key}).unneeded == use.unneeded
    assert before - cache.size_bytes() == stored
    assert [cache.get(key) is not None for key in (one, two, three, pointed, young)] == [True, True, False, True, True]
    assert cache_use(cache.root, {pointed.key}).unneeded == ()


def test_footage_and_begun_work_stay_and_damaged_entries_go(cache):
    entry = put(cache)
    entry.path("values.npy").write_bytes(b"damaged")
    assert Cache(cache.root).get(key_of("a")) is None
    kept = [cache.root / "raw" / "a.mp4", cache.root / "demo" / "b.mp4", cache.partial_folder(key_of("c")) / "0.npy"]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
    clean_cache(cache.root)
    assert all(path.is_file() for path in kept)
    assert not list((cache.root / "quarantine").iterdir())


def test_a_linked_folder_of_another_cache_is_left_alone(cache, tmp_path):
    other = Cache(tmp_path / "other")
    entry = old(put(other))
    (cache.root / "rectify").symlink_to(other.root / "rectify", target_is_directory=True)
    assert clean_cache(cache.root).unneeded == ()
    assert entry.path("values.npy").is_file()


def test_nothing_is_cleaned_while_a_run_of_any_project_is_at_work(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("EGOCLEAN_CACHE", str(cache.root))
    entry = old(put(cache))
    with run_turn(Project(tmp_path / "project"), lambda: None), pytest.raises(CacheError, match="at work: run"):
        clean_cache(cache.root)
    assert entry.path("values.npy").is_file()
    clean_cache(cache.root)
    assert not entry.folder.exists()


def test_runs_of_a_project_take_turns_and_two_cleanings_do_not_meet(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("EGOCLEAN_CACHE", str(cache.root))
    project, waited = Project(tmp_path / "project"), []

    class StoppedWaiting(Exception):
        pass

    def stop():
        waited.append(True)
        raise StoppedWaiting

    with run_turn(project, stop), contextlib.suppress(StoppedWaiting), run_turn(project, stop):
        pytest.fail("two runs at once")
    assert waited
    with run_turn(project, stop):
        pass
    with run_turn(project, stop), run_turn(Project(tmp_path / "another"), stop):
        pass
    with cleaning_turn(cache.root), pytest.raises(CacheError, match="at work: clean"), cleaning_turn(cache.root):
        pytest.fail("two cleanings at once")


def test_a_catalog_that_cannot_be_read_keeps_everything(cache):
    entry = old(put(cache))
    (cache.root / "catalogs").mkdir()
    (cache.root / "catalogs" / "broken.sqlite").write_bytes(b"no database" * 400)
    with pytest.raises(CacheError, match="broken"):
        clean_cache(cache.root)
    assert entry.path("values.npy").is_file()
