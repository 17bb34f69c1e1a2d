from __future__ import annotations

import csv
import json
import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoclean.errors import SourceError, UsageError
from egoclean.exporters.manifest import COLUMNS, ManifestRow, SignalValue, read_manifest, write_manifest

FORMATS = ("jsonl", "csv", "parquet")
ROW = ManifestRow(
    clip_id="ego/factory_001/workers/worker_001/part00.tar#a.mp4",
    source_uri="/data/part00.tar#a.mp4",
    sha256="ab" * 32,
    start_s=2.0,
    stop_s=4.133333,
    start_pts=30720,
    stop_pts=63488,
    time_base="1/15360",
    factory="factory_001",
    worker="worker_001",
    signals={"score": SignalValue(0.91, 0.75, "videomae-small", "cd" * 32), "change": SignalValue(-0.5)},
    rank=0,
    gain=0.25,
    reason="far from what was chosen before",
    rectification={"model": "pinhole", "hfov_deg": 93.8, "valid_share": 1.0},
    licence="Apache-2.0",
    carried={"fps": 30.0, "video_index": 1, "codec": "h265"},
)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**62), 2**62)
values = st.recursive(
    st.none() | st.booleans() | whole | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
names = text.filter(lambda name: name and name not in COLUMNS)
rows = st.builds(
    ManifestRow,
    clip_id=text.filter(bool),
    source_uri=text.filter(bool),
    sha256=text.filter(bool),
    start_s=finite,
    stop_s=finite,
    start_pts=whole,
    stop_pts=whole,
    time_base=text.filter(bool),
    frame_paths=st.none() | st.lists(text, max_size=3).map(tuple),
    scene=st.none() | text.filter(bool),
    signals=st.dictionaries(text, st.builds(SignalValue, finite, st.none() | finite, st.none() | text), max_size=2),
    rank=whole,
    gain=finite,
    reason=text,
    rectification=st.none() | st.dictionaries(text, values, max_size=2),
    licence=st.none() | text.filter(bool),
    carried=st.dictionaries(names, values, max_size=3),
)


@pytest.mark.parametrize("file_format", FORMATS)
@settings(max_examples=25, deadline=None)
@given(chosen=st.lists(rows, max_size=3))
def test_what_is_written_reads_back_and_the_bytes_repeat(tmp_path_factory, file_format, chosen):
    folder = tmp_path_factory.mktemp("m")
    path = folder / f"m.{file_format}"
    write_manifest(chosen, path, file_format)
    assert read_manifest(path) == tuple(chosen)
    first = path.read_bytes()
    write_manifest(chosen, path, file_format)
    assert path.read_bytes() == first
    assert [item.name for item in folder.iterdir()] == [path.name]


def test_a_line_holds_the_columns_of_the_contract_in_their_order(tmp_path):
    write_manifest([ROW], tmp_path / "m.jsonl")
    line = json.loads((tmp_path / "m.jsonl").read_text())
    assert list(line) == [
        *("manifest_version", "clip_id", "source_uri", "sha256", "start_s", "stop_s", "start_pts", "stop_pts"),
        *("time_base", "scene", "camera", "factory", "worker", "signals", "rank", "gain", "reason"),
        *("rectification", "licence", "fps", "video_index", "codec"),
    ]
    assert line["signals"]["score"] == {
        "raw": 0.91,
        "calibrated": 0.75,
        "model": "videomae-small",
        "weights_sha256": "cd" * 32,
    }
    assert line["manifest_version"] == 1


def test_frame_paths_are_there_for_frame_sources_only(tmp_path):
    frames = ManifestRow("s/c", "m.jsonl", "0", 0.0, 8.0, 0, 16, "1/2", frame_paths=("a.jpg", "b.jpg"))
    write_manifest([ROW, frames], tmp_path / "m.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines())
    assert "frame_paths" not in first
    assert second["frame_paths"] == ["a.jpg", "b.jpg"]


def test_a_carried_name_that_is_a_column_is_kept_under_another(tmp_path):
    carried = {"clip_id": "theirs", "source_clip_id": "older", "rank": 3}
    row = ManifestRow("ours", "m", "0", 0.0, 1.0, 0, 1, "1/1", carried=carried)
    write_manifest([row], tmp_path / "m.jsonl")
    line = json.loads((tmp_path / "m.jsonl").read_text())
    assert (line["clip_id"], line["rank"]) == ("ours", 0)
    assert line["source_clip_id"] == "older"
    assert line["source_source_clip_id"] == "theirs"
    assert line["source_rank"] == 3


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_and_the_old_file_stays(tmp_path, file_format, bad):
    path = tmp_path / f"m.{file_format}"
    write_manifest([ROW], path, file_format)
    before = path.read_bytes()
    row = ManifestRow("a", "m", "0", 0.0, 1.0, 0, 1, "1/1", signals={"score": SignalValue(bad)})
    with pytest.raises(UsageError, match="not written"):
        write_manifest([row], path, file_format)
    assert path.read_bytes() == before


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_is_never_a_formula(tmp_path, start):
    evil = f"{start}HYPERLINK(1)"
    row = ManifestRow(evil, evil, "0", 0.0, 1.0, 0, 1, "1/1", reason=evil, scene=evil, carried={evil: evil})
    path = tmp_path / "m.csv"
    write_manifest([row], path, "csv")
    with path.open(newline="", encoding="utf-8") as stream:
        cells = [cell for line in csv.reader(stream) for cell in line]
    assert not [cell for cell in cells if cell.startswith(start)]
    assert read_manifest(path) == (row,)


def test_an_empty_manifest_is_a_valid_one(tmp_path):
    for file_format in FORMATS:
        path = tmp_path / f"m.{file_format}"
        write_manifest([], path, file_format)
        assert read_manifest(path) == ()
    assert (tmp_path / "m.jsonl").read_bytes() == b""
    assert (tmp_path / "m.csv").read_text().startswith("manifest_version,clip_id,")


def test_parquet_columns_are_typed(tmp_path):
    import duckdb

    write_manifest([ROW], tmp_path / "m.parquet", "parquet")
    query = f"select signals['score'].raw, stop_pts, json_extract(carried, '$.fps') from '{tmp_path / 'm.parquet'}'"
    assert duckdb.sql(query).fetchall() == [(0.91, 63488, "30.0")]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.jsonl"
    write_manifest([ROW], path)
    before = path.read_bytes()

    def broken(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(Exception, match="No room left"):
        write_manifest([ROW, ROW], path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["m.jsonl"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "m.jsonl:2: the row is not valid JSON"),
        ("[]", "m.jsonl:2: the row must be a JSON object"),
        ('{"manifest_version": 2}', "m.jsonl:2: manifest_version must be from 1 to 1, found 2"),
        ('{"manifest_version": 1}', "m.jsonl:2: clip_id must be of type str"),
        ('{"manifest_version": true}', "manifest_version"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, line, reason):
    path = tmp_path / "m.jsonl"
    write_manifest([ROW], path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(SourceError) as caught:
        read_manifest(path)
    assert reason in str(caught.value)


def test_unknown_formats_and_files_are_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="xml"):
        write_manifest([ROW], tmp_path / "m.xml", "xml")
    with pytest.raises(SourceError, match="no manifest"):
        read_manifest(tmp_path / "m.xml")
    with pytest.raises(SourceError, match="cannot be read"):
        read_manifest(tmp_path / "m.jsonl")
    (tmp_path / "m.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(SourceError, match="is not a Parquet manifest"):
        read_manifest(tmp_path / "m.parquet")
