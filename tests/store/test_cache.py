import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from processes import clean_environment

from egoclean.config import RectifyConfig
from egoclean.errors import CacheError
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import digest, entry_key


def key_of(name):
    return entry_key("rectify", inputs=[name], config=RectifyConfig())


KEY = key_of("a")
VALUES = np.arange(7, dtype=np.float32)


def put(cache, key=KEY, values=VALUES, rejection=None):
    with cache.building(key) as folder:
        save_array(folder / "values.npy", values)
        return cache.publish(key, folder, {"count": len(values)}, rejection=rejection)


def damage(entry, kind):
    """Spoil an entry's files as disks, people and interrupted copies do."""
    data, about = entry.path("values.npy"), entry.path("entry.json")
    stored = json.loads(about.read_text(encoding="utf-8"))
    if kind == "truncated":
        data.write_bytes(data.read_bytes()[:-1])
    elif kind == "flipped":
        data.write_bytes(data.read_bytes()[:-1] + bytes([data.read_bytes()[-1] ^ 1]))
    elif kind == "deleted":
        data.unlink()
    elif kind == "replaced by a folder":
        data.unlink()
        data.mkdir()
    elif kind == "no entry.json":
        about.unlink()
    elif kind == "edited":
        stored["details"]["count"] = 6
        about.write_text(json.dumps(stored), encoding="utf-8")
    elif kind == "not a number":
        stored["details"]["count"] = float("nan")
        about.write_text(json.dumps(stored), encoding="utf-8")
    elif kind == "of another key":
        stored["key"] = "0" * 64
        stored.pop("digest")
        about.write_text(json.dumps({**stored, "digest": digest(stored)}), encoding="utf-8")
    else:
        about.write_bytes(
            {
                "torn": about.read_bytes()[:40],
                "empty": b"",
                "a list": b"[]",
                "deep": b"[" * 100_000,
                "binary": b"\xff\xfe\x00",
            }[kind]
        )


KINDS = (
    "truncated", "flipped", "deleted", "replaced by a folder", "no entry.json", "edited", "not a number",
    "of another key", "torn", "empty", "a list", "deep", "binary",
)  # fmt: skip


def test_an_entry_comes_back_as_it_was_put(tmp_path):
    made = put(Cache(tmp_path))
    found = Cache(tmp_path).get(KEY)
    assert found == made
    assert np.array_equal(found.array("values.npy"), VALUES)
    assert found.details == {"count": 7}
    assert found.material == KEY.material
    assert found.rejection is None
    assert not found.array("values.npy").flags.writeable


def test_a_rejection_is_kept_too(tmp_path):
    put(Cache(tmp_path), rejection={"code": "truncated", "message": "It is cut.", "time_s": 1.5})
    assert Cache(tmp_path).get(KEY).rejection == {"code": "truncated", "message": "It is cut.", "time_s": 1.5}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_entry_is_set_aside_with_one_warning_and_made_again(tmp_path, caplog, kind):
    damage(put(Cache(tmp_path)), kind)
    cache = Cache(tmp_path)
    assert cache.get(KEY) is None
    assert cache.get(KEY) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    (aside,) = (tmp_path / "quarantine").iterdir()
    assert (aside / "reason.txt").read_text(encoding="utf-8").strip()
    assert np.array_equal(put(cache).array("values.npy"), VALUES)
    assert len(caplog.records) == 1


def test_what_another_process_left_half_done_is_not_an_entry(tmp_path):
    cache = Cache(tmp_path)
    with contextlib.suppress(KeyboardInterrupt), cache.building(KEY) as folder:
        save_array(folder / "values.npy", VALUES)
        raise KeyboardInterrupt
    assert cache.get(KEY) is None
    assert not list(tmp_path.rglob("*.npy"))


def test_the_entry_that_stands_stays(tmp_path):
    first = put(Cache(tmp_path))
    inode = first.path("values.npy").stat().st_ino
    assert put(Cache(tmp_path)).path("values.npy").stat().st_ino == inode


@pytest.mark.parametrize(
    ("text", "words"),
    [('{"layout": 2}', "has layout 2"), ("{}", "has layout None"), ("torn", "not a cache layout"), ("[]", "not a")],
)
def test_an_unknown_layout_is_refused_and_left_alone(tmp_path, text, words):
    put(Cache(tmp_path))
    (tmp_path / "layout.json").write_text(text, encoding="utf-8")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(CacheError, match=words):
        Cache(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_cache_says_to_backup_programs_that_it_is_one(tmp_path):
    Cache(tmp_path)
    assert (tmp_path / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_the_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path):
    cache = Cache(tmp_path)
    entry = put(cache)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = f".x.{child.pid}.0123abcd.tmp"
    (tmp_path / "rectify" / "zz").mkdir()
    (tmp_path / "rectify" / "zz" / dead).mkdir()
    (tmp_path / "rectify" / "zz" / dead / "file").touch()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / f"{dead}.parquet").touch()
    with cache.building(key_of("b")) as mine:
        assert cache.sweep() == 2
        assert mine.is_dir()
    assert Cache(tmp_path).get(KEY) == entry


CHILD = """
import contextlib, sys, numpy as np
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_cache import KEY, put, VALUES
from egoclean.store.cache import Cache
for _ in range(int(sys.argv[3])):
    entry = put(Cache(Path(sys.argv[1])))
    assert np.array_equal(entry.array("values.npy"), VALUES)
"""


def test_without_locks_many_writers_and_readers_never_see_half_an_entry(tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent), "8"]
    environment = clean_environment()
    environment["PYTHONPATH"] += ":" + str(Path(__file__).parent.parent)
    children = [subprocess.Popen(command, env=environment) for _ in range(3)]
    seen = set()
    while any(child.poll() is None for child in children):
        entry = Cache(tmp_path).get(KEY)
        seen.add(entry is not None)
        assert entry is None or np.array_equal(entry.array("values.npy"), VALUES)
    assert [child.returncode for child in children] == [0, 0, 0]
    assert not (tmp_path / "quarantine").exists()
    assert True in seen


class CacheModel(RuleBasedStateMachine):
    """The cache against a dict, with damage and deletion in between."""

    names = st.sampled_from("abc")

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model = {}
        logging.getLogger("egoclean.store.cache").setLevel(logging.ERROR)

    @rule(name=names, size=st.integers(0, 4))
    def put(self, name, size):
        put(Cache(self.folder), key_of(name), np.arange(size))
        self.model.setdefault(name, size)

    @rule(name=names, kind=st.sampled_from(KINDS))
    def damage(self, name, kind):
        entry = Cache(self.folder).get(key_of(name))
        if entry is not None and self.model[name]:
            damage(entry, kind)
            del self.model[name]

    @rule(name=names)
    def forget(self, name):
        shutil.rmtree(Cache(self.folder)._folder("rectify", key_of(name).key), ignore_errors=True)
        self.model.pop(name, None)

    @rule()
    def sweep(self):
        Cache(self.folder).sweep()

    @invariant()
    def agrees(self):
        cache = Cache(self.folder)
        for name in "abc":
            entry = cache.get(key_of(name))
            assert (entry is None) == (name not in self.model)
            assert entry is None or entry.details["count"] == len(entry.array("values.npy")) == self.model[name]

    def teardown(self):
        shutil.rmtree(self.folder)
        logging.getLogger("egoclean.store.cache").setLevel(logging.NOTSET)


TestCacheModel = CacheModel.TestCase
TestCacheModel.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
