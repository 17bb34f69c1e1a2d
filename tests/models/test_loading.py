import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VJEPA2Config, VJEPA2Model

from egoclean.config import ScoreConfig
from egoclean.errors import ModelError
from egoclean.models import cards, loading
from egoclean.models.cards import model_spec
from egoclean.models.loading import fetch_weights, file_digest, load_checked, load_model
from egoclean.verbs.models import model_key

TINY = {
    "image_size": 32, "patch_size": 8, "num_frames": 4, "hidden_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 48, "decoder_hidden_size": 16, "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2, "decoder_intermediate_size": 32,
}  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    """A tiny VideoMAE with no weight or bias at its initial value, and the folder it was saved to."""
    model = VideoMAEForPreTraining(VideoMAEConfig(**TINY))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def same_weights(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].float(), theirs[name].float()) for name in ours)


def rewrite(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_saved_model_comes_back_whole(saved):
    model, folder = saved
    again = load_checked(VideoMAEForPreTraining, folder, "tiny")
    assert same_weights(again, model)
    assert torch.equal(again.position_embeddings, model.position_embeddings)
    assert torch.equal(again.videomae.embeddings.position_embeddings, model.videomae.embeddings.position_embeddings)


def test_half_precision_files_load_as_float32(saved):
    model, folder = saved
    model.half().save_pretrained(folder)
    again = load_checked(VideoMAEForPreTraining, folder, "tiny")
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    assert same_weights(again, model)


def test_both_names_of_query_and_value_biases_are_understood(saved):
    model, folder = saved
    assert any(name.endswith("q_bias") for name in load_file(folder / "model.safetensors"))
    assert same_weights(load_checked(VideoMAEForPreTraining, folder, "tiny"), model)

    def rename(tensors):
        for name in [key for key in tensors if key.endswith(("q_bias", "v_bias"))]:
            new = name.replace("q_bias", "query.bias").replace("v_bias", "value.bias")
            tensors[new] = tensors.pop(name)

    rewrite(folder, rename)
    assert same_weights(load_checked(VideoMAEForPreTraining, folder, "tiny"), model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: tensors.pop("videomae.encoder.layer.0.attention.attention.q_bias"), "1 missing"),
        (lambda tensors: tensors.update(stowaway=torch.zeros(2)), "1 unexpected .stowaway"),
        (lambda tensors: tensors.update({"decoder.norm.weight": torch.zeros(7)}), "decoder.norm.weight"),
    ],
)
def test_keys_that_do_not_fit_are_an_error(saved, change, words):
    _, folder = saved
    rewrite(folder, change)
    with pytest.raises(ModelError, match=words):
        load_checked(VideoMAEForPreTraining, folder, "tiny")


def test_damaged_and_pickled_files_are_refused(saved):
    model, folder = saved
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_checked(VideoMAEForPreTraining, folder, "tiny")
    path.unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights are refused"):
        load_checked(VideoMAEForPreTraining, folder, "tiny")


def test_a_repository_with_its_own_code_does_not_run_it(saved):
    _, folder = saved
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}
    (folder / "config.json").write_text(json.dumps(config))
    load_checked(VideoMAEForPreTraining, folder, "tiny")


def test_absent_published_weights_name_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    spec = model_spec("vjepa2", "full")
    with pytest.raises(ModelError, match=f"hf download {spec.model_id} .*--revision {spec.revision}"):
        fetch_weights(spec, download=False)
    assert loading.is_cached(spec) is False
    assert loading.is_cached(model_spec("vjepa2", "small")) is True


def test_published_weights_of_another_digest_are_refused(saved, monkeypatch, cpu):
    model, folder = saved
    monkeypatch.setattr(loading, "fetch_weights", lambda spec, download: folder)
    spec = model_spec("videomae", "full")
    with pytest.raises(ModelError, match="not the published ones"):
        load_model(VideoMAEForPreTraining, spec, cpu, download=False)
    digest = file_digest(folder / "model.safetensors")
    loaded = load_model(
        VideoMAEForPreTraining,
        dataclasses.replace(spec, weights_sha256=digest),
        cpu,
        download=False,
    )
    assert loaded.card.weights_sha256 == digest
    assert loaded.card.revision == spec.revision
    assert loaded.card.parameters == sum(item.numel() for item in model.parameters())


def test_a_small_model_comes_from_the_package(saved, monkeypatch, cpu, tmp_path):
    model, _ = saved
    spec = model_spec("videomae", "small")
    model.save_pretrained(tmp_path / "weights" / "videomae-small")
    monkeypatch.setattr(cards, "WEIGHTS_DIR", tmp_path / "weights")
    loaded = load_model(VideoMAEForPreTraining, spec, cpu, download=False)
    assert loaded.card.revision == "bundled"
    assert same_weights(loaded.model, model)


def test_an_installation_without_its_weights_says_so(monkeypatch, cpu, tmp_path):
    monkeypatch.setattr(cards, "WEIGHTS_DIR", tmp_path)
    wanted = "videomae-small should have come with egoclean, but .*model.safetensors is not there"
    with pytest.raises(ModelError, match=wanted):
        load_model(VideoMAEForPreTraining, model_spec("videomae", "small"), cpu, download=False)
    with pytest.raises(ModelError, match=wanted):
        model_key("videomae", ScoreConfig(device="cpu"))


def test_vjepa2_loads_with_every_key(tmp_path):
    config = VJEPA2Config(
        crop_size=32, patch_size=8, frames_per_clip=4, hidden_size=24, num_attention_heads=2, num_hidden_layers=2,
        pred_hidden_size=24, pred_num_attention_heads=2, pred_num_hidden_layers=1,
    )  # fmt: skip
    model = VJEPA2Model(config)
    model.save_pretrained(tmp_path)
    assert same_weights(load_checked(VJEPA2Model, tmp_path, "tiny"), model)
