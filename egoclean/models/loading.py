"""Loading weights: safetensors only, no remote code, every key accounted for, digest checked, identity recorded."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel
from transformers.utils import logging
from transformers.utils.hub import cached_file

from egoclean.errors import ModelError
from egoclean.models.cards import WEIGHTS_FILE, ModelCard, ModelSpec, bundled_weights
from egoclean.models.device import DeviceChoice


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in evaluation mode on its device, and its card."""

    model: Any
    card: ModelCard


def load_model(model_class: type[PreTrainedModel], spec: ModelSpec, choice: DeviceChoice, *, download: bool) -> Loaded:
    """Return the model of ``spec`` on the chosen device, ready for inference.

    Small models come from the package, published ones from the Hugging Face cache, downloaded when ``download``.

    Raises
    ------
    ModelError : weights absent and not to be had, damaged, of another digest, or not fitting their class.
    """
    folder = fetch_weights(spec, download=download) if spec.size == "full" else bundled_weights(spec).parent
    model = load_checked(model_class, folder, spec.model_id)
    digest = _verified_digest(folder / WEIGHTS_FILE, spec)
    parameters = sum(item.numel() for item in model.parameters())
    untyped: Any = model
    ready = untyped.to(device=choice.device, dtype=choice.torch_dtype).eval().requires_grad_(False)
    card = ModelCard(
        family=spec.family,
        model_id=spec.model_id,
        revision=spec.revision,
        weights_sha256=digest,
        licence=spec.licence,
        parameters=parameters,
        weights_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        frame_count=spec.frame_count,
        size_px=spec.size_px,
        patch_px=spec.patch_px,
        tubelet_frames=spec.tubelet_frames,
        mask_groups=spec.mask_groups,
        dtype=choice.dtype,
        device=choice.device,
    )
    return Loaded(ready, card)


def load_checked(model_class: type[PreTrainedModel], folder: Path, name: str) -> PreTrainedModel:
    """Return the model saved in ``folder`` as float32, every key of the file and of the class matched.

    Raises
    ------
    ModelError : naming the keys that are missing, left over or of another shape, or the file that cannot be read.
    """
    _require_safetensors(folder, name)
    from_pretrained: Any = model_class.from_pretrained
    try:
        with _quiet():
            model, info = from_pretrained(
                str(folder),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"The weights of {name} in {folder} cannot be loaded: {_first_line(error)}.",
            "Delete that folder and get the weights again.",
        ) from error
    _require_all_keys(info, name, folder)
    loaded: PreTrainedModel = model
    return loaded


def fetch_weights(spec: ModelSpec, *, download: bool) -> Path:
    """Return the local folder that holds a published model's config and weights, at its pinned commit.

    Raises
    ------
    ModelError : when they are not in the cache and cannot, or may not, be downloaded; with the command to run.
    """
    command = f"hf download {spec.model_id} config.json {WEIGHTS_FILE} --revision {spec.revision}"
    try:
        paths = [
            cached_file(spec.model_id, name, revision=spec.revision, local_files_only=not download)
            for name in ("config.json", WEIGHTS_FILE)
        ]
    except OSError as error:
        why = "could not be downloaded" if download else "are not on this machine"
        raise ModelError(
            f"The weights of {spec.model_id} ({spec.weights_bytes / 1e6:,.0f} MB, {spec.licence}) {why}: "
            f"{_first_line(error)}.",
            f"On a machine with a network run: {command}; or use --models small.",
        ) from error
    if any(path is None for path in paths):
        raise ModelError(f"The repository {spec.model_id} lacks config.json or {WEIGHTS_FILE}.", f"Run: {command}.")
    return Path(str(paths[-1])).parent


def is_cached(spec: ModelSpec) -> bool:
    """Return whether a model can be loaded without a download."""
    if spec.size == "small":
        return True
    try:
        fetch_weights(spec, download=False)
    except ModelError:
        return False
    return True


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _verified_digest(path: Path, spec: ModelSpec) -> str:
    digest = file_digest(path)
    if spec.weights_sha256 is not None and digest != spec.weights_sha256:
        raise ModelError(
            f"The weights of {spec.model_id} are not the published ones: SHA-256 {digest}, expected "
            f"{spec.weights_sha256}.",
            f"Delete {path} and download it again.",
        )
    return digest


def _require_safetensors(folder: Path, name: str) -> None:
    for file_name in ("config.json", WEIGHTS_FILE):
        if not (folder / file_name).is_file():
            raise ModelError(
                f"The weights of {name} need {file_name} in {folder}, which is not there.",
                "Only safetensors are loaded; pickled weights are refused.",
            )


def _require_all_keys(info: dict[str, Any], name: str, folder: Path) -> None:
    found = []
    for kind, words in (
        ("missing_keys", "missing"),
        ("unexpected_keys", "unexpected"),
        ("mismatched_keys", "of another shape"),
        ("error_msgs", "with errors"),
    ):
        keys = sorted(str(key) for key in info.get(kind) or ())
        if keys:
            found.append(f"{len(keys)} {words} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})")
    if found:
        raise ModelError(
            f"The weights of {name} in {folder} do not fit their class: {'; '.join(found)}.",
            "Get the weights again, with transformers 5.18 or newer.",
        )


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers' load report: what it says becomes a ModelError."""
    tune: Any = logging
    level = tune.get_verbosity()
    bars = tune.is_progress_bar_enabled()
    tune.set_verbosity(tune.CRITICAL)
    tune.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        tune.set_verbosity(level)
        if bars:
            tune.enable_progress_bar()
