"""Numbers and names as a person reads them, and the glossary."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.ui.format import ago, count, duration, footage, hours, moment, plain, share, short_names, shorten, size
from egoclean.ui.glossary import TERMS, meaning


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (8.54, "8.5 s"),
        (59.97, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (None, "not known"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
    assert duration(float("nan")) == "not known"


def test_amounts_carry_their_units():
    assert hours(133) == "0.0369 h"
    assert hours(3.6e7) == "10,000 h"
    assert footage(252) == "4.2 min"
    assert footage(6660) == "1.85 h"
    assert moment(62.5) == "1:02.50"
    assert moment(59.999) == "1:00.00"
    assert size(3_400_000) == "3.4 MB"
    assert size(12) == "12 bytes"
    assert count(1, "clip") == "1 clip"
    assert count(1204, "window") == "1,204 windows"
    assert share(1, 8) == "12.5 %"
    assert share(1, 0) == "–"
    assert ago(100.0, now=112.0) == "12 s ago"
    assert ago(100.0, now=100.0 + 11400) == "3 h 10 min ago"


@given(st.text(max_size=60))
def test_plain_leaves_no_markup_and_loses_no_letter(text):
    shown = plain(text)
    assert "\n" not in shown
    assert re.sub(r"\\([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\1", shown) == text.replace("\n", " ")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#$]", shown)


@given(st.lists(st.text("ab/#", min_size=1, max_size=8), unique=True, max_size=8))
def test_short_names_tell_clips_apart(clip_ids):
    names = short_names(clip_ids)
    assert list(names) == clip_ids
    for clip_id, name in names.items():
        assert clip_id.replace("#", "/").endswith(name.replace("#", "/"))


def test_short_names_are_the_shortest():
    ids = ["demo/scene-1/CAM_FRONT", "demo/scene-2/CAM_FRONT", "f/part00.tar#f1_00000.mp4"]
    assert list(short_names(ids).values()) == ["scene-1/CAM_FRONT", "scene-2/CAM_FRONT", "f1_00000.mp4"]
    assert shorten("a" * 50, 11) == "aaaaa…aaaaa"
    assert shorten("short", 11) == "short"


def test_every_term_has_a_meaning_of_a_sentence():
    assert all(text.endswith(".") and len(text) > 30 for text in TERMS.values())
    with pytest.raises(KeyError):
        meaning("no such word")
