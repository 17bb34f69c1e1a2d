import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.store.lines import append_line, read_lines

TEXTS = st.lists(st.text(max_size=12), max_size=6)


def dump(value):
    return json.dumps({"note": value}, ensure_ascii=False)


def values(path):
    return [json.loads(line)["note"] for line in read_lines(path)]


@given(notes=TEXTS)
def test_what_is_appended_is_read_back(notes, tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "new" / "journal.jsonl"
    for note in notes:
        append_line(path, dump(note))
    assert values(path) == notes


@pytest.mark.parametrize("note", ["a\u2028b", "a\u2029b", "a\x85b", "a\nb", "a\rb", "a\x1cb", "\x0b"])
def test_only_a_line_feed_ends_a_line(tmp_path, note):
    append_line(tmp_path / "journal.jsonl", dump(note))
    append_line(tmp_path / "journal.jsonl", dump("after"))
    assert values(tmp_path / "journal.jsonl") == [note, "after"]


def test_a_line_cut_at_any_byte_is_left_out_and_the_next_one_is_whole(tmp_path):
    path = tmp_path / "journal.jsonl"
    append_line(path, dump("first"))
    append_line(path, dump("sécond"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        is_whole = cut == len(whole) - 1
        expected = ["first", "sécond"] if is_whole else ["first"]
        assert values(path) == expected
        append_line(path, dump("third"))
        assert values(path) == [*expected, "third"]


def test_a_last_line_that_an_editor_left_without_its_end_counts(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(dump("by hand"), encoding="utf-8")
    assert values(path) == ["by hand"]
    append_line(path, dump("next"))
    assert values(path) == ["by hand", "next"]


def test_no_file_has_no_lines(tmp_path):
    assert read_lines(tmp_path / "none.jsonl") == ()


def test_a_write_that_the_disk_cuts_short_is_finished(tmp_path, monkeypatch):
    import os

    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    append_line(tmp_path / "journal.jsonl", dump("long enough"))
    monkeypatch.undo()
    assert values(tmp_path / "journal.jsonl") == ["long enough"]
