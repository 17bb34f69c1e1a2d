"""The structure page: truth behind a switch, the camera's own movement taken off, rarity beside other clips."""

import shutil

import numpy as np
import pytest

from egoclean.core.similarity import cosine_similarity
from egoclean.store.atomic import write_json
from egoclean.store.cache import Cache
from egoclean.store.keys import EntryKey
from egoclean.ui import structure_view
from egoclean.ui.format import plain
from egoclean.verbs import comparison
from egoclean.verbs.evaluate import known_truth, read_truth, truth_of_clip


def captions(app):
    return "\n".join(item.value for item in app.caption)


def test_the_truth_stands_behind_a_switch(library, open_page):
    app = open_page("structure")
    assert "Truth:" not in captions(app)
    app.toggle(key="structure_truth").set_value(True).run()
    assert not app.exception
    truth = truth_of_clip(app.selectbox[0].value, read_truth(known_truth(library))["clips"])
    (period, *_) = truth["periods"]
    said = plain(f"{period['activity']} every {period['period_s']:.2f} s")
    assert f"Truth: {said}" in captions(app)
    lanes = structure_view.truth_lanes(truth)
    assert {name: len(spans) for name, spans in lanes.items()} == {
        "true work": len(truth["activities"]),
        "true cycles": len(truth["cycles"]),
        "true events": len(truth["events"]),
    }
    assert lanes["true events"] == [(e["start_s"], e["stop_s"], e["kind"]) for e in truth["events"]]


def test_the_median_and_the_most_deviant_cycle_are_one_click_away(library, open_page):
    app = open_page("structure")
    clip_id = app.selectbox[0].value
    structure = library.entry(clip_id, "structure").json("structure.json")
    named = structure_view.named_cycles(structure)
    keys = [item.key for item in app.get("button_group")]
    assert (f"cycle_{clip_id}" in keys) is bool(named)
    assert structure_view.named_cycles({**structure, "most_typical_cycle": None, "most_deviant_cycle": None}) == {}
    two = {"cycles": [{"start_s": 0.0, "stop_s": 3.0}, {"start_s": 3.0, "stop_s": 7.5}]}
    two |= {"most_typical_cycle": 0, "most_deviant_cycle": 1}
    assert structure_view.named_cycles(two) == {"median cycle": (0.0, 3.0), "most deviant": (3.0, 7.5)}


def test_footage_without_truth_has_no_switch(project, open_page):
    settings = project.root / "project.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("sources = [", "sources = [] # ["), encoding="utf-8")
    assert "sources = [] #" in settings.read_text(encoding="utf-8")
    app = open_page("structure")
    assert not app.exception
    assert not [item for item in app.toggle if item.key == "structure_truth"]


def test_the_cameras_movement_can_be_taken_off_the_change(library, open_page):
    app = open_page("structure")
    (switch,) = [item for item in app.toggle if item.key == "structure_without"]
    clip = next(clip for clip in library.clips() if clip.clip_id == app.selectbox[0].value)
    structure = library.entry(clip.clip_id, "structure").json("structure.json")
    windows = library.windows()
    causes = comparison.change_causes(structure, windows[windows["clip_id"] == clip.clip_id])
    assert causes.causes == ("turn", "blur")
    assert f"{causes.explained:.0%}" in switch.label
    switch.set_value(True).run()
    assert not app.exception


def test_rarity_among_a_workers_clips_is_the_mean_over_their_windows(library):
    clips = library.clips()
    mine = next(clip for clip in clips if comparison.other_clips(clips, clip))
    others = comparison.other_clips(clips, mine)
    rows = library.entry(mine.clip_id, "embed").array("emb.npy")
    structure = dict(library.entry(mine.clip_id, "structure").json("structure.json"))
    structure["anomalies"] = [{"start_s": 3.0, "stop_s": 6.0}, {"start_s": 900.0, "stop_s": 901.0}]
    found = comparison.rarity(library, mine, structure)
    elsewhere = np.concatenate([library.entry(other, "embed").array("emb.npy") for other in others])
    assert found.clip_count == len(others)
    assert np.allclose(found.here, 1 - cosine_similarity(rows).mean(axis=1), atol=1e-5)
    assert np.allclose(found.everywhere, 1 - cosine_similarity(rows, elsewhere).mean(axis=1), atol=1e-5)
    centres = np.array(structure["centres_s"])
    inside = (centres >= 3) & (centres < 6)
    assert found.anomalies[0] == pytest.approx((found.here[inside].mean(), found.everywhere[inside].mean()))
    assert found.anomalies[1] == (None, None)
    alone = next(clip for clip in clips if not comparison.other_clips(clips, clip))
    theirs = library.entry(alone.clip_id, "structure").json("structure.json")
    assert comparison.rarity(library, alone, theirs).everywhere is None


def with_spans(project, entry, name, spans):
    """Publish a clip's structure again with these cycles or anomalies: the tiny demo's clips need not have any."""
    everyones = project.cache_root() / "structure"
    there = everyones.resolve()
    everyones.unlink()
    shutil.copytree(there, everyones)
    cache, key = Cache(project.cache_root()), EntryKey(entry.verb, entry.key, entry.material)
    with cache.building(key) as folder:
        shutil.copytree(entry.folder, folder, ignore=shutil.ignore_patterns("entry.json"), dirs_exist_ok=True)
        write_json(folder / "structure.json", {**entry.json("structure.json"), name: spans})
        cache.forget(key)
        cache.publish(key, folder, entry.details)


def test_each_cycle_shows_the_frame_it_starts_with(project, library, open_page):
    clip = next(clip for clip in library.clips() if library.entry(clip.clip_id, "structure"))
    spans = [{"start_s": 1.0, "stop_s": 3.5, "deviation": 0.1}, {"start_s": 3.5, "stop_s": 6.0, "deviation": 0.2}]
    with_spans(project, library.entry(clip.clip_id, "structure"), "cycles", spans)
    app = open_page("structure")
    app.selectbox[0].set_value(clip.clip_id).run()
    assert not app.exception
    (table,) = [item.value for item in app.dataframe if "first_frame" in item.value]
    key = library.entry(clip.clip_id, "rectify").key
    assert table["first_frame"].tolist() == [
        f"/glimpses/{key}/1000000-3500000/first.jpg",
        f"/glimpses/{key}/3500000-6000000/first.jpg",
    ]
    assert structure_view.first_frames(library, "no such clip", table) == [None, None]


def test_the_anomalies_tell_how_rare_they_are_and_beside_how_many_clips(project, library, open_page):
    clips = library.clips()
    clip = next(clip for clip in clips if comparison.other_clips(clips, clip))
    spans = [{"start_s": 3.0, "stop_s": 6.0, "score": 0.4}]
    with_spans(project, library.entry(clip.clip_id, "structure"), "anomalies", spans)
    found = comparison.rarity(library, clip, library.entry(clip.clip_id, "structure").json("structure.json"))
    app = open_page("structure")
    app.selectbox[0].set_value(clip.clip_id).run()
    assert "Rare everywhere" not in captions(app)
    app.session_state["structure_table"] = "Anomalies"
    app.run()
    assert not app.exception
    (table,) = [item.value for item in app.dataframe if "rare_here" in item.value]
    assert tuple(table.loc[0, ["rare_here", "rare_everywhere"]]) == pytest.approx(found.anomalies[0])
    assert f"beside {found.clip_count} other clip" in captions(app)


def test_the_page_opens_on_a_clip_in_which_something_repeats(project, library, open_page, monkeypatch):
    clips = [clip.clip_id for clip in library.clips() if library.entry(clip.clip_id, "structure")]
    asked = []
    monkeypatch.setattr(type(library.catalog), "first_with", lambda _, *what: asked.append(what) or clips[1])
    assert open_page("structure").selectbox[0].value == clips[1]
    assert asked == [("structure", "period_s")]
