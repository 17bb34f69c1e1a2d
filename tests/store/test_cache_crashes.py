import sys

import numpy as np
import pytest
from store_machine import Machine, SimulatedCrash

from egoclean.config import RectifyConfig
from egoclean.store import atomic
from egoclean.store.atomic import is_temporary, write_json, write_text
from egoclean.store.cache import Cache, save_array
from egoclean.store.keys import entry_key
from egoclean.store.lines import append_line, read_lines

KEY = entry_key("rectify", inputs=["a"], config=RectifyConfig())
VALUES = np.arange(5.0)
MOST = 200


def put(root):
    cache = Cache(root)
    with cache.lock(KEY), cache.building(KEY) as folder:
        save_array(folder / "values.npy", VALUES)
        write_json(folder / "report.json", {"rectified": True})
        cache.publish(KEY, folder, {"rows": 5}, recorded={"seconds": 1.0})
    cache.drop_partial(KEY)


def is_whole(entry):
    return (
        entry.details == {"rows": 5}
        and np.array_equal(entry.array("values.npy"), VALUES)
        and entry.json("report.json") == {"rectified": True}
    )


def crashed(monkeypatch, work, stops_at, *, power=False):
    """Run ``work`` on a machine that dies before its operation ``stops_at``; return whether it died."""
    with monkeypatch.context() as patch:
        machine = Machine(patch, stops_at)
        try:
            work()
        except SimulatedCrash:
            pass
        else:
            return False
    if power:
        machine.lose_power()
    return True


@pytest.mark.parametrize("power", [False, True], ids=["crash", "power cut"])
def test_an_entry_is_whole_or_absent_whenever_the_process_dies(tmp_path, monkeypatch, caplog, power):
    monkeypatch.setattr(atomic, "process_alive", lambda pid: False)
    seen = []
    for stops_at in range(1, MOST):
        root = tmp_path / str(stops_at)
        if not crashed(monkeypatch, lambda root=root: put(root), stops_at, power=power):
            break
        entry = Cache(root).get(KEY)
        assert entry is None or is_whole(entry)
        assert not (root / "quarantine").exists(), "an interrupted write is absent, not damaged"
        seen.append(entry is not None)
        put(root)
        assert is_whole(Cache(root).get(KEY))
        Cache(root).sweep()
        assert not [path for path in root.rglob("*") if is_temporary(path.name)]
    assert stops_at > 15
    assert set(seen) == {False, True}, "the crash came before and after the entry was there"
    assert not caplog.records


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to know which file is flushed")
def test_a_file_is_the_old_or_the_new_one_whenever_the_power_goes(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    texts = set()
    for stops_at in range(1, MOST):
        write_text(path, "old")
        if not crashed(monkeypatch, lambda: write_text(path, "new"), stops_at, power=True):
            break
        texts.add(path.read_text(encoding="utf-8"))
    assert texts == {"old", "new"}


def test_a_journal_loses_at_most_the_line_nobody_was_told_of(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    append_line(path, '{"n": 1}')
    for stops_at in range(1, MOST):
        if not crashed(monkeypatch, lambda: append_line(path, '{"n": 2}'), stops_at):
            break
        assert set(read_lines(path)) <= {b'{"n": 1}', b'{"n": 2}'}
        assert read_lines(path)[0] == b'{"n": 1}'
    assert stops_at > 1
