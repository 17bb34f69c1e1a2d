"""The structure of a whole clip: what it refuses, what is empty, and three clips of the demo world with known truth."""

import importlib.util
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from egoclean.config import StructureConfig
from egoclean.core.similarity import cosine_similarity, direction_sum, rows_from_similarity
from egoclean.core.structure import analyse, structure_to_dict

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(BENCH))
    try:
        spec = importlib.util.spec_from_file_location("structure_bench", BENCH / "structure.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["structure_bench"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCH))
        sys.modules.pop("structure_bench", None)


def test_clips_of_the_demo_world(bench):
    verdicts = bench.run([706, 710, 711])["ours"]
    for verdict in verdicts:
        assert verdict.period_s == pytest.approx(verdict.truth_period_s, rel=0.05), verdict.name
    assert sum(abs(verdict.cycles - verdict.truth_cycles) <= 1 for verdict in verdicts) >= 2
    found, true = sum(v.anomalies for v in verdicts), sum(v.truth_anomalies for v in verdicts)
    assert 2 * sum(verdict.anomaly_hits for verdict in verdicts) >= 0.8 * (found + true)
    assert all(verdict.anomalies == 0 for verdict in verdicts if verdict.kind == "quiet")


def test_an_idle_clip_has_no_period_and_no_anomaly(bench):
    (verdict,) = bench.run([701])["ours"]
    assert verdict.kind == "idle"
    assert (verdict.period_s, verdict.cycles, verdict.anomalies) == (None, 0, 0)


def test_matching_of_boundaries_is_one_to_one(bench):
    assert bench.boundary_hits([1.0, 1.5], [1.2]) == 1
    assert bench.boundary_hits([1.0, 3.0], [2.0, 2.1]) == 2
    assert bench.boundary_hits([], [1.0]) == 0


def test_matching_of_spans_needs_half_in_common(bench):
    assert bench.span_hits([(0, 10)], [(0, 5)]) == 1
    assert bench.span_hits([(0, 10)], [(0, 4.9)]) == 0
    assert bench.span_hits([(0, 10), (0, 10)], [(0, 10)]) == 1


def random_clip(count=40, width=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)), np.arange(count, dtype=float), rng.normal(size=(count, 4, width))


@pytest.mark.parametrize("with_tokens", [False, True])
def test_what_is_found_lies_in_the_clip_and_partitions_it(with_tokens):
    rows, times, tokens = random_clip()
    found = analyse(rows, times, tokens if with_tokens else None, 2.0)
    edges = [segment.start_s for segment in found.segments] + [found.segments[-1].stop_s]
    assert edges == sorted(edges)
    assert all(a.stop_s == b.start_s for a, b in itertools.pairwise(found.segments))
    assert edges[0] >= 0.0
    assert edges[-1] <= times[-1] + 2.0 + 1e-6
    assert len(found.change) == len(found.typicality) == len(found.anomaly_score) == len(rows)
    assert np.allclose(found.centres_s, times + 1.0)


def test_the_clips_start_shifts_every_time_and_nothing_else():
    rows, times, tokens = random_clip(seed=3)
    near, far = (structure_to_dict(analyse(rows, times + shift, tokens, 2.0)) for shift in (0.0, 1000.0))
    for name in ("cycles", "segments", "anomalies"):
        assert [round(item["start_s"] + 1000, 6) for item in near[name]] == [
            round(item["start_s"], 6) for item in far[name]
        ]
    assert near["change"] == far["change"]


def test_length_of_rows_does_not_matter():
    rows, times, tokens = random_clip(seed=4)
    one, other = (structure_to_dict(analyse(rows * f, times, tokens * f, 2.0)) for f in (1.0, 1024.0))
    assert one == other


def test_json_is_strict_and_complete():
    rows, times, tokens = random_clip()
    plain = structure_to_dict(analyse(rows, times, tokens, 2.0))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["change"][0] is None
    for name in ("cycles", "segments", "anomalies", "published_anomalies"):
        assert all({"start_s", "stop_s"} <= set(item) for item in plain[name])
    assert {"period_s", "lags_s", "lag_spectrum", "typicality", "anomaly_score"} <= set(plain)


def test_one_window_has_no_structure():
    plain = structure_to_dict(analyse(np.ones((1, 4)), [5.0], np.ones((1, 3, 4)), 2.0))
    assert plain["period_s"] is None
    assert plain["cycles"] == plain["anomalies"] == []
    assert len(plain["segments"]) == 1
    assert plain["change"] == [None]


@pytest.mark.parametrize("tokens", [None, np.ones((30, 4, 5))])
def test_constant_embeddings_are_one_idle_stretch(tokens):
    found = analyse(np.ones((30, 5)), np.arange(30.0), tokens, 2.0)
    assert found.period_s is None
    assert found.cycles == found.anomalies == found.published_anomalies == ()
    assert [segment.label for segment in found.segments] == ["idle"]
    assert np.allclose(found.change[1:], 0, atol=1e-6)
    assert np.allclose(found.typicality, 1)


def test_a_similarity_matrix_alone_gives_the_same_signals():
    rows, times, _ = random_clip()
    from_rows = analyse(rows, times, None, 2.0)
    from_matrix = analyse(rows_from_similarity(cosine_similarity(rows)), times, None, 2.0)
    assert np.allclose(from_rows.change[1:], from_matrix.change[1:], atol=1e-4)
    assert np.allclose(from_rows.typicality, from_matrix.typicality, atol=1e-4)


def test_short_anomalies_are_left_out_by_the_configuration(bench):
    clip, _ = bench.bench_clip(700)
    made = bench.truth_embeddings(clip)
    config = StructureConfig(minimum_anomaly_s=3600.0)
    assert analyse(made.means, made.starts_s, made.tokens, made.window_s, config).anomalies == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"times_s": np.arange(39.0)}, r"\(40, 8\).*\(39,\)"),
        ({"times_s": np.r_[np.arange(20.0), 19.0, np.arange(21.0, 40.0)]}, "row 20"),
        ({"times_s": np.r_[np.arange(39.0), np.nan]}, "Row 39 of times_s"),
        ({"tokens": np.ones((39, 4, 8))}, r"\(40, 8\).*\(39, 4, 8\)"),
        ({"embeddings": np.ones((40, 2, 4))}, r"\(40, 2, 4\)"),
        ({"embeddings": np.empty((0, 8)), "times_s": []}, r"\(0, 8\)"),
        ({"window_s": 0.0}, "window_s"),
        ({"window_s": float("nan")}, "window_s"),
        ({"window_s": float("inf")}, "window_s"),
        ({"times_s": np.r_[np.arange(39.0), np.inf]}, "Row 39 of times_s"),
        ({"times_s": np.r_[np.arange(39.0), 38.0]}, "row 39"),
        ({"times_s": np.zeros((40, 1))}, r"\(40, 8\).*\(40, 1\)"),
        ({"tokens": np.ones((40, 8))}, r"\(40, 8\).*\(40, 8\)"),
        ({"tokens": np.ones((40, 0, 8))}, r"\(40, 0, 8\)"),
        ({"embeddings": np.ones((40, 8), dtype=complex)}, "real numbers.*complex128"),
        ({"embeddings": np.full((40, 8), "a")}, "real numbers"),
        ({"elsewhere": (np.zeros(7), 3)}, r"\(8,\).*\(7,\)"),
        ({"elsewhere": (np.zeros(8), 0)}, "of 0 rows"),
        ({"covariates": np.ones(39)}, r"\(40,\).*\(39,\)"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    rows, times, tokens = random_clip()
    arguments = {"embeddings": rows, "times_s": times, "tokens": tokens, "window_s": 2.0} | change
    with pytest.raises(ValueError, match=words):
        analyse(**arguments)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("where", ["embeddings", "tokens"])
def test_a_bad_row_is_named(value, where):
    rows, times, tokens = random_clip()
    (rows if where == "embeddings" else tokens)[7] = value
    with pytest.raises(ValueError, match=f"Row 7 of {where}"):
        analyse(rows, times, tokens, 2.0)


def test_covariates_say_how_much_of_the_change_is_theirs():
    rng = np.random.default_rng(0)
    turned = rng.random(60)
    angle = np.cumsum(turned)
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = analyse(rows, np.arange(60.0), None, 1.0, covariates=np.stack([turned**2, rng.random(60)], axis=1))
    assert found.change_explained > 0.95
    assert np.nanstd(found.change_left) < 0.3 * np.nanstd(found.change)
    plain = structure_to_dict(found)
    assert plain["change_explained"] == found.change_explained
    assert plain["change_left"][0] is None
    none = structure_to_dict(analyse(rows, np.arange(60.0), None, 1.0))
    assert none["change_explained"] is none["change_left"] is none["typicality_elsewhere"] is None
    with pytest.raises(ValueError, match=r"\(60,\).*\(59,\)"):
        analyse(rows, np.arange(60.0), None, 1.0, covariates=turned[1:])


def test_rare_here_and_rare_everywhere_are_two_numbers(bench):
    clip, _ = bench.bench_clip(700)
    made = bench.truth_embeddings(clip)
    alone = analyse(made.means, made.starts_s, made.tokens, made.window_s)
    (odd, *_) = alone.anomalies
    inside = (alone.centres_s >= odd.start_s) & (alone.centres_s < odd.stop_s)
    assert odd.rare_everywhere is None
    cosines = cosine_similarity(made.means)
    assert odd.rare_here == pytest.approx(1 - cosines[inside].mean(), abs=1e-5)
    beside = analyse(made.means, made.starts_s, made.tokens, made.window_s, elsewhere=direction_sum(made.means[inside]))
    assert beside.anomalies[0].rare_here == pytest.approx(odd.rare_here)
    assert beside.anomalies[0].rare_everywhere == pytest.approx(1 - cosines[inside][:, inside].mean(), abs=1e-5)
    assert beside.anomalies[0].rare_everywhere < beside.anomalies[0].rare_here
    assert len(beside.typicality_elsewhere) == len(made.means)


@pytest.mark.parametrize("seed", [700, 708])
def test_anomalies_are_in_order_and_apart(bench, seed):
    clip, _ = bench.bench_clip(seed)
    made = bench.truth_embeddings(clip)
    found = analyse(made.means, made.starts_s, made.tokens, made.window_s)
    assert all(a.stop_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(found.anomalies))
