"""How much there is and how long it takes: against slow counting, and against runs made up for the purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoclean.config import STAGE_RATES, ScoreConfig
from egoclean.store.runs import RunRecorder, RunState, list_runs
from egoclean.ui.estimate import (
    STAGES,
    Footage,
    catalog_footage,
    estimate,
    measured_rates,
    records_footage,
    video_footage,
    whole,
)
from egoclean.ui.look_view import about, stage_table

CONFIG = ScoreConfig()
FACTS = {"duration_s": 10.0, "width": 1000, "height": 500, "frame_rate": 30.0, "frame_count": 300, "kind": "video"}

CLIPS = list("abcdefghijklm")


@given(st.integers(1, 4000), st.sampled_from([15.0, 25.0, 30.0]))
def test_windows_of_a_video_are_those_that_fit(frames, rate):
    footage = video_footage(frames / rate, CONFIG, frame_rate=rate, width=100, height=50)
    starts, slow = 0.0, 0
    while round(starts * rate) + CONFIG.window_frames <= frames:
        slow, starts = slow + 1, starts + CONFIG.stride_s
    assert footage.windows == slow
    assert footage.megapixels == pytest.approx(frames * 100 * 50 / 1e6)


def test_footage_adds_up_and_what_is_not_known_is_assumed():
    one = catalog_footage(FACTS, CONFIG)
    assert one == Footage(1.0, pytest.approx(150.0), 8.0, 10.0)
    assert whole([one, one]) == one.times(2)
    assert video_footage(10.0, CONFIG).megapixels == pytest.approx(300 * 1920 * 1080 / 1e6)
    assert records_footage(32, 15.5, (10, 10)) == Footage(1.0, 0.0032, 2.0, 15.5)
    assert catalog_footage({"kind": "frames", "frame_count": 32}, CONFIG).windows == 2.0


def recorded_run(folder, monkeypatch, name, clips, seconds, *words):
    """A run that did every step of ``clips``, each stage in ``seconds``."""
    clock = [0.0]
    monkeypatch.setattr("egoclean.store.runs.time.monotonic", lambda: clock[0])
    recorder = RunRecorder(folder, ["run", *words], name)
    for verbs, unit in STAGES.values():
        for verb in verbs:
            recorder.stage(verb, 0, 10, unit)
        clock[0] += seconds
        for verb in verbs:
            recorder.stage(verb, 10, 10, unit)
            for clip_id in clips:
                recorder.event("clip", verb=verb, clip_id=clip_id, status="done", reason="", seconds=1.0)
    recorder.finish(RunState.DONE, "")


def test_rates_count_what_a_run_did_and_not_what_it_found_finished(tmp_path, monkeypatch):
    recorded_run(tmp_path, monkeypatch, "1-much", CLIPS, 5.0)
    recorded_run(tmp_path, monkeypatch, "2-little", ["a"], 4.0)
    recorded_run(tmp_path, monkeypatch, "3-nothing", [], 0.001)
    rates = measured_rates(list_runs(tmp_path), dict.fromkeys([*CLIPS, "z"], FACTS), CONFIG)
    assert {stage: rate.per_s for stage, rate in rates.items()} == pytest.approx(
        {"ingest": 2.6, "rectify": 13 * 30.0, "score and embed": 13 * 1.6, "structure": 2.6}
    )
    assert measured_rates(list_runs(tmp_path), {"z": FACTS}, CONFIG) == {}


def test_a_run_of_other_models_says_nothing_of_these(tmp_path, monkeypatch):
    recorded_run(tmp_path, monkeypatch, "1", CLIPS, 5.0, "--models", "full")
    facts = dict.fromkeys(CLIPS, FACTS)
    rates = measured_rates(list_runs(tmp_path), facts, CONFIG)
    assert "score and embed" not in rates
    assert "rectify" in rates
    assert "score and embed" in measured_rates(list_runs(tmp_path), facts, ScoreConfig(models="full"))


@pytest.mark.parametrize("models", ["small", "full"])
def test_an_estimate_is_work_over_rate_and_never_less_than_the_start(models):
    much = Footage(1000.0, 1e6, 1e5, 1e5)
    for stage in estimate(much, {}, models):
        name = stage.stage if stage.stage in STAGE_RATES else f"{stage.stage}, {models}"
        assert stage.seconds == pytest.approx(getattr(much, stage.unit) / STAGE_RATES[name][0])
    little = estimate(Footage(), {}, models)
    assert [stage.seconds > 0 for stage in little] == [True] * len(STAGES)
    assert set(stage_table(little)["origin"]) == {"stated: two idle cores, no GPU"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (89, "89 s"), (200, "3 min"), (7800, "2 h 10 min"), (9e5, "10 days"), (5400, "1 h 30 min")],
)
def test_estimated_times_have_few_digits(seconds, text):
    assert about(seconds) == text
