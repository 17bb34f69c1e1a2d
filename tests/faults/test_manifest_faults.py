"""Frame manifests with bad lines: row 22 of the fault table. Each is left out by ``file:line``; the others go on."""

from __future__ import annotations

import json

import pytest

from egoclean.errors import SourceError
from egoclean.records import Severity
from egoclean.sources.discover import discover

pytestmark = pytest.mark.fault


@pytest.fixture
def images(tmp_path):
    for name in "abc":
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(16):
            (tmp_path / "data" / name / f"{index:02d}.jpg").write_bytes(b"image")
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    return tmp_path / "data"


def frames(name, count=16):
    return [f"{name}/{index:02d}.jpg" for index in range(count)]


GOOD = json.dumps({"frame_paths": frames("a"), "scene": "s"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps({"frame_paths": frames("b", 15)}), "must hold 16 paths, found 15"),
        (json.dumps({"frame_paths": [*frames("b"), "b/00.jpg"]}), "must hold 16 paths, found 17"),
        (json.dumps({"frame_paths": frames("gone")}), "'gone/00.jpg' does not exist"),
        (json.dumps({"frame_paths": [*frames("b")[:15], "b/99.jpg"]}), "'b/99.jpg' does not exist"),
        (json.dumps({"frame_paths": ["../outside.jpg", *frames("b")[1:]]}), "leads out of"),
        (json.dumps({"frame_paths": [*frames("b")[:15], "b/../../outside.jpg"]}), "leads out of"),
        (json.dumps({"frame_paths": [*frames("b")[:15], "b/\0.jpg"]}), "null character"),
        (json.dumps({"frame_paths": [*frames("b")[:15], 7]}), "list of paths"),
        (json.dumps({"frame_paths": [*frames("b")[:15], ""]}), "list of paths"),
        (json.dumps({"frame_paths": "b/00.jpg"}), "list of paths"),
        (json.dumps({"scene": "s"}), "neither frame_paths nor frames"),
        (json.dumps({"frame_paths": frames("b"), "scene": ["s"]}), "scene must be a text"),
        (json.dumps({"frame_paths": frames("b"), "camera": True}), "camera must be a text"),
        (json.dumps({"frame_paths": frames("b"), "timestamps_s": [0.0] * 15}), "list of 16 numbers"),
        (json.dumps({"frame_paths": frames("b"), "timestamps_us": ["0"] * 16}), "finite numbers"),
        (json.dumps({"frame_paths": frames("b"), "gain": float("nan")}), "NaN"),
        (json.dumps({"frame_paths": frames("b")})[:-1] + ', "x": 1e999}', "1e999"),
        (json.dumps({"frame_paths": frames("b")})[:-1] + ', "frame_paths": []}', "stands in it twice"),
        (json.dumps({"frame_paths": frames("b")})[:-40], "not valid JSON"),
        (GOOD, "repeats line 1"),
        (json.dumps({"frames": frames("a"), "scene_id": "s"}), "repeats line 1"),
        ("[1, 2]", "must be a JSON object"),
        ("[" * 50_000, "nested too deeply"),
        ("# a comment", "not valid JSON"),
    ],
)
def test_a_bad_line_is_left_out_by_file_and_line(images, line, reason):
    last = json.dumps({"frame_paths": frames("c"), "scene": "s"})
    (images / "m.jsonl").write_text(f"{GOOD}\n\n{line}\n{last}\n")
    found = discover(str(images / "m.jsonl"))
    assert [record.line for clip in found.clips for record in clip.frame_records] == [1, 4]
    (note,) = found.notes
    assert note.message.startswith("m.jsonl:3: ")
    assert reason in note.message
    assert (note.code, note.severity) == ("manifest_line", Severity.REJECTION)


def test_a_torn_last_line_is_left_out(images):
    (images / "m.jsonl").write_text(GOOD + "\n" + json.dumps({"frame_paths": frames("b")})[:50])
    found = discover(str(images / "m.jsonl"))
    assert len(found.clips[0].frame_records) == 1
    assert found.notes[0].message.startswith("m.jsonl:2: ")


def test_bytes_that_are_no_text_are_left_out(images):
    (images / "m.jsonl").write_bytes(GOOD.encode() + b"\n\xff\xfe\x00{\n")
    found = discover(str(images / "m.jsonl"))
    assert len(found.clips) == 1
    assert found.notes[0].message.startswith("m.jsonl:2: ")


def test_line_ends_of_another_system_are_read(images):
    (images / "m.jsonl").write_bytes(GOOD.encode() + b"\r\n\r\n")
    assert len(discover(str(images / "m.jsonl")).clips) == 1


@pytest.mark.parametrize("content", ["", "\n\n", "nothing\n", "{}\n"])
def test_a_manifest_without_a_usable_line_is_refused(images, content):
    (images / "m.jsonl").write_text(content)
    with pytest.raises(SourceError, match="holds no usable line") as caught:
        discover(str(images / "m.jsonl"))
    assert "frame_paths" in caught.value.hint


def test_a_missing_manifest_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        discover(str(tmp_path / "m.jsonl"))
