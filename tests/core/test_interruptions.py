"""What no usual work explains: which stretches count, and which are another work."""

from egoclean.core.interruptions import odd_stretches
from egoclean.core.work import Segment


def clip(*parts):
    """Segments (seconds, label, work, recurrence) one after the other."""
    found, start_s = [], 0.0
    for length_s, label, work, recurrence in parts:
        period_s = 3.0 if label == "repetitive" else None
        found.append(Segment(start_s, start_s + length_s, label, work, recurrence, 0.5, period_s, 0.5))
        start_s += length_s
    return found


def spans(*parts):
    return [(item.start_s, item.stop_s) for item in odd_stretches(clip(*parts), 3.0)]


def test_what_interrupts_repeating_work_is_odd():
    assert spans((20, "repetitive", 0, 1.0), (8, "idle", 1, 1.0), (20, "repetitive", 0, 1.0)) == [(20, 28)]


def test_what_starts_or_stops_with_the_clip_must_last_longer():
    work = (20, "repetitive", 0, 1.0)
    assert spans(work, (4, "one-off", 1, 0.6), work) == [(20, 24)]
    assert spans((4, "one-off", 1, 0.6), work) == spans(work, (4, "one-off", 1, 0.6)) == []
    assert spans((5, "one-off", 1, 0.6), work) == [(0, 5)]
    assert spans(work, (5, "one-off", 1, 0.6)) == [(20, 25)]


def test_neighbours_outside_the_work_are_one_stretch_unless_footage_is_missing():
    work, other, last = (40, "repetitive", 0, 1.0), (5, "idle", 1, 0.2), (6, "one-off", 2, 0.1)
    assert spans(work, other, last) == [(40, 51)]
    assert spans(work, other, (9, "gap", -1, 0.0), last) == [(40, 45), (54, 60)]
    peak_s = odd_stretches(clip(work, other, last), 3.0)[0].peak_s
    assert peak_s == 48.0, "where least recurs"


def test_a_third_of_the_clip_that_recurs_in_itself_is_another_work():
    assert spans((30, "repetitive", 0, 1.0), (20, "idle", 1, 0.9)) == []
    assert spans((30, "repetitive", 0, 1.0), (20, "one-off", 1, 0.5)) == [(30, 50)], "it does not recur"
    assert spans((60, "repetitive", 0, 1.0), (20, "idle", 1, 0.9)) == [(60, 80)], "a quarter"
    assert spans((12, "repetitive", 0, 1.0), (9, "idle", 1, 0.9)) == [(12, 21)], "no longer than an interruption"


def test_without_a_period_a_work_that_is_taken_up_again_is_the_usual_one():
    assert spans((20, "idle", 0, 1.0), (8, "one-off", 1, 0.6), (20, "idle", 0, 1.0)) == [(20, 28)]
    assert spans((9, "idle", 0, 1.0), (40, "one-off", 1, 0.6), (9, "idle", 0, 1.0)) == [], "less than half"
    assert spans((30, "idle", 0, 1.0), (8, "one-off", 1, 0.6)) == [], "nothing says which is usual"
    assert spans((20, "idle", 0, 1.0), (5, "gap", -1, 0.0), (20, "idle", 0, 1.0)) == []


def test_a_clip_of_one_stretch_has_nothing_odd():
    assert spans((30, "idle", 0, 1.0)) == []
    assert spans() == []
