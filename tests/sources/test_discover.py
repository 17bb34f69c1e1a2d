from __future__ import annotations

import io
import os
import socket
import tarfile

import pytest

from egoclean.config import IngestConfig
from egoclean.errors import SourceError
from egoclean.records import ClipKind, MediaLocation, Severity
from egoclean.sources.discover import discover
from egoclean.sources.discovery import source_bytes


def add(root, path, data=b"video"):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def add_tar(root, path, members):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target


def ids(found):
    return [clip.clip_id for clip in found.clips]


@pytest.fixture
def egocentric(tmp_path):
    """The layout of Egocentric-10K with two factories, the variant of Egocentric-100K, and loose videos."""
    root = tmp_path / "ego"
    for factory, worker in ((1, 1), (1, 2), (2, 1)):
        folder = f"factory_{factory:03d}/workers/worker_{worker:03d}"
        add(root, f"{folder}/intrinsics.json", b"{}")
        stem = f"factory{factory:03d}_worker{worker:03d}"
        members = {}
        for index in range(2):
            members[f"{stem}_{index:05d}.mp4"] = f"{stem} {index}".encode()
            members[f"{stem}_{index:05d}.json"] = b'{"fps": 30.0}'
        add_tar(root, f"{folder}/{stem}_part00.tar", members)
    add_tar(root, "factory003/worker004/part000.tar", {"clip.mp4": b"other layout"})
    return root


def test_the_layout_of_egocentric_10k_and_100k(egocentric):
    found = discover(str(egocentric))
    prefix = "ego/factory_001/workers/worker_001/factory001_worker001_part00.tar"
    assert ids(found)[1:3] == [f"{prefix}#factory001_worker001_00000.mp4", f"{prefix}#factory001_worker001_00001.mp4"]
    assert len(found.clips) == 7
    assert found.notes == ()
    last, first = found.clips[:2]
    assert (first.factory, first.worker, first.kind) == ("factory_001", "worker_001", ClipKind.VIDEO)
    assert first.carried == {"fps": 30.0}
    assert first.intrinsics_path == str(egocentric / "factory_001/workers/worker_001/intrinsics.json")
    assert (last.factory, last.worker, last.intrinsics_path) == ("factory_003", "worker_004", None)
    location = first.location
    raw = (egocentric / "factory_001/workers/worker_001/factory001_worker001_part00.tar").read_bytes()
    assert raw[location.offset_bytes :][: location.size_bytes] == b"factory001_worker001 0"


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (IngestConfig(factory="1"), 4),
        (IngestConfig(factory="factory_001", worker="2"), 2),
        (IngestConfig(worker="001"), 4),
        (IngestConfig(clips=3), 3),
        (IngestConfig(factory="1", worker="1", clips=1), 1),
        (IngestConfig(match="*_00001.mp4"), 3),
    ],
)
def test_filters_take_a_prefix_of_what_matches(egocentric, config, count):
    assert len(discover(str(egocentric), config).clips) == count


def test_a_filter_that_matches_nothing_says_so(egocentric):
    with pytest.raises(SourceError, match="holds no clip of factory 1"):
        discover(str(add(egocentric.parent, "other/a.mp4").parent), IngestConfig(factory="1"))


def test_a_worker_folder_alone_keeps_its_ids(egocentric):
    found = discover(str(egocentric / "factory003/worker004"))
    assert ids(found) == ["worker004/part000.tar#clip.mp4"]
    assert (found.clips[0].factory, found.clips[0].worker) == ("factory_003", "worker_004")


def test_a_folder_of_videos_in_the_order_of_paths(tmp_path):
    for path in ("b.MP4", "a/z.mkv", "a/b.webm", "c.mov", "d.avi", "e.m4v", "notes.txt", "a/list.jsonl"):
        add(tmp_path, f"v/{path}")
    found = discover(str(tmp_path / "v"))
    assert ids(found) == ["v/a/b.webm", "v/a/z.mkv", "v/b.MP4", "v/c.mov", "v/d.avi", "v/e.m4v"]
    assert found.clips[0].location == MediaLocation(str(tmp_path / "v/a/b.webm"))
    assert ids(discover(str(tmp_path / "v") + "/")) == ids(found)


def test_the_nearest_intrinsics_win_and_none_is_taken_from_above_the_source(tmp_path):
    add(tmp_path, "intrinsics.json", b"{}")
    add(tmp_path, "v/deep/down/a.mp4")
    add(tmp_path, "v/deep/intrinsics.json", b"{}")
    add(tmp_path, "v/b.mp4")
    first, second = discover(str(tmp_path / "v")).clips
    assert second.intrinsics_path == str(tmp_path / "v/deep/intrinsics.json")
    assert first.intrinsics_path is None


def test_a_single_video_and_a_single_tar(tmp_path):
    path = add(tmp_path, "a b.mp4")
    add(tmp_path, "a b.json", b'{"note": 1}')
    add(tmp_path, "intrinsics.json", b"{}")
    (clip,) = discover(str(path)).clips
    assert (clip.clip_id, clip.source_uri) == ("a b.mp4", str(path))
    assert clip.intrinsics_path == str(tmp_path / "intrinsics.json")
    assert clip.carried == {"note": 1}
    tar = add_tar(tmp_path, "x.tar", {"sub/m.mp4": b"1"})
    assert ids(discover(str(tar))) == ["x.tar#sub/m.mp4"]
    assert discover(str(tar)).clips[0].source_uri == f"{tar}#sub/m.mp4"


def test_hidden_files_are_counted_and_links_out_are_named(tmp_path):
    add(tmp_path, "outside/secret.mp4")
    root = tmp_path / "v"
    add(root, "a.mp4")
    add(root, "._a.mp4")
    add(root, ".cache/b.mp4")
    (root / "link.mp4").symlink_to(tmp_path / "outside" / "secret.mp4")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "again.mp4").symlink_to("a.mp4")
    (root / "broken.mp4").symlink_to("nothing.mp4")
    found = discover(str(root))
    assert ids(found) == ["v/a.mp4", "v/again.mp4"]
    messages = "\n".join(note.message for note in found.notes)
    assert "2 hidden files or folders" in messages
    assert "link.mp4 is a link that leads out of" in messages
    assert "folder is a link to a folder" in messages
    assert "broken.mp4 is not a plain file" in messages
    assert all(note.severity is Severity.NOTE for note in found.notes)


def test_a_folder_called_like_a_video_and_a_socket_are_no_videos(tmp_path):
    add(tmp_path, "v/clip.mp4/real.mp4")
    short = tmp_path / "v" / "s.mp4"
    listener = socket.socket(socket.AF_UNIX)
    os.mkfifo(short)
    listener.close()
    found = discover(str(tmp_path / "v"))
    assert ids(found) == ["v/clip.mp4/real.mp4"]
    assert sorted(note.code for note in found.notes) == ["not_a_file", "not_a_file"]


@pytest.mark.parametrize(
    "name",
    [
        "spaces in it.mp4",
        "new\nline.mp4",
        "emoji 🎥.mp4",
        ";$(touch x).mp4",
        "<img src=x onerror=1>.mp4",
        "[a](javascript:1).mp4",
        "=1+1.mp4",
        "é" * 125 + ".mp4",
    ],
)
def test_any_name_works(tmp_path, name):
    add(tmp_path, f"v/{name}")
    assert ids(discover(str(tmp_path / "v"))) == [f"v/{name}"]


def test_a_name_that_is_no_text_is_rejected_by_name(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "ok.mp4").write_bytes(b"1")
    (tmp_path / "v" / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"1")
    found = discover(str(tmp_path / "v"))
    assert ids(found) == ["v/ok.mp4"]
    (note,) = found.notes
    assert (note.code, note.severity) == ("file_name", Severity.REJECTION)
    assert "bad\\xff.mp4" in note.message


@pytest.mark.parametrize("name", ["missing", "missing.mp4", "a\0b.mp4", ""])
def test_a_missing_source_is_one_sentence(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError) as caught:
        discover(name)
    assert "hub:OWNER/NAME" in caught.value.hint


def test_a_file_of_no_known_kind_and_an_empty_folder(tmp_path):
    with pytest.raises(SourceError, match="no kind"):
        discover(str(add(tmp_path, "a.txt")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no clip"):
        discover(str(tmp_path / "empty"))


def test_a_folder_with_manifests_alone_says_how_to_read_them(tmp_path):
    add(tmp_path, "v/lists/clips.jsonl")
    with pytest.raises(SourceError, match=r"name one as a source: lists/clips"):
        discover(str(tmp_path / "v"))


def test_a_relative_source_and_its_absolute_name_give_the_same_clips(egocentric, monkeypatch):
    monkeypatch.chdir(egocentric)
    assert discover(".").clips == discover(str(egocentric)).clips


def test_the_bytes_of_a_clip_are_known_before_it_is_read(egocentric, tmp_path):
    sizes = {source_bytes(clip) for clip in discover(str(egocentric)).clips}
    assert sizes == {len(b"factory001_worker001 0"), len(b"other layout")}
    (clip,) = discover(str(add(tmp_path, "a.mp4", b"12345"))).clips
    assert source_bytes(clip) == 5
    (tmp_path / "a.mp4").unlink()
    assert source_bytes(clip) == 0


def test_the_licence_is_written_to_each_clip(egocentric):
    assert {clip.licence for clip in discover(str(egocentric), IngestConfig(licence="Apache-2.0")).clips} == {
        "Apache-2.0"
    }
