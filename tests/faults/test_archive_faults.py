"""Archives that lie, are cut, or try to reach out: rows 19 to 21 of the fault table."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from egoclean.records import Severity
from egoclean.sources.discover import discover
from egoclean.sources.tar import ArchiveError, read_tar_file

pytestmark = pytest.mark.fault

GOOD = [("a.mp4", b"A" * 700), ("a.json", b"{}"), ("b.mp4", b"B" * 1500)]


def tar_bytes(members=GOOD, extra=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def special(name, type_, linkname=""):
    info = tarfile.TarInfo(name)
    info.type = type_
    info.linkname = linkname
    return info


def listing(folder):
    return sorted((path.relative_to(folder).as_posix(), path.lstat().st_size) for path in folder.rglob("*"))


def code_of(path):
    with pytest.raises(ArchiveError) as caught:
        read_tar_file(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (special("../evil.mp4", tarfile.REGTYPE), "outside"),
        (special("/tmp/evil.mp4", tarfile.REGTYPE), "outside"),
        (special("sub/../../evil.mp4", tarfile.REGTYPE), "outside"),
        (special("..\\evil.mp4", tarfile.REGTYPE), "outside"),
        (special("C:evil.mp4", tarfile.REGTYPE), "outside"),
        (special("new\nline.mp4", tarfile.REGTYPE), "not text"),
        (special("link.mp4", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (special("hard.mp4", tarfile.LNKTYPE, "a.mp4"), "link"),
        (special("device.mp4", tarfile.CHRTYPE), "plain file"),
        (special("pipe.mp4", tarfile.FIFOTYPE), "plain file"),
        (special("run.sh", tarfile.REGTYPE), "neither"),
    ],
)
def test_a_member_that_reaches_out_is_ignored_by_name_and_nothing_is_written(tmp_path, extra, reason):
    (tmp_path / "x.tar").write_bytes(tar_bytes(extra=[extra]))
    before = listing(tmp_path)
    found = discover(str(tmp_path / "x.tar"))
    assert [clip.clip_id for clip in found.clips] == ["x.tar#a.mp4", "x.tar#b.mp4"]
    (note,) = found.notes
    assert repr(extra.name) in note.message
    assert reason in note.message
    assert note.severity is Severity.NOTE
    assert listing(tmp_path) == before


@pytest.mark.parametrize("again", ["a.mp4", "A.MP4", "./a.mp4"])
def test_two_members_that_would_be_one_file_refuse_the_archive(tmp_path, again):
    path = tmp_path / "x.tar"
    path.write_bytes(tar_bytes([*GOOD, (again, b"other")]))
    assert code_of(path) == "archive_duplicate"


def test_an_archive_cut_anywhere_is_refused(tmp_path):
    whole = tar_bytes()
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        while archive.next():
            pass
        end = archive.offset
    path = tmp_path / "x.tar"
    boundaries = range(512, end + 1, 512)
    for size in [*boundaries, 600, 1000, end - 1, end + 100]:
        path.write_bytes(whole[:size])
        assert code_of(path) == "archive_truncated", size


@pytest.mark.parametrize("data", [b"", b"x", b"<html>503 Service Unavailable</html>", b"<html>" + b"x" * 5000])
def test_what_is_no_archive_is_refused(tmp_path, data):
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    assert code_of(path) == "not_an_archive"


def test_a_damaged_header_in_the_middle_is_not_an_end(tmp_path):
    whole = bytearray(tar_bytes([("a.mp4", b"A" * 512), ("b.mp4", b"B" * 512)]))
    whole[1024 + 3] ^= 0xFF
    path = tmp_path / "x.tar"
    path.write_bytes(whole)
    assert code_of(path) == "archive_truncated"


def test_a_compressed_archive_is_refused_without_unpacking_it(tmp_path):
    path = tmp_path / "bomb.tar"
    path.write_bytes(gzip.compress(bytes(200_000_000 // 10)))
    assert code_of(path) == "archive_compressed"
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(tar_bytes()))
    (tmp_path / "good.tar").write_bytes(tar_bytes())
    found = discover(str(tmp_path))
    assert [clip.clip_id.split("/")[1] for clip in found.clips] == ["good.tar#a.mp4", "good.tar#b.mp4"]
    assert [note.code for note in found.notes] == ["archive_compressed", "archive_compressed"]


@pytest.mark.parametrize("type_", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [1 << 40, -512])
def test_a_forged_header_cannot_ask_for_all_memory(tmp_path, type_, size):
    info = tarfile.TarInfo("forged")
    info.type = type_
    info.size = size
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + tar_bytes())
    assert code_of(path) in ("archive_too_large", "not_an_archive", "archive_truncated")


def test_a_negative_size_does_not_loop(tmp_path):
    info = tarfile.TarInfo("back.mp4")
    info.size = -1024
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + tar_bytes())
    assert code_of(path) == "not_an_archive"


def test_a_member_larger_than_its_archive_is_a_cut(tmp_path):
    info = tarfile.TarInfo("huge.mp4")
    info.size = 1 << 50
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert code_of(path) == "archive_truncated"


def test_a_refused_archive_is_listed_and_the_others_go_on(tmp_path):
    (tmp_path / "cut.tar").write_bytes(tar_bytes()[:1024])
    (tmp_path / "good.tar").write_bytes(tar_bytes())
    found = discover(str(tmp_path))
    assert len(found.clips) == 2
    (note,) = found.notes
    assert (note.code, note.severity) == ("archive_truncated", Severity.REJECTION)
    assert "cut.tar" in note.message


def test_flipped_bytes_never_raise_anything_else(tmp_path):
    whole = tar_bytes()
    path = tmp_path / "x.tar"
    for position in range(0, len(whole), 29):
        damaged = bytearray(whole)
        damaged[position] ^= 0x5A
        path.write_bytes(damaged)
        try:
            index = read_tar_file(path)
        except ArchiveError:
            continue
        assert all(member.offset_bytes + member.size_bytes <= len(whole) for member in index.members)
