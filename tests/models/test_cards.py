import subprocess
import sys

import pytest
from transformers import VideoMAEConfig, VJEPA2Config

from egoclean.errors import UsageError
from egoclean.models.cards import SPECS, bundled_weights, download_notice, full_downloads, model_spec
from egoclean.models.device import choose_device


def test_specs_agree_with_the_configurations():
    spec = model_spec("videomae", "small")
    videomae = VideoMAEConfig.from_pretrained(bundled_weights(spec).parent)
    assert (spec.frame_count, spec.size_px, spec.patch_px) == (16, videomae.image_size, videomae.patch_size)
    assert bundled_weights(spec).stat().st_size == spec.weights_bytes
    assert (spec.size_px // spec.patch_px) ** 2 % spec.mask_groups == 0
    spec = model_spec("vjepa2", "small")
    vjepa2 = VJEPA2Config.from_pretrained(bundled_weights(spec).parent)
    assert bundled_weights(spec).stat().st_size == spec.weights_bytes
    assert (spec.frame_count, spec.size_px, spec.patch_px) == (64, vjepa2.crop_size, vjepa2.patch_size)


def test_published_models_are_pinned():
    for (_, size), spec in SPECS.items():
        if size == "full":
            assert len(spec.revision) == 40
            assert spec.weights_sha256 is not None
            assert len(spec.weights_sha256) == 64


def test_the_notice_shows_size_and_licence():
    text = download_notice(full_downloads(["videomae", "vjepa2"]))
    assert "MCG-NJU/videomae-base at dc740ceda42f: 377 MB, licence CC-BY-NC-4.0 (no commercial use)" in text
    assert "facebook/vjepa2-vitl-fpc64-256 at b3c1679b7c34: 1,304 MB, licence MIT" in text


def test_unknown_models_and_devices_are_refused():
    with pytest.raises(UsageError, match="no model videomae huge"):
        model_spec("videomae", "huge")
    with pytest.raises(UsageError, match="auto, cuda, mps or cpu"):
        choose_device("tpu")


def test_devices(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    found = choose_device("auto")
    assert (found.device, found.dtype) == ("cpu", "float32")
    assert "no CUDA" in found.reason
    with pytest.raises(UsageError, match="device cuda was asked for"):
        choose_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Test GPU")
    assert (choose_device("auto").device, choose_device("auto").dtype) == ("cuda", "float16")
    assert choose_device("cpu").dtype == "float32"


def test_cards_load_without_torch_and_models_without_video_libraries():
    code = (
        "import sys, egoclean.models.cards; assert 'torch' not in sys.modules;"
        "import egoclean.models.vjepa2, egoclean.models.videomae; assert not {'av', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
