import numpy as np
import pytest

from egoclean.core.metrics import auroc
from egoclean.core.probe import fit_probe, propose
from egoclean.core.rows import unit_or_zero_rows
from egoclean.errors import UsageError


def world(count=400, seed=0):
    generator = np.random.default_rng(seed)
    groups = np.arange(count) // 20
    interesting = generator.random(count) < 0.3
    offsets = generator.normal(size=(20, 24)) * 0.5
    rows = generator.normal(size=(count, 24)) + offsets[groups] + 2.0 * interesting[:, None] * np.eye(24)[0]
    return unit_or_zero_rows(rows, slice(None)), interesting, groups


def test_forty_labels_find_what_is_interesting_and_say_how_well():
    unit, interesting, groups = world()
    labels = np.full(400, -1)
    asked = np.random.default_rng(1).permutation(400)[:40]
    labels[asked] = interesting[asked]
    probe = fit_probe(unit, labels, groups, np.ones(400, dtype=bool))
    truth = auroc(interesting[labels < 0], probe.scores[labels < 0])
    assert truth > 0.8
    assert probe.auroc.low <= truth + 0.05
    assert probe.auroc.high >= truth - 0.05
    assert probe.folds == 5
    assert probe.kept + probe.rejected == 40
    assert ((probe.scores > 0) & (probe.scores < 1)).all()


def test_labels_without_meaning_are_seen_through():
    unit, _, groups = world()
    labels = np.full(400, -1)
    labels[::8] = np.random.default_rng(3).integers(2, size=50)
    interval = fit_probe(unit, labels, groups, np.ones(400, dtype=bool)).auroc
    assert interval.low < 0.5 < interval.high


def test_groups_that_give_the_label_away_do_not_help():
    generator = np.random.default_rng(5)
    groups = np.arange(200) // 20
    unit = unit_or_zero_rows(
        generator.normal(size=(200, 16)) + 3 * generator.normal(size=(10, 16))[groups], slice(None)
    )
    labels = np.where(np.arange(200) % 4 == 0, groups % 2, -1)
    assert fit_probe(unit, labels, groups, np.ones(200, dtype=bool)).auroc.low < 0.6


def test_one_group_cannot_be_measured_and_says_why():
    unit, interesting, _ = world()
    labels = np.where(np.arange(400) < 30, interesting.astype(int), -1)
    probe = fit_probe(unit, labels, np.zeros(400), np.ones(400, dtype=bool))
    assert probe.auroc is None
    assert "group" in probe.note
    assert np.isfinite(probe.scores).all()


def test_one_kind_of_label_is_refused():
    unit, _, groups = world()
    with pytest.raises(UsageError, match="0 and 400"):
        fit_probe(unit, np.zeros(400, dtype=int), groups, np.ones(400, dtype=bool))


def test_rows_without_an_embedding_have_no_score_and_are_not_asked_for():
    unit, interesting, groups = world()
    known = np.arange(400) % 2 == 0
    unit[~known] = 0
    labels = np.where(np.arange(400) < 60, interesting.astype(int), -1)
    probe = fit_probe(unit, labels, groups, known)
    assert (np.isnan(probe.scores) == ~known).all()
    asked = propose(unit, labels, probe.scores, 30, known)
    assert known[asked].all()
    assert (asked >= 60).all()
    assert len(set(asked.tolist())) == 30


def test_first_questions_are_diverse_and_later_ones_unsure():
    generator = np.random.default_rng(0)
    kind = np.repeat(np.arange(6), 30)
    unit = unit_or_zero_rows(np.eye(8)[kind] + 0.05 * generator.normal(size=(180, 8)), slice(None))
    everything = np.ones(180, dtype=bool)
    first = propose(unit, np.full(180, -1), None, 6, everything)
    assert set(kind[first].tolist()) == set(range(6))
    scores = np.where(kind == 4, 0.5, 0.999)
    labels = np.full(180, -1)
    labels[first[kind[first] != 4]] = 1
    assert (kind[propose(unit, labels, scores, 5, everything)] == 4).all()


def test_fewer_rows_than_questions():
    unit, _, _ = world(20)
    assert len(propose(unit, np.full(20, -1), None, 50, np.ones(20, dtype=bool))) == 20
    assert len(propose(unit, np.ones(20, dtype=int), None, 5, np.ones(20, dtype=bool))) == 0
