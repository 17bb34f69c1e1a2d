import json
import subprocess
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from processes import clean_environment

from egoclean.errors import UsageError
from egoclean.store.decisions import Decision, DecisionJournal, Verdict

SHA = "ab" * 32


def decision(start=0, verdict=Verdict.KEEP, **values):
    return Decision(SHA, start, start + 512, "1/15360", verdict, **values)


@pytest.fixture
def journal(tmp_path):
    return DecisionJournal(tmp_path / "project" / "decisions.jsonl")


def test_a_decision_comes_back_as_it_was_made(journal):
    stored = journal.append(decision(note="left\u2028hand", tags=("press", "néw")))
    assert journal.read() == (stored,)
    assert stored.decision_id
    assert stored.made_at > 0
    assert journal.current() == {stored.place: stored}


def test_a_line_names_seconds_and_bytes_never_a_window_number(journal):
    journal.append(decision())
    line = json.loads(journal.path.read_text(encoding="utf-8"))
    assert {"clip_sha256", "start_pts", "stop_pts", "time_base", "verdict"} <= set(line)
    assert "window" not in line


def test_undo_brings_back_the_decision_before(journal):
    first, second = journal.append(decision()), journal.append(decision(verdict=Verdict.REJECT))
    assert journal.current()[first.place].verdict is Verdict.REJECT
    journal.undo(second.decision_id)
    assert journal.current() == {first.place: first}
    journal.undo(first.decision_id)
    assert journal.current() == {}
    assert len(journal.read()) == 4, "nothing is ever taken out of the journal"


def test_redo_makes_undone_decisions_again_last_first_until_another_comes(journal):
    assert journal.redo() is None
    first, second = journal.append(decision(note="a")), journal.append(decision(512, Verdict.REJECT))
    journal.undo(second.decision_id)
    journal.undo(first.decision_id)
    again = [journal.redo(), journal.redo()]
    assert [(item.place, item.verdict, item.note) for item in again] == [
        (item.place, item.verdict, item.note) for item in (first, second)
    ]
    assert {place: item.verdict for place, item in journal.current().items()} == {
        first.place: Verdict.KEEP,
        second.place: Verdict.REJECT,
    }
    assert journal.redo() is None
    journal.undo(again[1].decision_id)
    journal.append(decision(1024))
    assert journal.redoable() is None


def test_undoing_what_is_not_there_is_a_sentence(journal):
    with pytest.raises(UsageError, match="no decision 'nothing'"):
        journal.undo("nothing")


@pytest.mark.parametrize(
    "line", ["no json", "[]", "{}", '{"verdict": "maybe"}', "[" * 100_000, '{"verdict": "keep", "tags": [], "x": 1}']
)
def test_a_line_spoiled_by_hand_is_named(journal, line):
    journal.append(decision())
    journal.path.write_text(journal.path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"decisions\.jsonl:2 is not a decision"):
        journal.read()


def test_bytes_that_are_no_text_are_named(journal):
    journal.append(decision())
    journal.path.write_bytes(journal.path.read_bytes() + b"\xff\xfe\n")
    with pytest.raises(UsageError, match=r"decisions\.jsonl:2"):
        journal.read()


def test_two_processes_lose_no_decision(journal):
    code = (
        "import sys; from pathlib import Path; from egoclean.store.decisions import *\n"
        "for i in range(30):\n"
        "    DecisionJournal(Path(sys.argv[1])).append("
        "Decision(sys.argv[2] * 32, i, i + 1, '1/30', Verdict.KEEP, note='x' * 3000))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(journal.path), name], env=clean_environment())
        for name in ("aa", "bb")
    ]
    assert [child.wait(120) for child in children] == [0, 0]
    stored = journal.read()
    assert len(stored) == 60
    for name in ("aa", "bb"):
        assert [item.start_pts for item in stored if item.clip_sha256 == name * 32] == list(range(30))


class Journal(RuleBasedStateMachine):
    """The journal against a list of decisions and the ids that were undone."""

    made = Bundle("made")

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "decisions.jsonl"
        self.alive = []

    @rule(target=made, start=st.integers(0, 3), verdict=st.sampled_from(Verdict), note=st.text(max_size=5))
    def append(self, start, verdict, note):
        stored = DecisionJournal(self.path).append(decision(start, verdict, note=note))
        self.alive.append(stored)
        return stored.decision_id

    @rule(decision_id=made)
    def undo(self, decision_id):
        DecisionJournal(self.path).undo(decision_id)
        self.alive = [item for item in self.alive if item.decision_id != decision_id]

    @rule(torn=st.sampled_from([b'{"clip', b'{"note": "\xc3', b"\x00"]))
    def tear(self, torn):
        data = self.path.read_bytes() if self.path.exists() else b""
        if not data or data.endswith(b"\n"):
            self.path.write_bytes(data + torn)

    @invariant()
    def the_newest_that_stands_counts(self):
        assert DecisionJournal(self.path).current() == {item.place: item for item in self.alive}

    def teardown(self):
        self.folder.cleanup()


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_a_decision_is_undone_once_however_often_it_is_asked(journal):
    made = journal.append(decision())
    assert journal.undo(made.decision_id) == journal.undo(made.decision_id)
    assert len(journal.read()) == 2
