"""Promises of the whole way, on small footage, in one process, with models that answer at once."""

import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from pipeline_tools import break_first_window, manifest_of, run, work_here, write_frames, write_lines

from egoclean.errors import SourceError, UsageError
from egoclean.library import Library
from egoclean.pipeline import discover_clips, plan
from egoclean.store.atomic import write_json
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.store.project import Project, Settings
from egoclean.verbs import select
from egoclean.verbs.select import preview_selection, select_and_save, selection_key

ALL = Settings().changed("select", {"budget": "100%"})
VERBS = ("ingest", "rectify", "score", "embed", "structure")
SIZE = (96, 64)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    work_here(monkeypatch)


@pytest.fixture
def footage(tmp_path, make_video):
    folder = tmp_path / "footage"
    make_video(folder / "one.mp4", 140, SIZE)
    make_video(folder / "two.mp4", 100, SIZE, rate=25)
    return folder


@pytest.fixture
def root(tmp_path):
    return tmp_path / "project"


def test_a_second_run_does_nothing_and_gives_the_same_bytes(footage, root, tmp_path):
    first, _ = run(root, footage, settings=ALL)
    assert (first.clips, first.done, first.reused, first.exit_status) == (2, 10, 0, 0)
    manifest = (root / "exports" / "manifest.jsonl").read_bytes()
    entries = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*/*/*/*")}
    second, heard = run(root, footage, settings=ALL)
    assert (second.done, second.reused) == (0, 10)
    assert heard.done == []
    assert (root / "exports" / "manifest.jsonl").read_bytes() == manifest
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*/*/*/*")} == entries


def test_another_project_and_a_lost_catalog_give_the_same_bytes(footage, root, tmp_path):
    run(root, footage, settings=ALL)
    manifest = (root / "exports" / "manifest.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "cache" / "catalogs")
    shutil.rmtree(tmp_path / "cache" / "tables")
    summary, _ = run(root, footage, settings=ALL)
    assert summary.done == 0
    assert (root / "exports" / "manifest.jsonl").read_bytes() == manifest
    summary, _ = run(tmp_path / "other", footage, settings=ALL)
    assert summary.done == 0
    assert (tmp_path / "other" / "exports" / "manifest.jsonl").read_bytes() == manifest
    shutil.rmtree(tmp_path / "cache")
    summary, _ = run(root, footage, settings=ALL)
    assert summary.done == 10
    assert (root / "exports" / "manifest.jsonl").read_bytes() == manifest


def test_every_window_has_a_row_a_score_and_an_embedding(footage, root):
    run(root, footage, settings=ALL)
    library = Library(Project(root))
    windows = library.windows()
    # 140 frames at 30/s hold 64 frames from 0, 1 and 2 s on; 100 at 25/s from 0 and 1 s on
    assert windows.groupby("clip_id").size().to_dict() == {"footage/one.mp4": 3, "footage/two.mp4": 2}
    assert windows["row"].tolist() == list(range(5))
    assert np.isfinite(windows["score"]).all()
    assert np.isfinite(library.embeddings(windows)).all()
    assert len(manifest_of(root)) == 5
    for clip_id in ("footage/one.mp4", "footage/two.mp4"):
        assert library.entry(clip_id, "structure").path("structure.json").is_file()


def check_pts(root, path, expected_rows):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pts = sorted(frame.pts for frame in container.decode(stream))
        time_base = stream.time_base
    rows = [row for row in manifest_of(root) if row["source_uri"].endswith(path.name)]
    assert len(rows) == expected_rows
    for row in rows:
        assert Fraction(row["time_base"]) == time_base
        first = pts.index(row["start_pts"])
        assert first + 64 <= len(pts)
        if first + 64 < len(pts):
            assert row["stop_pts"] == pts[first + 64]
        else:
            assert row["stop_pts"] > pts[-1]
        assert row["start_s"] == pytest.approx(float((row["start_pts"] - pts[0]) * time_base))
        assert row["stop_s"] == pytest.approx(float((row["stop_pts"] - pts[0]) * time_base))
    return rows


def test_rows_name_the_frames_of_the_source_by_pts(root, tmp_path, make_video):
    folder = tmp_path / "footage"
    late = make_video(folder / "late.mkv", 110, SIZE, pts=[5000 + 512 * i for i in range(110)])
    ntsc = make_video(folder / "ntsc.mp4", 110, SIZE, rate=Fraction(30000, 1001))
    steps = np.cumsum([0, *np.random.default_rng(3).integers(300, 900, 119)])
    uneven = make_video(folder / "uneven.mp4", 120, SIZE, pts=[int(step) for step in steps])
    summary, _ = run(root, folder, settings=ALL)
    assert summary.exit_status == 0
    rows = check_pts(root, late, 2)
    assert min(row["start_s"] for row in rows) == 0.0
    check_pts(root, ntsc, 2)
    check_pts(root, uneven, 3)


def test_damaged_clips_are_rejected_with_a_reason_and_the_others_go_on(footage, root):
    whole = (footage / "one.mp4").read_bytes()
    (footage / "empty.mp4").touch()
    (footage / "text.mp4").write_text("no video")
    (footage / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    summary, _ = run(root, footage, settings=ALL)
    assert summary.exit_status == 3
    assert summary.rejected == 3
    library = Library(Project(root))
    reasons = {row.clip_id: row.facts["reason"] for row in library.clips()}
    steps = {(row.clip_id, row.verb): row for row in library.steps()}
    for name in ("empty", "text", "cut"):
        rejected = [row for (clip_id, _), row in steps.items() if clip_id == f"footage/{name}.mp4"]
        assert [row.status for row in rejected][-1] == "rejected"
        assert rejected[-1].reason
    assert {row["clip_id"] for row in manifest_of(root)} == {"footage/one.mp4", "footage/two.mp4"}
    assert reasons["footage/one.mp4"] == ""
    again, _ = run(root, footage, settings=ALL)
    assert (again.done, again.rejected, again.exit_status) == (0, 3, 3)


def test_a_clip_shorter_than_a_window_is_done_with_no_window_and_a_reason(root, tmp_path, make_video):
    make_video(tmp_path / "footage" / "short.mp4", 63, SIZE)
    make_video(tmp_path / "footage" / "frame.mp4", 1, SIZE)
    summary, _ = run(root, tmp_path / "footage", settings=ALL)
    assert summary.exit_status == 0
    assert summary.chosen == 0
    assert manifest_of(root) == []
    reasons = {(row.clip_id, row.verb): row.reason for row in Library(Project(root)).steps()}
    for name in ("short", "frame"):
        assert reasons[f"footage/{name}.mp4", "score"] == "no windows: shorter than one window"


def test_when_all_is_rejected_the_manifest_is_valid_and_empty(root, tmp_path):
    (tmp_path / "footage").mkdir()
    (tmp_path / "footage" / "empty.mp4").touch()
    summary, _ = run(root, tmp_path / "footage")
    assert (summary.exit_status, summary.chosen) == (3, 0)
    assert manifest_of(root) == []


def test_a_source_that_becomes_damaged_leaves_the_manifest(footage, root):
    run(root, footage, settings=ALL)
    whole = (footage / "two.mp4").read_bytes()
    (footage / "two.mp4").write_bytes(b"no video any more")
    summary, _ = run(root, footage, settings=ALL)
    assert summary.rejected == 1
    assert {row["clip_id"] for row in manifest_of(root)} == {"footage/one.mp4"}
    assert set(Library(Project(root)).windows()["clip_id"]) == {"footage/one.mp4"}
    (footage / "two.mp4").write_bytes(whole)
    summary, _ = run(root, footage, settings=ALL)
    assert (summary.done, summary.rejected) == (0, 0)
    assert len(manifest_of(root)) == 5


def test_a_clip_that_is_removed_leaves_and_comes_back(footage, root):
    run(root, footage, settings=ALL)
    (footage / "two.mp4").rename(footage / "two.away")
    summary, _ = run(root, footage, settings=ALL)
    assert (summary.clips, summary.done) == (1, 0)
    assert {row["clip_id"] for row in manifest_of(root)} == {"footage/one.mp4"}
    shutil.rmtree(footage)
    with pytest.raises(SourceError, match="footage"):
        run(root, footage, settings=ALL)
    assert {row["clip_id"] for row in manifest_of(root)} == {"footage/one.mp4"}, "nothing already made is lost"


def test_a_changed_clip_of_the_same_name_is_done_anew(footage, root, make_video):
    run(root, footage, settings=ALL)
    make_video(footage / "two.mp4", 90, SIZE, rate=25)
    summary, heard = run(root, footage, settings=ALL)
    assert (summary.done, summary.reused) == (5, 5)
    assert {clip_id for _, clip_id, _, _ in heard.done} == {"footage/two.mp4"}


def test_two_clips_of_the_same_bytes_share_their_entries(footage, root, tmp_path):
    shutil.copy(footage / "one.mp4", footage / "copy.mp4")
    run(root, footage, settings=ALL)
    assert {verb: len(list((tmp_path / "cache" / verb).glob("*/*"))) for verb in VERBS} == dict.fromkeys(VERBS, 2)
    rows = manifest_of(root)
    assert len(rows) == 8
    one, copy = ([row for row in rows if row["clip_id"] == f"footage/{name}.mp4"] for name in ("one", "copy"))
    for left, right in zip(
        sorted(one, key=lambda row: row["start_pts"]), sorted(copy, key=lambda row: row["start_pts"]), strict=True
    ):
        assert left["sha256"] == right["sha256"]
        assert left["signals"]["score"]["raw"] == right["signals"]["score"]["raw"]
    summary, _ = run(root, footage, settings=ALL)
    assert (summary.done, summary.reused) == (0, 15)


@pytest.mark.parametrize(
    ("verb", "values", "expected"),
    [
        ("ingest", {"licence": "CC0"}, ()),
        ("rectify", {"view_crf": 30}, ("rectify", "score", "embed", "structure")),
        ("score", {"masks": 3}, ("score",)),
        ("score", {"batch": 2}, ()),
        ("embed", {"crop": "pad"}, ("embed", "structure")),
        ("structure", {"debounce": 2}, ("structure",)),
        ("select", {"strategy": "random"}, ()),
        ("export", {"format": "csv"}, ()),
    ],
)
def test_a_changed_setting_runs_what_depends_on_it_and_nothing_else(
    root, tmp_path, make_video, once, verb, values, expected
):
    footage = once("setting-footage", lambda folder: make_video(folder / "footage" / "a.mp4", 70, SIZE)) / "footage"
    run(root, footage, settings=ALL)
    summary, heard = run(root, footage, settings=ALL.changed(verb, values))
    assert tuple(verb for verb, *_ in heard.done) == expected
    assert summary.done == len(expected)


def test_until_stops_after_its_verb(footage, root, tmp_path):
    for until, verbs in (
        ("ingest", {"ingest"}),
        ("rectify", {"rectify"}),
        ("embed", {"score", "embed"}),
        ("structure", {"structure"}),
    ):
        summary, heard = run(root, footage, settings=ALL, until=until)
        assert {verb for verb, *_ in heard.done} == verbs
        assert summary.manifest is None
        assert not (root / "exports").exists()
    summary, heard = run(root, footage, settings=ALL, until="select")
    assert heard.done == []
    assert summary.chosen == 5
    assert Library(Project(root)).selection() is not None
    assert not (root / "exports").exists()


def test_the_plan_says_what_a_run_does_and_makes_nothing(footage, root, tmp_path):
    (footage / "empty.mp4").touch()
    project = Project(root)
    planned = plan(project, ALL, [str(footage)])
    assert not list((tmp_path / "cache").rglob("entry.json"))
    assert not any(step.cached for step in planned)
    assert {step.clip_id for step in planned} >= {"footage/one.mp4", "footage/two.mp4"}
    _, heard = run(root, footage, settings=ALL)
    done = {(verb, clip_id) for verb, clip_id, status, _ in heard.done if status == "done"}
    assert done <= {(step.verb, step.clip_id) for step in planned}
    planned = plan(project, ALL, [str(footage)])
    assert all(step.cached for step in planned), "a second run has nothing to do, rejected clips included"
    planned = plan(project, ALL.changed("score", {"masks": 3}), [str(footage)])
    assert {step.verb for step in planned if not step.cached} == {"score"}


def test_a_frame_manifest_goes_all_the_way_with_what_it_carries(root, tmp_path):
    lines = write_frames(tmp_path, "night", weather="räin", nested={"a": [1, None]})
    lines += write_frames(tmp_path, "day", records=2)
    manifest = write_lines(tmp_path / "clips.jsonl", lines)
    summary, _ = run(root, manifest, settings=ALL)
    assert (summary.clips, summary.exit_status, summary.chosen) == (2, 0, 5)
    rows = manifest_of(root)
    assert all("frame_paths" in row and len(row["frame_paths"]) == 16 for row in rows)
    for row in rows:
        (line,) = [line for line in lines if line["frame_paths"] == row["frame_paths"]]
        assert row["scene"] == line["scene"]
        assert row["camera"] == line["camera"]
        assert row["record"] == line["record"]
        assert row.get("weather") == line.get("weather")
        assert row.get("nested") == line.get("nested")
    windows = Library(Project(root)).windows()
    assert np.isfinite(windows["score"]).all()


def test_a_bad_line_is_named_and_counts_as_refused(root, tmp_path):
    lines = [json.dumps(line) for line in write_frames(tmp_path)]
    manifest = tmp_path / "clips.jsonl"
    manifest.write_text("\n".join([lines[0], "{torn", *lines[1:]]) + "\n", encoding="utf-8")
    summary, heard = run(root, manifest, settings=ALL)
    assert (summary.exit_status, summary.refused_inputs, summary.chosen) == (3, 1, 3)
    assert any(note.startswith("clips.jsonl:2: ") for note in heard.notes)
    assert any("clips.jsonl:2" in note for note in Library(Project(root)).catalog.notes())


def test_videos_and_frames_stand_in_one_project(footage, root, tmp_path):
    manifest = write_lines(tmp_path / "clips.jsonl", write_frames(tmp_path))
    summary, _ = run(root, footage, manifest, settings=ALL)
    assert (summary.clips, summary.exit_status, summary.chosen) == (3, 0, 8)
    assert summary.done == 15


def test_two_sources_of_one_name_are_refused_by_name(footage, tmp_path, root):
    other = tmp_path / "elsewhere" / "footage"
    other.mkdir(parents=True)
    shutil.copy(footage / "one.mp4", other / "one.mp4")
    with pytest.raises(SourceError, match=r"footage/one\.mp4.*common parent"):
        discover_clips([str(footage), str(other)], Settings())


def test_a_nonsense_budget_is_refused_before_anything_is_done(footage, root, tmp_path):
    with pytest.raises(UsageError, match="banana"):
        run(root, footage, settings=Settings().changed("select", {"budget": "banana"}))
    assert not list((tmp_path / "cache").glob("ingest/*/*"))


def test_decisions_hold_and_a_smaller_budget_is_a_prefix(footage, root):
    run(root, footage, settings=ALL)
    library = Library(Project(root))
    order = [row["start_pts"] for row in manifest_of(root)]
    two = preview_selection(library, ALL.changed("select", {"budget": "2"}).select)
    assert two.chosen["start_pts"].tolist() == order[:2]
    assert len(two.left_out) == 3
    assert two.left_out["reason"].str.len().min() > 0
    row = manifest_of(root)[0]
    place = (row["sha256"], row["start_pts"], row["stop_pts"], row["time_base"])
    journal = DecisionJournal(library.project.decisions)
    rejected = journal.append(Decision(*place, Verdict.REJECT))
    view = select_and_save(library, ALL.select)
    same = view.chosen[view.chosen["clip_id"] == row["clip_id"]]
    assert row["start_pts"] not in same["start_pts"].tolist()
    assert len(view.chosen) == len(order) - 1
    journal.undo(rejected.decision_id)
    view = select_and_save(library, ALL.select)
    assert view.chosen["start_pts"].tolist() == order


def test_a_catalog_from_before_a_crash_hides_nothing(footage, root):
    """Chunks of a job that died are taken up where they are; the result is the same bytes."""
    run(root, footage, settings=ALL)
    manifest = (root / "exports" / "manifest.jsonl").read_bytes()
    library = Library(Project(root))
    for verb in ("score", "embed"):
        shutil.rmtree(library.entry("footage/one.mp4", verb).folder)
    _, heard = run(root, footage, settings=ALL)
    assert {(verb, clip) for verb, clip, *_ in heard.done} == {
        ("score", "footage/one.mp4"),
        ("embed", "footage/one.mp4"),
    }
    assert (root / "exports" / "manifest.jsonl").read_bytes() == manifest


def test_a_failure_that_is_nobodys_fault_fails_the_clip_and_not_the_run(footage, root, monkeypatch):
    from egoclean.errors import ModelError
    from egoclean.verbs import score

    real, calls = score.shared_scorer, []

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise ModelError("The weights do not fit.", "Fetch them again.")
        return real(*arguments)

    monkeypatch.setattr(score, "shared_scorer", broken)
    summary, heard = run(root, footage, settings=ALL)
    assert (summary.failed, summary.exit_status) == (1, 1)
    (reason,) = [reason for _, _, status, reason in heard.done if status == "failed"]
    assert reason == "The weights do not fit. Fetch them again."
    summary, _ = run(root, footage, settings=ALL)
    assert (summary.failed, summary.exit_status) == (0, 0)
    assert len(manifest_of(root)) == 5


def test_a_window_whose_output_is_not_finite_has_failed_and_the_rest_goes_on(footage, root, monkeypatch):
    break_first_window(monkeypatch)
    summary, heard = run(root, footage, settings=ALL)
    assert (summary.failed, summary.rejected, summary.exit_status) == (0, 0, 0)
    library, why = Library(Project(root)), "the model's output is not finite"
    for verb in ("score", "embed"):
        entry = library.entry("footage/one.mp4", verb)
        assert entry.details["failed"] == [{"window": 0, "start_s": 0.0, "reason": why}]
        assert (verb, "footage/one.mp4", "done", f"1 of the windows failed: {why}") in heard.done
    means, tokens = entry.array("emb.npy"), entry.array("temb.npy")
    assert np.isnan(means[0]).all()
    assert np.isnan(tokens[0]).all()
    assert np.isfinite(means[1:]).all()
    failed = [row for row in manifest_of(root) if row["start_s"] == 0.0]
    assert all(row["score"] is None for row in failed)


def test_full_models_on_a_cpu_say_their_cost_first_and_only_where_there_is_work(footage, root):
    full = ALL
    for verb in ("score", "embed"):
        full = full.changed(verb, {"models": "full", "device": "cpu"})
    _, heard = run(root, footage, settings=full)
    text = " ".join(heard.notes)
    assert "CC-BY-NC-4.0" in text
    assert "a window" in text
    assert "--models small" in text
    _, heard = run(root, footage, settings=full)
    assert heard.notes == []


def test_a_selection_is_of_one_moment(footage, root):
    """What others do while windows are chosen belongs to the next selection, and is not hidden by this one's entry."""
    run(root, footage, settings=ALL)
    library = Library(Project(root))
    row = manifest_of(root)[0]
    now = library.snapshot()
    key = selection_key(now, ALL.select)
    place = (row["sha256"], row["start_pts"], row["stop_pts"], row["time_base"])
    DecisionJournal(library.project.decisions).append(Decision(*place, Verdict.REJECT))
    library.windows_file.unlink()
    assert selection_key(now, ALL.select) == key
    assert len(preview_selection(now, ALL.select).chosen) == 5
    assert selection_key(library.snapshot(), ALL.select) != key
    assert len(library.snapshot().windows()) == 0


def test_a_saved_selection_is_ones_own_though_another_is_saved_meanwhile(footage, root, monkeypatch):
    run(root, footage, settings=ALL)
    library = Library(Project(root))
    two = ALL.changed("select", {"budget": "2"}).select
    pointed = []

    def point_elsewhere(path, value):
        pointed.append(value)
        write_json(path, {**value, "key": "0" * 64})

    monkeypatch.setattr(select, "write_json", point_elsewhere)
    assert len(select_and_save(library, two).chosen) == 2
    assert len(pointed) == 1


def test_again_works_on_the_named_clip_only(footage, root):
    whole = {name: (footage / f"{name}.mp4").read_bytes() for name in ("one", "two")}
    for name in whole:
        (footage / f"{name}.mp4").write_bytes(whole[name][: len(whole[name]) // 2])
    summary, _ = run(root, footage, settings=ALL)
    assert summary.rejected == 2
    refusals = {path: path.stat().st_mtime_ns for path in Project(root).cache_root().glob("*/*/*/entry.json")}
    run(root, footage, settings=ALL, again=["footage/one.mp4"])
    made_again = [path for path, number in refusals.items() if path.stat().st_mtime_ns != number]
    assert len(made_again) == 1, "one clip was read anew, the other not"
    for name in whole:
        (footage / f"{name}.mp4").write_bytes(whole[name])
    summary, heard = run(root, footage, settings=ALL, again=["footage/one.mp4"])
    assert (summary.done, summary.exit_status) == (5, 0)
    assert {clip_id for _, clip_id, *_ in heard.done} == {"footage/one.mp4"}
    assert {row["source_uri"].rpartition("/")[2] for row in manifest_of(root)} == {"one.mp4"}
    summary, _ = run(root, footage, settings=ALL)
    assert (summary.done, summary.reused) == (5, 5)
    with pytest.raises(UsageError, match="no clip 'three'"):
        run(root, footage, settings=ALL, again=["three"])
