from __future__ import annotations

import hashlib
import os

import pytest

from egoclean.errors import SourceError
from egoclean.records import ClipKind, FrameRecord, MediaLocation, SourceClip
from egoclean.sources import fingerprint
from egoclean.sources.fingerprint import fingerprint_clip, fingerprint_images, fingerprint_location


class Memo(dict):
    def get(self, key):
        return super().get(key)

    def put(self, key, digest):
        self[key] = digest


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(bytes(range(256)) * 9000)
    return target


def test_a_file_and_a_part_of_it(path):
    data = path.read_bytes()
    assert fingerprint_location(MediaLocation(str(path))) == hashlib.sha256(data).hexdigest()
    part = fingerprint_location(MediaLocation(str(path), 1000, 1_500_000))
    assert part == hashlib.sha256(data[1000:1_501_000]).hexdigest()


def test_a_remembered_file_is_not_read_and_a_changed_one_is(path, monkeypatch):
    memo = Memo()
    location = MediaLocation(str(path))
    first = fingerprint_location(location, memo)
    monkeypatch.setattr(fingerprint, "_digest", lambda *_: pytest.fail("read again"))
    assert fingerprint_location(location, memo) == first
    monkeypatch.undo()
    stat = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert fingerprint_location(location, memo) != first
    assert len(memo) == 2


def test_two_parts_of_one_file_are_remembered_apart(path):
    memo = Memo()
    parts = [fingerprint_location(MediaLocation(str(path), offset, 10), memo) for offset in (0, 1, 0)]
    assert parts[0] == parts[2] != parts[1]


def test_a_file_shorter_than_its_place_is_refused(path):
    with pytest.raises(SourceError, match="ends after 2304000 bytes, 2304010 expected"):
        fingerprint_location(MediaLocation(str(path), 2_304_000 - 90, 100))


def test_a_file_that_changes_while_it_is_read_is_refused(path):
    def grow(done, total):
        with path.open("ab") as stream:
            stream.write(b"more")

    with pytest.raises(SourceError, match="changed while it was read"):
        fingerprint_location(MediaLocation(str(path)), Memo(), grow)


def test_progress_reaches_the_end_and_may_cancel(path):
    calls = []
    fingerprint_location(MediaLocation(str(path)), None, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (2_304_000, 2_304_000)

    def cancel(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fingerprint_location(MediaLocation(str(path)), None, cancel)


def test_images_hash_as_the_list_of_their_digests(tmp_path):
    for name, data in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(data)
    a, b, c = (str(tmp_path / name) for name in "abc")
    one, two = (hashlib.sha256(data).hexdigest() for data in (b"1", b"2"))
    expected = hashlib.sha256(f"{one}\n{two}\n{one}\n".encode()).hexdigest()
    memo = Memo()
    assert fingerprint_images([a, b, a], memo) == expected
    assert fingerprint_images([a, b, c], memo) == expected
    assert fingerprint_images([b, a, a], memo) != expected
    assert fingerprint_images([a, b, a], memo) == expected
    assert len(memo) == 3


def test_a_clip_of_frames_and_one_that_is_not_here_yet(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    record = FrameRecord((str(tmp_path / "a"),) * 16, ("a",) * 16, None, 1)
    clip = SourceClip("x", ClipKind.FRAMES, "m", frame_records=(record, record))
    assert fingerprint_clip(clip) == fingerprint_images([str(tmp_path / "a")] * 32)
    with pytest.raises(SourceError, match="not fetched"):
        fingerprint_clip(SourceClip("x", ClipKind.VIDEO, "hub:a/b"))


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        fingerprint_location(MediaLocation(str(tmp_path / "gone")))
