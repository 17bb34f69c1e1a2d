"""V-JEPA 2: what a window looks like to the encoder, as one vector and as one vector a time slot.

Embedding calls the encoder alone: the predictor that ``VJEPA2Model`` runs by default costs half as much again. Frames
of another size than the model's crop would get wrong positions without an error, so they are refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import VJEPA2Model

from egoclean.errors import ModelError
from egoclean.models.batching import halving
from egoclean.models.cards import ModelCard, model_spec
from egoclean.models.device import DeviceChoice, fetch
from egoclean.models.fused import Vjepa2Encoder
from egoclean.models.loading import load_model
from egoclean.models.pixels import Frames, normalised_patches, patch_pixels, require_frames
from egoclean.models.rotary import install_rotary_tables
from egoclean.models.surprise import Surprise, feature_errors, predict_features, summarise_surprise

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of ``B`` windows.

    means : float32 ``(B, d)``, mean over all tokens.
    tokens : float32 ``(B, t, d)``, mean over space at each of the ``t`` time slots (one a tubelet).
    finite : ``(B,)``, False where the model gave numbers that are not finite: the window failed.
    """

    means: Vectors
    tokens: Vectors
    finite: NDArray[np.bool_]


class Vjepa2Embedder:
    """A loaded V-JEPA 2; make one with :func:`load_embedder`."""

    def __init__(self, model: VJEPA2Model, card: ModelCard) -> None:
        install_rotary_tables(model)
        self.card = card
        self._model = model
        self._encoder = Vjepa2Encoder(model.encoder)
        config: Any = model.config
        self._patch_px = int(config.patch_size)

    @property
    def size_px(self) -> int:
        """Width and height of the frames it takes."""
        return int(self._model.config.crop_size)

    @property
    def width(self) -> int:
        """Length ``d`` of an embedding."""
        return int(self._model.config.hidden_size)

    @property
    def tubelet_frames(self) -> int:
        """Frames that one time slot spans."""
        return int(self._model.config.tubelet_size)

    def embed(self, frames: Frames) -> Embedded:
        """Return the embeddings of each window; windows do not influence one another.

        Parameters
        ----------
        frames : uint8 RGB, shape ``(B, T, size_px, size_px, 3)``, any ``T`` that is a multiple of the tubelet.

        Raises
        ------
        ModelError : for an array of another type or shape, or no memory for one window.
        """
        return self.begin_embed(frames)()

    def begin_embed(self, frames: Frames) -> Callable[[], Embedded]:
        """Give :meth:`embed` to the device and return a function that waits for its result."""
        require_frames(frames, frame_count=None, size_px=self.size_px, multiple_of=self.tubelet_frames)
        parts = halving(lambda start, stop: self._tokens_over_space(frames[start:stop]), frames.shape[0])
        wait = fetch([torch.cat(parts)])
        return lambda: _embedded(wait()[0])

    def surprise(self, frames: Frames, context_frames: int | None = None) -> Surprise:
        """Return how far the frames after the first ``context_frames``, half as many, are from what those predict.

        Parameters
        ----------
        frames : as for :meth:`embed`, at least two tubelets long.
        context_frames : a multiple of the tubelet, less than ``T``; half of the window when None.

        Raises
        ------
        ModelError : as :meth:`embed`, and for a context that does not fit the window.
        """
        return self.embed_with_surprise(frames, context_frames)[1]

    def embed_with_surprise(self, frames: Frames, context_frames: int | None = None) -> tuple[Embedded, Surprise]:
        """Return :meth:`embed` and :meth:`surprise` for one pass over the whole window, one over its context."""
        return self.begin_embed_with_surprise(frames, context_frames)()

    def begin_embed_with_surprise(
        self, frames: Frames, context_frames: int | None = None
    ) -> Callable[[], tuple[Embedded, Surprise]]:
        """Give :meth:`embed_with_surprise` to the device and return a function that waits for its result."""
        require_frames(frames, frame_count=None, size_px=self.size_px, multiple_of=self.tubelet_frames)
        context = self._context_frames(frames.shape[1], context_frames)
        parts = halving(lambda start, stop: self._embed_and_predict(frames[start:stop], context), frames.shape[0])
        wait = fetch([torch.cat(column) for column in zip(*parts, strict=True)])

        def result() -> tuple[Embedded, Surprise]:
            tokens, errors, persistence = wait()
            return _embedded(tokens), summarise_surprise(errors, persistence)

        return result

    def _embed_and_predict(self, frames: Frames, context_frames: int) -> list[torch.Tensor]:
        with torch.inference_mode():
            patches = self._patches(frames)
            features = self._encode(patches)
            slots, side = frames.shape[1] // self.tubelet_frames, self.size_px // self._patch_px
            context_slots = context_frames // self.tubelet_frames
            n_context = context_slots * side * side
            near = patches[:, : n_context + max(1, context_slots // 2) * side * side]
            predicted, context = predict_features(self._encode, self._model.predictor, near, n_context)
            errors = feature_errors(features, predicted, context, side * side)
            tokens = features.view(len(frames), slots, -1, self.width).mean(dim=2, dtype=torch.float32)
            return [tokens, *(item.view(len(frames), -1, side, side) for item in errors)]

    def _context_frames(self, frame_count: int, asked: int | None) -> int:
        tubelet = self.tubelet_frames
        context = frame_count // 2 // tubelet * tubelet if asked is None else asked
        if not 0 < context < frame_count or context % tubelet:
            raise ModelError(
                f"The context must be a multiple of {tubelet} frames and shorter than the window of {frame_count}, "
                f"found {context}."
            )
        return context

    def _tokens_over_space(self, frames: Frames) -> torch.Tensor:
        with torch.inference_mode():
            features = self._encode(self._patches(frames))
            by_time = features.view(len(frames), frames.shape[1] // self.tubelet_frames, -1, self.width)
            return by_time.mean(dim=2, dtype=torch.float32)

    def _patches(self, frames: Frames) -> torch.Tensor:
        return normalised_patches(patch_pixels(frames, self.card.device, self.tubelet_frames, self._patch_px))

    def _encode(self, patches: torch.Tensor) -> torch.Tensor:
        """Return the encoder's features ``(B, tokens, d)`` after its final layer norm, in order time, row, column."""
        return self._encoder(patches)


def load_embedder(models: str, choice: DeviceChoice, *, download: bool = True) -> Vjepa2Embedder:
    """Return V-JEPA 2 of the size ``models`` (``small`` or ``full``) on the chosen device.

    Published weights are downloaded when they are absent and ``download`` is True: show
    :func:`egoclean.models.cards.download_notice` first.

    Raises
    ------
    ModelError : weights absent, damaged or not fitting.
    UsageError : another size.
    """
    loaded = load_model(VJEPA2Model, model_spec("vjepa2", models), choice, download=download)
    return Vjepa2Embedder(loaded.model, loaded.card)


def _embedded(tokens: Vectors) -> Embedded:
    means = tokens.mean(axis=1, dtype=np.float64).astype(np.float32)
    return Embedded(means, tokens, np.asarray(np.isfinite(tokens).all(axis=(1, 2))))
