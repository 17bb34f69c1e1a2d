"""VideoMAE: how badly a window's hidden patches are predicted from the few that are left visible.

The score is the mean squared error of the hidden patches in the model's own normalised space; for one mask it equals
the ``.loss`` of ``VideoMAEForPreTraining``, here per window. The encoder sees visible tokens only. The patch embedding
is computed once for all masks of a window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import VideoMAEForPreTraining

from egoclean.core.masks import TokenGrid
from egoclean.errors import ModelError
from egoclean.models.batching import halving
from egoclean.models.cards import ModelCard, model_spec
from egoclean.models.device import DeviceChoice, fetch, upload
from egoclean.models.fused import VideoMaeParts
from egoclean.models.loading import load_model
from egoclean.models.pixels import (
    Frames,
    PatchTargets,
    normalised_patches,
    patch_pixels,
    require_frames,
    targets_of_patches,
)
from egoclean.models.reconstruction import Reconstruction, draw_reconstruction

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """Scores of ``B`` windows with ``K`` masks each.

    mse : ``(B, K)``, mean squared error of the hidden patches, in normalised units; the score of one mask.
    mean : ``(B,)``, mean of ``mse`` over masks: the score.
    standard_error : ``(B,)``, of ``mean`` over masks; NaN with a single mask.
    zero_mse : ``(B,)``, the same error of predicting zero everywhere, near (P - 1) / P for textured patches.
    skill : ``(B,)``, ``1 - mean / zero_mse``: 1 is perfect, 0 and below means the model knows nothing; NaN where
        every patch is flat.
    pixel_mse : ``(B,)``, mean squared error in pixels of [0, 1], the prediction scaled by the true patch statistics.
    finite : ``(B,)``, False where the model gave numbers that are not finite: the window failed.
    """

    mse: Floats
    mean: Floats
    standard_error: Floats
    zero_mse: Floats
    skill: Floats
    pixel_mse: Floats
    finite: NDArray[np.bool_]


class VideoMaeScorer:
    """A loaded VideoMAE; make one with :func:`load_scorer`."""

    def __init__(self, model: VideoMAEForPreTraining, card: ModelCard) -> None:
        self.card = card
        self._model = model
        self._parts = VideoMaeParts(model)
        config: Any = model.config
        self._frame_count = int(config.num_frames)
        self._size_px = int(config.image_size)
        self._patch_px = int(config.patch_size)
        self._tubelet_frames = int(config.tubelet_size)
        self._normalise = bool(config.norm_pix_loss)

    @property
    def frame_count(self) -> int:
        """Frames of a window that the model takes."""
        return self._frame_count

    @property
    def size_px(self) -> int:
        """Width and height of the frames it takes."""
        return self._size_px

    @property
    def mask_shape(self) -> TokenGrid:
        """The token grid that masks are made for; ``mask_shape.tokens`` is the length of a mask."""
        side = self.size_px // self._patch_px
        return TokenGrid(self.frame_count // self._tubelet_frames, side, side, self.card.mask_groups)

    def score(self, frames: Frames, masks: Masks) -> ScoreBatch:
        """Return the scores of each window with each of its masks; windows do not influence one another.

        Parameters
        ----------
        frames : uint8 RGB, shape ``(B, frame_count, size_px, size_px, 3)``.
        masks : bool, shape ``(B, K, mask_shape.tokens)``, True hidden; the same number hidden in each.

        Raises
        ------
        ModelError : for arrays of another type or shape, masks of unequal counts, or no memory for one window.
        """
        return self.begin_score(frames, masks)()

    def begin_score(self, frames: Frames, masks: Masks) -> Callable[[], ScoreBatch]:
        """Give :meth:`score` to the device and return a function that waits for its result."""
        require_frames(frames, frame_count=self.frame_count, size_px=self.size_px)
        self._require_masks(masks, frames.shape[0])
        parts = halving(lambda start, stop: self._score(frames[start:stop], masks[start:stop]), frames.shape[0])
        wait = fetch([torch.cat(column) for column in zip(*parts, strict=True)])
        return lambda: _summarise(*wait())

    def reconstruct(self, frames: Frames, mask: Masks, frame: int | None = None) -> Reconstruction:
        """Return pictures of what the model was shown, what it predicted and where it was wrong, for one frame.

        Parameters
        ----------
        frames : uint8 RGB, shape ``(frame_count, size_px, size_px, 3)``.
        mask : bool, shape ``(mask_shape.tokens,)``.
        frame : index of the frame to draw; the middle one when None.

        Raises
        ------
        ModelError : for arrays of another type or shape, an index outside, or output that is not finite.
        """
        windows, masks = frames[None], mask[None, None]
        require_frames(windows, frame_count=self.frame_count, size_px=self.size_px)
        self._require_masks(masks, 1)
        index = self.frame_count // 2 if frame is None else frame
        if not 0 <= index < self.frame_count:
            raise ModelError(f"The frame to draw must be from 0 to {self.frame_count - 1}, found {index}.")
        with torch.inference_mode():
            targets, tokens = self._prepare(windows)
            hidden = torch.from_numpy(mask).to(self.card.device)
            prediction = torch.zeros_like(targets.normalised)
            prediction[0, hidden] = self._predict(tokens, self._rows_of(masks))[0]
        if not bool(torch.isfinite(prediction).all()):
            raise ModelError(f"{self.card.model_id} predicted numbers that are not finite.")
        return draw_reconstruction(
            targets, prediction, hidden, frame=index, frame_count=self.frame_count, size_px=self.size_px,
            tubelet_frames=self._tubelet_frames, patch_px=self._patch_px,
        )  # fmt: skip

    def _score(self, frames: Frames, masks: Masks) -> list[torch.Tensor]:
        windows, count = masks.shape[:2]
        at_once = count if self.card.device.startswith("cuda") else 1
        columns = []
        with torch.inference_mode():
            targets, tokens = self._prepare(frames)
            for first in range(0, count, at_once):
                rows = self._rows_of(masks[:, first : first + at_once])
                errors = _row_errors(targets, self._predict(tokens, rows), rows)
                columns.append([column.view(windows, -1).double() for column in errors])
            return [torch.cat(parts, dim=1) for parts in zip(*columns, strict=True)]

    def _prepare(self, frames: Frames) -> tuple[PatchTargets, torch.Tensor]:
        """Return the targets of each window and its tokens ``(B, S, d)``: once for all of its masks."""
        patches = patch_pixels(frames, self.card.device, self._tubelet_frames, self._patch_px)
        targets = targets_of_patches(patches, normalise=self._normalise)
        return targets, self._parts.tokens(normalised_patches(patches))

    def _predict(self, tokens: torch.Tensor, rows: _Rows) -> torch.Tensor:
        """Return predictions ``(R, n_hidden, P, 3)`` in float32, in token order, from the visible tokens only."""
        visible_tokens = tokens[rows.window[:, None], rows.visible]
        predicted = self._parts.predict(visible_tokens, rows.visible, rows.hidden)
        return predicted.float().view(*rows.hidden.shape, -1, 3)

    def _rows_of(self, masks: Masks) -> _Rows:
        windows, count, tokens = masks.shape
        order = np.argsort(masks.reshape(-1, tokens), axis=1, kind="stable")
        split = tokens - int(masks[0, 0].sum())
        window = np.repeat(np.arange(windows), count)
        return _Rows(*(upload(values, self.card.device) for values in (window, order[:, :split], order[:, split:])))

    def _require_masks(self, masks: Masks, windows: int) -> None:
        tokens = self.mask_shape.tokens
        if masks.dtype != np.bool_ or masks.ndim != 3 or masks.shape[0] != windows or masks.shape[2] != tokens:
            raise ModelError(
                f"Masks must be bool ({windows}, K, {tokens}) for these frames, found {masks.dtype} {masks.shape}."
            )
        counts = masks.sum(axis=2)
        if counts.size == 0 or counts.min() != counts.max() or not 0 < counts.min() < tokens:
            raise ModelError(
                f"Every mask must hide the same number of the {tokens} tokens, at least one and not all; "
                f"found {sorted({int(count) for count in counts.ravel()})[:5]}."
            )


def load_scorer(models: str, choice: DeviceChoice, *, download: bool = True) -> VideoMaeScorer:
    """Return VideoMAE of the size ``models`` (``small`` or ``full``) on the chosen device.

    Published weights are downloaded when they are absent and ``download`` is True: show
    :func:`egoclean.models.cards.download_notice` first.

    Raises
    ------
    ModelError : weights absent, damaged or not fitting.
    UsageError : another size.
    """
    loaded = load_model(VideoMAEForPreTraining, model_spec("videomae", models), choice, download=download)
    return VideoMaeScorer(loaded.model, loaded.card)


@dataclass(frozen=True, slots=True)
class _Rows:
    """One row a window and mask: its window ``(R,)`` and its tokens ``(R, n_visible)`` and ``(R, n_hidden)``."""

    window: torch.Tensor
    visible: torch.Tensor
    hidden: torch.Tensor


def _row_errors(
    targets: PatchTargets, prediction: torch.Tensor, rows: _Rows
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    wanted = targets.normalised[rows.window[:, None], rows.hidden]
    scale = targets.scale[rows.window[:, None], rows.hidden]
    difference = prediction - wanted
    return (
        difference.square().flatten(1).mean(1),
        wanted.square().flatten(1).mean(1),
        (difference * scale).square().flatten(1).mean(1),
    )


def _summarise(errors: Floats, zeros: Floats, pixels: Floats) -> ScoreBatch:
    count = errors.shape[1]
    mean = errors.mean(axis=1)
    spread = errors.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(errors), np.nan)
    zero = zeros.mean(axis=1)
    ratio = np.divide(mean, zero, out=np.full_like(mean, np.nan), where=zero > 0)
    finite = np.asarray(np.isfinite(errors).all(axis=1) & np.isfinite(pixels).all(axis=1))
    return ScoreBatch(errors, mean, spread, zero, 1.0 - ratio, pixels.mean(axis=1), finite)
