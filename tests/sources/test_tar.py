from __future__ import annotations

import io
import json
import tarfile

import pytest

from egoclean.records import Severity
from egoclean.sources.tar import read_tar_file

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def write_tar(path, members, tar_format=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w", format=tar_format) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("tar_format", FORMATS.values(), ids=FORMATS)
def test_a_member_is_read_in_place_and_equals_what_extraction_gives(tmp_path, tar_format):
    long_name = f"{'long' * 20 if tar_format == tarfile.USTAR_FORMAT else 'long' * 40}.mp4"
    members = [("a.json", b'{"fps": 30.0}'), ("a.mp4", b"video a" * 1000), (long_name, b"b" * 513), ("c.MKV", b"")]
    path = write_tar(tmp_path / "x.tar", members, tar_format)
    index = read_tar_file(path)
    raw = path.read_bytes()
    found = {
        member.name: raw[member.offset_bytes : member.offset_bytes + member.size_bytes] for member in index.members
    }
    assert found == {name: data for name, data in members if not name.endswith(".json")}
    assert index.notes == ()


def test_the_json_beside_a_video_is_carried(tmp_path):
    members = [("a.mp4", b"1"), ("a.json", json.dumps({"factory_id": "factory_002", "fps": 30.0}).encode())]
    (member,) = read_tar_file(write_tar(tmp_path / "x.tar", members)).members
    assert member.carried == {"factory_id": "factory_002", "fps": 30.0}
    assert member.problems == ()


@pytest.mark.parametrize(
    "sidecar", [b"{", b"[1]", b'{"a": NaN}', b"x" * (1 << 21)], ids=["torn", "list", "nan", "huge"]
)
def test_a_malformed_json_beside_a_video_is_a_warning(tmp_path, sidecar):
    (member,) = read_tar_file(write_tar(tmp_path / "x.tar", [("a.mp4", b"1"), ("a.json", sidecar)])).members
    assert member.carried == {}
    assert [problem.code for problem in member.problems] == ["bad_sidecar"]
    assert member.problems[0].severity is Severity.WARNING


def test_an_empty_archive_has_no_members(tmp_path):
    assert read_tar_file(write_tar(tmp_path / "x.tar", [])).members == ()


def test_members_keep_the_order_of_the_archive(tmp_path):
    members = [(f"{name}.mp4", b"1") for name in "cab"]
    assert [m.name for m in read_tar_file(write_tar(tmp_path / "x.tar", members)).members] == [
        "c.mp4",
        "a.mp4",
        "b.mp4",
    ]


def test_a_leading_dot_slash_is_no_part_of_a_name(tmp_path):
    members = [("./a.mp4", b"1"), ("./sub/b.mp4", b"2")]
    assert [m.name for m in read_tar_file(write_tar(tmp_path / "x.tar", members)).members] == ["a.mp4", "sub/b.mp4"]
