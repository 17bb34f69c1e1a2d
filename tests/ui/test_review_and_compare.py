"""Why a window is in the review, spans sent from a player, windows to browse, and two choices beside one another."""

import numpy as np
import pandas as pd
import pytest
from page_reading import metric, texts, widget

from egoclean.core.calibrate import calibrate
from egoclean.library import Library
from egoclean.store.decisions import Decision, DecisionJournal, Verdict
from egoclean.ui import comparing, deciding, evaluate_view, review_queue
from egoclean.verbs.decided import decided_windows


def test_windows_at_odds_come_farthest_apart_first(library, open_page):
    app = open_page("review")
    widget(app.button_group, "Look first at").set_value(review_queue.DISAGREE).run()
    assert not app.exception
    windows = library.windows().dropna(subset=["score", "anomaly"])
    places = [calibrate(windows[name].to_numpy(), None, "rank") for name in ("score", "anomaly")]
    first = windows.iloc[int(np.abs(places[0] - places[1]).argmax())]
    shown = next(item.value for item in app.text if "Why: " in item.value)
    assert ("hard but usual" in shown) or ("easy but unusual" in shown)
    assert f"{first['start_s']:05.2f}" in shown


def test_windows_near_a_line_of_the_score_page_are_nearest_first(library, open_page):
    app = open_page("score")
    middle = float(library.windows()["score"].median())
    app.slider[0].set_value((middle, app.slider[0].max)).run()
    line = app.slider[0].value[0]
    app.switch_page("pages/review.py").run()
    widget(app.button_group, "Look first at").set_value(review_queue.NEAR).run()
    assert not app.exception
    shown = next(item.value for item in app.text if "Why: " in item.value)
    scores = library.windows()["score"]
    around = sorted((scores[scores < line].max(), scores[scores >= line].min()))
    assert any(f"score {value:.4g} is just" in shown for value in around)
    assert f"the line at {line:.4g}" in shown


def test_a_window_sent_from_a_player_waits_in_the_review_until_it_is_decided(project, library, open_page):
    journal = DecisionJournal(project.decisions)
    app = open_page("score")
    widget(app.button, "To review").click().run()
    assert not app.exception
    (sent,) = journal.current().values()
    assert sent.verdict is Verdict.NONE
    assert any("waits in the review" in item.value for item in app.caption)
    keep, reject = decided_windows(library, library.windows())
    assert not keep.any()
    assert not reject.any()
    app.switch_page("pages/review.py").run()
    widget(app.button_group, "Look first at").set_value(review_queue.SENT).run()
    assert "sent here by a person" in texts(app)
    widget(app.button, "Keep").click().run()
    assert [(item.place, item.verdict) for item in journal.current().values()] == [(sent.place, Verdict.KEEP)]
    assert int(decided_windows(library, library.windows())[0].sum()) == 1


@pytest.mark.parametrize("span", [(2.5, 7.0), (4.0, 4.0), (0.0, 0.1)])
def test_a_span_speaks_of_the_windows_whose_middle_it_holds_or_of_the_nearest(span, library):
    clip = library.clips()[0]
    place = deciding.place_of_span(library, clip, span)
    DecisionJournal(library.project.decisions).append(Decision(*place, verdict=Verdict.KEEP))
    windows = library.windows()
    keep, _ = decided_windows(library, windows)
    mine = windows[windows["clip_id"] == clip.clip_id]
    middles = (mine["start_s"] + mine["stop_s"]) / 2
    inside = mine[(middles >= span[0]) & (middles < span[1])]
    nearest = mine.loc[[(middles - sum(span) / 2).abs().idxmin()]]
    assert windows[keep]["row"].tolist() == (inside if len(inside) else nearest)["row"].tolist()
    if len(inside):
        assert deciding.span_of_place(library, clip.clip_id, place) == pytest.approx(span, abs=1e-3)


def test_tags_by_digit_and_a_note_go_with_the_decision(project, open_page):
    app = open_page("review")
    widget(app.button, "tool").click().run()
    widget(app.button, "odd").click().run()
    widget(app.button, "tool").click().run()
    widget(app.text_input, "Note").set_value("left hand")
    widget(app.button, "Reject").click().run()
    (made,) = DecisionJournal(project.decisions).current().values()
    assert (made.verdict, made.tags, made.note) == (Verdict.REJECT, ("odd",), "left hand")
    assert widget(app.multiselect, "Tags").value == []


def test_windows_are_browsed_by_any_signal_within_a_range(library, open_page):
    app = open_page("clips")
    widget(app.button_group, "Show as").set_value("windows").run()
    widget(app.selectbox, "Signal").set_value("blur").run()
    values = library.windows()["blur"].sort_values(ascending=False)
    widget([item for item in app.number_input if item.key == "windows_from"], "from").set_value(values.median()).run()
    assert not app.exception
    shown = app.dataframe[0].value["blur"].tolist()
    assert shown == values[values >= values.median()].tolist()
    app.text_input[0].set_value(library.clips()[0].clip_id).run()
    assert set(app.dataframe[0].value["clip"]) == {app.dataframe[0].value["clip"].iloc[0]}


def test_select_shows_coverage_and_what_another_choice_would_change(library, open_page):
    app = open_page("select")
    assert "draws at random" in texts(app)
    app.session_state["compare_open"] = True
    widget(app.slider, "Share of all windows, per cent").set_value(40.0).run()
    assert not app.exception
    saved, present = len(library.selection().chosen), int(metric(app, "Chosen").split()[0])
    both, here, there = (
        int(metric(app, label).split()[0]) for label in ("In both", "Only in this choice", "Only in the other")
    )
    assert (both + here, both + there) == (present, saved)
    widget(app.button, "Put this choice aside").click().run()
    widget(app.slider, "Share of all windows, per cent").set_value(20.0).run()
    widget(app.selectbox, "This choice against").set_value("put aside: knn, 40%").run()
    assert not app.exception
    assert int(metric(app, "In both").split()[0]) + int(metric(app, "Only in the other").split()[0]) == present


def test_a_choice_made_without_comparing_says_that_its_coverage_is_not_known(library, open_page):
    app = open_page("select")
    assert "Near duplicates" not in [box.label for box in app.selectbox], "drawn when it is looked at"
    app.query_params["select_near_duplicates"] = "keep"
    app.run()
    assert widget(app.selectbox, "Near duplicates").value == "keep"
    widget(app.selectbox, "Strategy").set_value("random").run()
    assert not app.exception
    assert "is not known" in texts(app)
    assert "draws at random" not in texts(app)


def test_a_difference_parts_two_choices():
    these, others = pd.DataFrame({"row": [5, 1, 3]}), pd.DataFrame({"row": [3, 9]})
    parts = [part["row"].tolist() for part in comparing.difference(these, others)]
    assert parts == [[3], [5, 1], [9]]


def test_a_large_comparison_stays_after_a_decision_until_it_is_asked_for(project, library, open_page, monkeypatch):
    monkeypatch.setattr(evaluate_view, "COMPARED", len(library.windows()) - 1)
    made = []
    real = evaluate_view.evaluate_project
    monkeypatch.setattr(
        evaluate_view, "evaluate_project", lambda *given, **more: made.append(1) or real(*given, **more)
    )
    app = open_page("evaluate")
    place = deciding.place_of_span(Library(project), library.clips()[0], (1.0, 3.0))
    DecisionJournal(project.decisions).append(Decision(*place, verdict=Verdict.KEEP))
    app.run()
    assert "Decisions have changed since" in texts(app)
    assert len(made) == 1
    widget(app.button, "Compare anew").click().run()
    assert not app.exception
    assert len(made) == 2


def test_the_decisions_are_listed_newest_first_when_they_are_opened(library, open_page):
    app = open_page("review")
    widget(app.button, "Keep").click().run()
    widget(app.button, "Reject").click().run()
    assert not [table for table in app.dataframe if "verdict" in table.value]
    app.session_state["decisions_open"] = True
    app.run()
    (table,) = [table.value for table in app.dataframe if "verdict" in table.value]
    assert table["verdict"].tolist() == ["reject", "keep"]
    assert table["at"].ne("").all()
