"""Device, number format and batch: chosen by what there is, and what of it is part of a key."""

import subprocess
import types

import pytest

from egoclean.config import EmbedConfig, ScoreConfig, keyed_values
from egoclean.errors import ModelError
from egoclean.models.device import choose_device
from egoclean.verbs import cost, models
from egoclean.verbs.cost import full_model_notes, window_flop
from egoclean.verbs.models import DevicePlan, batch_size, device_plan, model_key


@pytest.fixture(autouse=True)
def no_memory_of_plans(monkeypatch):
    device_plan.cache_clear()
    monkeypatch.setattr(models, "_accelerator_possible", lambda: False)
    yield
    device_plan.cache_clear()


def test_the_batch_is_chosen_by_the_device():
    assert [batch_size(ScoreConfig(), device) for device in ("cuda", "cuda:1", "cpu", "mps")] == [16, 16, 4, 4]
    assert batch_size(EmbedConfig(batch=7), "cuda") == 7


@pytest.mark.parametrize("unit", ["avx512_bf16", "amx_bf16"])
def test_bfloat16_on_a_cpu_is_for_videomae_where_there_are_units(monkeypatch, unit):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: types.MappingProxyType({"avx2": True, unit: True}))
    assert choose_device("cpu", "auto", "videomae").dtype == "bfloat16"
    assert choose_device("cpu", "auto", "vjepa2").dtype == "float32"
    assert choose_device("cpu").dtype == "float32"
    assert choose_device("cpu", "float32", "videomae").dtype == "float32"
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: types.MappingProxyType({"avx2": True, unit: False}))
    assert choose_device("cpu", "auto", "videomae").dtype == "float32"


def test_the_plan_asks_torch_only_where_there_may_be_units(monkeypatch):
    asked = []

    def answer(command, **_):
        asked.append(command[-1])
        return subprocess.CompletedProcess(command, 0, "cpu bfloat16\n", "")

    monkeypatch.setattr(models.subprocess, "run", answer)
    monkeypatch.setattr(models, "_bfloat16_units_possible", lambda: False)
    assert device_plan("auto", "auto", "videomae") == DevicePlan("cpu", "float32")
    assert device_plan("cpu", "float16", "videomae") == DevicePlan("cpu", "float16")
    device_plan.cache_clear()
    monkeypatch.setattr(models, "_bfloat16_units_possible", lambda: True)
    assert device_plan("auto", "auto", "vjepa2") == DevicePlan("cpu", "float32")
    assert device_plan("cpu", "float32", "videomae") == DevicePlan("cpu", "float32")
    assert not asked
    assert device_plan("cpu", "auto", "videomae") == DevicePlan("cpu", "bfloat16")
    assert len(asked) == 1
    monkeypatch.setattr(
        models.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "no such device\n")
    )
    with pytest.raises(ModelError, match="no such device"):
        device_plan("cuda")


def test_the_plan_and_the_process_choose_alike(monkeypatch):
    monkeypatch.setattr(models, "_bfloat16_units_possible", lambda: True)
    chosen = choose_device("cpu", "auto", "videomae")
    assert device_plan("cpu", "auto", "videomae") == DevicePlan(chosen.device, chosen.dtype)


def test_what_the_format_comes_to_is_keyed_and_not_how_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(models, "_bfloat16_units_possible", lambda: False)
    assert not {"dtype", "device", "batch"} & set(keyed_values(ScoreConfig()))
    auto, same, other = (model_key("videomae", ScoreConfig(dtype=name)) for name in ("auto", "float32", "bfloat16"))
    assert auto == same
    assert (auto["dtype"], other["dtype"]) == ("float32", "bfloat16")


def test_a_format_that_is_none_is_refused():
    from egoclean.errors import UsageError

    with pytest.raises(UsageError, match="number format must be auto, float32"):
        choose_device("cpu", "int8")


def test_full_models_say_their_licence_and_on_a_cpu_their_cost(monkeypatch):
    monkeypatch.setattr(cost.os, "cpu_count", lambda: 2)
    licence, price = full_model_notes(EmbedConfig(models="full"), 31)
    assert "facebook/vjepa2-vitl-fpc64-256" in licence
    assert "MIT" in licence
    assert "takes about 1.9 minutes a window, 59.7 minutes for 31 windows" in price
    assert "--frames 16 takes 0.14 of that" in price
    assert "--models small comes with egoclean" in price
    licence, price = full_model_notes(ScoreConfig(models="full"), 1000)
    assert "CC-BY-NC-4.0 (no commercial use)" in licence
    assert "1.4 seconds a window, 23.0 minutes for 1,000 windows" in price
    assert "--frames" not in full_model_notes(EmbedConfig(models="full", frames=16), 1)[1]
    assert full_model_notes(EmbedConfig(), 31) == full_model_notes(ScoreConfig(), 31) == []
    monkeypatch.setattr(cost, "device_plan", lambda *_: DevicePlan("cuda", "float16"))
    assert len(full_model_notes(EmbedConfig(models="full"), 31)) == 1


def test_the_work_of_a_window_is_that_of_the_published_sizes():
    for frames, flop in ((64, 11.57e12), (32, 4.14e12), (16, 1.66e12)):
        assert window_flop(EmbedConfig(frames=frames)) == pytest.approx(flop, rel=0.01)
    assert window_flop(ScoreConfig(masks=2)) == pytest.approx(138.1e9, rel=0.01)
