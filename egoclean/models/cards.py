"""Which models there are and what is known of each: identity, licence, size, input. Loads no model and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from egoclean.errors import ModelError, UsageError

WEIGHTS_DIR = Path(__file__).parent / "weights"
"""Folder of the small weights that come with egoclean, one folder a model."""

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model needs, known before it is loaded.

    ``weights_sha256`` is None when any weights that fit are taken; ``weights_bytes`` is the size of the file.
    ``mask_groups`` masks show every patch once between them: 14 hide 93 % each, 4 hide 75 %; 0 for a model that is not
    asked to fill anything in.
    """

    family: str
    size: str
    model_id: str
    revision: str
    licence: str
    weights_sha256: str | None
    weights_bytes: int
    frame_count: int
    size_px: int
    patch_px: int
    tubelet_frames: int
    mask_groups: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The identity of loaded weights; it goes into every file and page that shows what they made.

    ``revision`` is a commit for published weights, ``bundled`` for those in the package. ``dtype`` is what the weights
    compute in.
    """

    family: str
    model_id: str
    revision: str
    weights_sha256: str
    licence: str
    parameters: int
    weights_bytes: int
    frame_count: int
    size_px: int
    patch_px: int
    tubelet_frames: int
    mask_groups: int
    dtype: str
    device: str

    @property
    def label(self) -> str:
        """One line that names the weights, for pages and panels."""
        return f"{self.model_id} · {self.revision[:12]} · sha256 {self.weights_sha256[:12]} · {self.licence}"


@dataclass(frozen=True, slots=True)
class Download:
    """A published model's file that ``--models full`` needs."""

    model_id: str
    revision: str
    size_bytes: int
    licence: str


SPECS: Mapping[tuple[str, str], ModelSpec] = MappingProxyType(
    {
        ("videomae", "small"): ModelSpec(
            "videomae", "small", "egoclean/videomae-small", "bundled", "Apache-2.0", None, 3_273_848, 16, 112, 8, 2, 4
        ),
        ("vjepa2", "small"): ModelSpec(
            "vjepa2", "small", "egoclean/vjepa2-small", "bundled", "Apache-2.0", None, 4_048_888, 64, 96, 16, 2, 0
        ),
        ("videomae", "full"): ModelSpec(
            "videomae",
            "full",
            "MCG-NJU/videomae-base",
            "dc740ceda42fce44faed2ea03c6d447db72f6af9",
            "CC-BY-NC-4.0",
            "bc053ca2840a038b1068269a4eec06ca569689e9a1ed9376a5b2b8a111be5290",
            376_900_000,
            16,
            224,
            16,
            2,
            14,
        ),
        ("vjepa2", "full"): ModelSpec(
            "vjepa2",
            "full",
            "facebook/vjepa2-vitl-fpc64-256",
            "b3c1679b7c34d3255ef3547f27c7b226aefab26f",
            "MIT",
            "25466aef85727d16546c6cf8c99f12fcfad9cbca8225d45f23685e2e025b786b",
            1_303_947_864,
            64,
            256,
            16,
            2,
            0,
        ),
    }
)
"""Every model, by family and size. Published ones are pinned to a commit and to the digest of their weights."""


def model_spec(family: str, models: str) -> ModelSpec:
    """Return the spec of ``family`` (``videomae`` or ``vjepa2``) at the size ``models`` (``small`` or ``full``).

    Raises
    ------
    UsageError : for a family or size that does not exist.
    """
    try:
        return SPECS[family, models]
    except KeyError:
        known = ", ".join(f"{name} {size}" for name, size in SPECS)
        raise UsageError(f"There is no model {family} {models}.", f"Models: {known}.") from None


def bundled_weights(spec: ModelSpec) -> Path:
    """Return the file of a small model's weights, which comes with egoclean.

    Raises
    ------
    ModelError : the file is not there: the installation is not whole.
    """
    path = WEIGHTS_DIR / spec.model_id.rpartition("/")[2] / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(
            f"The weights of {spec.model_id} should have come with egoclean, but {path} is not there.",
            "Install egoclean again, or use the published models: --models full.",
        )
    return path


def full_downloads(families: Iterable[str]) -> tuple[Download, ...]:
    """Return what ``--models full`` downloads for these families, in their order."""
    specs = [model_spec(family, "full") for family in families]
    return tuple(Download(spec.model_id, spec.revision, spec.weights_bytes, spec.licence) for spec in specs)


def download_notice(downloads: Iterable[Download]) -> str:
    """Return the text to show before anything is downloaded: each model with its size and licence, one a line."""
    lines = [
        f"{item.model_id} at {item.revision[:12]}: {item.size_bytes / 1e6:,.0f} MB, licence {item.licence}"
        + (" (no commercial use)" if "-NC" in item.licence else "")
        for item in downloads
    ]
    return "\n".join(lines)
