"""Each page: with data, without data, and one thing a person does on it."""

import dataclasses
import json
import math
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from page_reading import metric, texts, widget

from egoclean import jobs, workers
from egoclean.core.calibrate import calibrate
from egoclean.core.disagreement import corners
from egoclean.errors import CacheError
from egoclean.exporters.manifest import read_manifest
from egoclean.library import selection_of
from egoclean.store.catalog import StepRow, StepStatus
from egoclean.store.decisions import DecisionJournal, Verdict
from egoclean.store.keys import EntryKey
from egoclean.store.runs import RunRecorder, RunState
from egoclean.ui import choosing, evaluate_view, export_view, loaders
from egoclean.ui.first_minute import PAGE_SENTENCES
from egoclean.verbs.graph import GRAPH

PAGES = [name.lower() for name in PAGE_SENTENCES]


def test_every_page_is_registered_and_described():
    assert sorted(PAGES) == sorted(path.stem for path in (Path(__file__).parents[2] / "pages").glob("*.py"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_data_renders_and_explains_itself(name, project, open_page):
    app = open_page(name)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert app.title[0].value == name.capitalize()
    assert app.caption[0].value


@pytest.mark.parametrize("name", PAGES)
def test_a_page_without_a_project_explains_and_stops(name, empty_project, open_page):
    app = open_page(name)
    assert not app.exception
    assert not app.error
    assert not app.metric
    assert not empty_project.root.exists()
    if name != "overview":
        assert app.info


@pytest.mark.parametrize("name", PAGES)
def test_a_page_survives_results_that_vanish(name, project, open_page):
    (project.cache_root() / "rectify").unlink()
    (project.cache_root() / "structure").unlink()
    project.catalog_file().unlink()
    project.tables().joinpath("windows.parquet").unlink()
    app = open_page(name)
    assert not app.exception


def test_overview_counts_what_the_catalog_holds(library, open_page):
    app = open_page("overview")
    assert metric(app, "Clips") == str(len(library.clips()))
    assert metric(app, "Windows") == str(len(library.windows()))
    assert metric(app, "Chosen windows") == str(len(library.selection().chosen))
    app.toggle[0].set_value(True).run()
    assert "Nothing to see to" in texts(app)


def test_overview_shows_a_run_at_work(project, open_page):
    recorder = RunRecorder(project.runs, ["run", "demo:"])
    recorder.stage("score", 3, 12, "windows")
    app = open_page("overview")
    assert not app.exception
    assert "A run is at work" in texts(app)
    recorder.finish(RunState.DONE, "")


def test_the_first_screen_starts_the_demo(empty_project, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: started.append((project.root, list(arguments))))
    app = open_page("overview")
    widget(app.button, "Make the demo").click().run()
    assert not app.exception
    assert started == [(empty_project.root, [jobs.DEMO_SOURCE])]


def test_ingest_starts_on_a_folder_and_refuses_others_with_one_sentence(project, open_page, monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: started.append(list(arguments)))
    monkeypatch.setenv("EGOCLEAN_ROOTS", str(tmp_path))
    (tmp_path / "footage").mkdir()
    app = open_page("ingest")
    app.text_input[0].set_value("/etc/passwd")
    widget(app.button, "Run on this footage").click().run()
    forbidden = app.error[0].value
    app.text_input[0].set_value("/no/such/folder")
    widget(app.button, "Run on this footage").click().run()
    assert app.error[0].value.replace("no/such/folder", "etc/passwd") == forbidden
    assert not started
    app.text_input[0].set_value(str(tmp_path / "footage"))
    widget(app.button, "Run on this footage").click().run()
    assert started == [[str(tmp_path / "footage")]]


def test_ingest_looks_first_and_starts_nothing(project, open_page, monkeypatch, demo_source):
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: pytest.fail("a run was started"))
    monkeypatch.setenv("EGOCLEAN_ROOTS", str(demo_source))
    app = open_page("ingest")
    app.text_input[0].set_value(str(demo_source / "clips.jsonl"))
    widget(app.button, "Look first").click().run()
    assert not app.exception
    assert metric(app, "Clips") == "1"
    assert "1 of frame records" in str([item.delta for item in app.metric])


def test_clips_search_narrows_and_open_plays(library, open_page):
    app = open_page("clips")
    wanted = library.clips()[-1].clip_id
    app.text_input[0].set_value(wanted).run()
    assert f"1 clip of {len(library.clips())}" in texts(app)
    next(item for item in app.button if item.label.startswith("Open ")).click().run()
    assert not app.exception
    assert widget(app.selectbox, "Clip").value == wanted
    app.text_input[0].set_value("no clip has this name").run()
    assert "No clip passes this filter." in texts(app)


def test_rectify_says_why_a_clip_is_not_rectified(library, open_page):
    app = open_page("rectify")
    rectified = {clip.clip_id: clip.facts["rectified"] for clip in library.clips()}
    assert rectified[app.selectbox[0].value]
    report = library.entry(app.selectbox[0].value, "rectify").json("rectification.json")
    assert metric(app, "Field of view across") == f"{report['hfov_deg']:.1f}°"
    other = next(clip_id for clip_id, done in rectified.items() if not done)
    app.selectbox[0].set_value(other).run()
    assert not app.exception
    assert "Not rectified" in texts(app)


def test_score_thresholds_part_the_windows(library, open_page):
    app = open_page("score")
    scores = library.windows()["score"].dropna()
    assert metric(app, "Kept").startswith(f"{len(scores):,} ")
    middle = float(scores.median())
    slider = app.slider[0]
    slider.set_value((middle, slider.max)).run()
    kept = int(metric(app, "Kept").split()[0].replace(",", ""))
    assert kept == int((scores >= app.slider[0].value[0]).sum())
    assert 0 < kept < len(scores)


def test_an_end_that_the_browser_sets_a_hair_beyond_the_scale_counts(library, open_page):
    scores = library.windows()["score"]
    app = open_page("score")
    app.slider[0].set_value((float(scores.median()), math.nextafter(float(scores.max()), math.inf))).run()
    assert metric(app, "Kept").startswith(f"{(scores >= scores.median()).sum()} ")


def test_a_range_of_scores_goes_to_select(library, open_page):
    app = open_page("score")
    middle = float(library.windows()["score"].median())
    app.slider[0].set_value((middle, app.slider[0].max)).run()
    low = app.slider[0].value[0]
    widget(app.button, "Use this range in Select").click().run()
    assert not app.exception
    app.switch_page("pages/select.py").run()
    assert not app.exception
    assert widget(app.slider, "Keep scores from … to …").value[0] == pytest.approx(low)
    assert not app.warning or "default value" not in texts(app)


def test_a_choice_of_clip_holds_on_the_next_page(library, open_page):
    app = open_page("structure")
    last = library.clips()[-1].clip_id
    app.selectbox[0].set_value(last).run()
    assert metric(app, "Segments") == str(len(library.entry(last, "structure").json("structure.json")["segments"]))
    app.switch_page("pages/rectify.py").run()
    assert app.selectbox[0].value == last


def test_review_keeps_rejects_and_takes_back(project, library, open_page):
    app = open_page("review")
    journal = DecisionJournal(project.decisions)
    assert widget(app.button, "Undo").disabled
    widget(app.button, "Keep").click().run()
    widget(app.button, "Reject").click().run()
    assert not app.exception
    verdicts = [decision.verdict for decision in journal.current().values()]
    assert sorted(verdicts) == [Verdict.KEEP, Verdict.REJECT]
    shas = {clip.facts["sha256"] for clip in library.clips()}
    assert {decision.clip_sha256 for decision in journal.read()} <= shas
    widget(app.button, "Undo").click().run()
    assert [decision.verdict for decision in journal.current().values()] == [Verdict.KEEP]
    again = open_page("review")
    assert not widget(again.button, "Undo").disabled


def test_select_moves_with_the_budget_and_saves(library, open_page):
    app = open_page("select")
    before = len(library.selection().chosen)
    widget(app.slider, "Share of all windows, per cent").set_value(40.0).run()
    assert not app.exception
    chosen = int(metric(app, "Chosen").split()[0].replace(",", ""))
    assert chosen > before
    assert len(library.selection().chosen) == before
    widget(app.button, "Save as the project's selection").click().run()
    assert not app.exception
    assert len(library.selection().chosen) == chosen
    assert "This is the saved selection" in texts(app)


@pytest.fixture
def large(library, monkeypatch):
    """The project as one that counts as large, with selections and a graph of its own."""
    monkeypatch.setattr(choosing, "AT_ONCE", 1)
    shared = library.cache.root / "select"
    kept = shared.resolve()
    shared.unlink()
    shutil.copytree(kept, shared)
    yield library
    workers.stop_choice(library.project)


def wait_for_choice(library):
    deadline = time.monotonic() + 60
    while workers.choice(library.project).at_work and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_large_project_is_chosen_from_anew_in_another_process_whenever_an_option_changes(large, open_page):
    app = open_page("select")
    assert "This is the saved selection" in texts(app)
    before = metric(app, "Chosen")
    widget(app.slider, "Share of all windows, per cent").set_value(37.0).run()
    assert not app.exception
    assert metric(app, "Chosen") == before, "the choice before stays in sight"
    assert "the choice before" in texts(app)
    assert "Save as the project's selection" not in [button.label for button in app.button]
    wait_for_choice(large)
    app.run()
    assert not app.error
    chosen = int(metric(app, "Chosen").split()[0].replace(",", ""))
    assert chosen > len(large.selection().chosen)
    widget(app.button, "Save as the project's selection").click().run()
    assert len(large.selection().chosen) == chosen
    assert "This is the saved selection" in texts(app)


def test_what_was_left_out_is_read_when_it_is_asked_for_and_missed_in_words(library):
    key = library.saved_key()
    entry = library.cache.find("select", key)
    view = selection_of(entry, library.selection().config)
    assert len(view.left_out) == len(library.windows()) - len(view.chosen)
    gone = dataclasses.replace(entry, folder=entry.folder.with_name("gone"))
    with pytest.raises(CacheError, match="no longer in the cache"):
        selection_of(gone, view.config)


def test_a_large_project_is_compared_only_when_a_person_says_so(large, open_page):
    for step in large.catalog.steps(""):
        if step.verb == GRAPH:
            large.cache.forget(EntryKey("select", step.key, {}))
    app = open_page("select")
    widget(app.slider, "Share of all windows, per cent").set_value(38.0).run()
    assert workers.choice(large.project) is None
    assert "takes a while" in texts(app)
    widget(app.button, "Choose with these options").click().run()
    assert not app.exception
    wait_for_choice(large)
    app.run()
    assert int(metric(app, "Chosen").split()[0]) > len(large.selection().chosen)
    widget(app.slider, "Share of all windows, per cent").set_value(39.0).run()
    assert "the choice before" in texts(app), "compared once, it chooses anew by itself"


def test_a_choice_that_was_given_up_is_not_begun_again(large, open_page):
    app = open_page("select")
    widget(app.slider, "Share of all windows, per cent").set_value(36.0).run()
    widget(app.button, "Give up").click().run()
    app.run()
    assert workers.choice(large.project) is None
    assert "Choose with these options" in [button.label for button in app.button]


def test_an_option_that_a_large_project_cannot_meet_is_said(large, open_page):
    app = open_page("select")
    app.query_params["select_thresholds"] = "nothing >= 1"
    app.run()
    wait_for_choice(large)
    app.run()
    assert "There is no signal 'nothing'" in app.error[0].value


def test_evaluate_on_many_windows_says_on_how_many_clips(library, open_page, monkeypatch):
    monkeypatch.setattr(evaluate_view, "COMPARED", len(library.windows()) * 2 // 3)
    app = open_page("evaluate")
    assert not app.exception
    assert "clips, evenly taken" in texts(app)


def test_a_long_manifest_is_written_when_it_is_asked_for(library, open_page, monkeypatch):
    monkeypatch.setattr(export_view, "ROWS_AT_ONCE", 1)
    manifest = library.project.exports / "manifest.csv"
    view = library.selection()
    found = export_view.manifest_bytes(library, view, "csv")
    assert not manifest.exists()
    assert found.data() == manifest.read_bytes()
    assert len(read_manifest(manifest)) == len(view.chosen)


def test_evaluate_compares_with_random(library, open_page):
    app = open_page("evaluate")
    table = app.dataframe[0].value
    assert list(table["which"][:2]) == ["this selection", "random"]
    assert table[["coverage", "balance"]].to_numpy().min() >= 0
    assert table["redundancy"].between(-1, 1).all()


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_export_offers_every_row_in_each_format(form, project, library, open_page):
    app = open_page("export")
    app.selectbox[0].set_value(form).run()
    assert not app.exception
    chosen = library.selection().chosen
    assert metric(app, "Rows") == f"{len(chosen):,}"
    rows = read_manifest(project.exports / f"manifest.{form}")
    assert [row.start_pts for row in rows] == chosen["start_pts"].tolist()


def test_runs_show_how_each_ended_and_start_another(project, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: started.append(list(arguments)))
    app = open_page("runs")
    state = json.loads(next(project.runs.glob("*/state.json")).read_text(encoding="utf-8"))
    assert state["message"] in texts(app)
    widget(app.button, "Start").click().run()
    assert started[0][-4:] == ["--until", "export", "--models", "small"]


def test_names_from_outside_are_shown_letter_by_letter(project, library, open_page):
    rows = list(library.clips())
    evil = "<img src=x onerror=alert(1)>[a](javascript:alert(1))"
    library.catalog.replace_clips(rows, [evil, "**bold**"])
    app = open_page("overview")
    notes = [item.value for item in app.caption if "img" in item.value or "bold" in item.value]
    assert len(notes) == 2
    assert not any(re.search(r"(?<!\\)[<>\[\]()*]", note) for note in notes)


def test_each_window_has_the_reason_of_the_saved_selection(library):
    windows, view = library.windows(), library.selection()
    both = [*view.left_out.itertuples(), *view.chosen.itertuples()]
    expected = {int(item.row): str(item.reason) for item in both}
    rows = windows["row"].to_numpy()[::-1]
    assert loaders.reasons(library, rows).tolist() == [expected.get(row, "") for row in rows.tolist()]
    assert len(expected) == len(view.chosen) + len(view.left_out) > len(view.chosen) > 0


def test_a_corner_of_the_disagreement_lists_its_windows(library, open_page):
    app = open_page("score")
    assert not [item for item in app.radio if item.label == "Corner"], "nothing is worked out before it is opened"
    app.session_state["score_tab"] = "Where signals disagree"
    app.run()
    windows = library.windows()
    for name, corner in (("hard but usual", "only the first high"), ("easy but unusual", "only the second high")):
        widget(app.radio, "Corner").set_value(name).run()
        places = [calibrate(windows[signal].to_numpy(), None, "rank") for signal in ("score", "anomaly")]
        expected = int((corners(*places) == corner).sum())
        assert any(f"{expected:,} window" in item.value and name in item.value for item in app.caption)


def test_a_clip_that_failed_is_tried_again_alone(library, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start_run", lambda project, arguments: started.append(list(arguments)))
    clip_id = library.clips()[1].clip_id
    library.catalog.record([StepRow(clip_id, "score", "k", StepStatus.FAILED, "the disk was full")])
    app = open_page("runs")
    assert "Left out now: 1 clip" in texts(app)
    assert widget(app.button, "Try the selected again").disabled
    widget(app.button, "Try all again").click().run()
    assert not app.exception
    assert started == [["--again", clip_id]]


def test_the_cache_is_counted_and_cleaned_of_what_nobody_needs(project, library, open_page):
    unneeded = project.cache_root() / "export" / "ab" / ("ab" * 32)
    unneeded.mkdir(parents=True)
    (unneeded / "rows.bin").write_bytes(b"0" * 2_500_000)
    os.utime(unneeded, (1, 1))
    app = open_page("runs")
    assert not [item for item in app.button if item.label == "Count its size"], "nothing is read before it is opened"
    app.session_state["cache_open"] = True
    app.run()
    widget(app.button, "Count its size").click().run()
    assert metric(app, "Not needed") == "2.5 MB"
    widget(app.button, "Remove 1 result nobody needs: frees 2.5 MB").click().run()
    assert not app.exception
    assert not unneeded.exists()
    assert metric(app, "Not needed") == "0 bytes"
    assert all(library.entry(clip.clip_id, "rectify") for clip in library.clips())


def test_undo_takes_back_ones_own_and_a_note_typed_last_is_kept(project, open_page):
    journal = DecisionJournal(project.decisions)
    mine, theirs = open_page("review"), open_page("review")
    widget(mine.text_input, "Note").set_value("left hand")
    widget(mine.button, "Keep").click().run()
    widget(theirs.button, "Reject").click().run()
    widget(mine.button, "Undo").click().run()
    assert [(line.note, line.verdict) for line in journal.current().values()] == [("", Verdict.REJECT)]
    assert journal.read()[0].note == "left hand"
    assert widget(mine.button, "Undo").disabled
    assert not widget(theirs.button, "Undo").disabled
