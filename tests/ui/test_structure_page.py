"""The structure page: truth behind a switch, the camera's own movement taken off, rarity beside other clips."""

import numpy as np
import pytest

from egoclean.core.similarity import cosine_similarity
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
