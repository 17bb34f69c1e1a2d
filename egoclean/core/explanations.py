"""Trivial explanations of a score: motion, blur, brightness and texture, measured on the frames the model saw.

A score that only follows one of these says nothing a cheaper signal would not. :func:`rank_correlation` says how far
one does, :func:`explained_share` how far all of them together do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from egoclean.errors import UsageError

Floats = NDArray[np.float64]
Frames = NDArray[np.uint8]

TRIVIAL_SIGNALS = ("motion_energy", "blur", "brightness", "texture")
"""Names of the explanations, in the order they are shown."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255.0
_BLUR_SPAN_PX = 9
_TEXTURE_PATCH_PX = 16


@dataclass(frozen=True, slots=True)
class Explanations:
    """One value a window, each shape ``(B,)``.

    motion_energy : mean absolute change of luma from one given frame to the next, in [0, 1].
    blur : 0 for the sharpest picture, 1 for one that blurring does not change (Crete et al., 2007).
    brightness : mean luma, in [0, 1].
    texture : mean standard deviation of luma inside patches of 16 pixels, in [0, 0.5].
    """

    motion_energy: Floats
    blur: Floats
    brightness: Floats
    texture: Floats

    def columns(self) -> dict[str, Floats]:
        """Return the explanations by name, in the order of ``TRIVIAL_SIGNALS``."""
        return {name: getattr(self, name) for name in TRIVIAL_SIGNALS}


def explain(frames: Frames) -> Explanations:
    """Return the trivial explanations of each window.

    Parameters
    ----------
    frames : uint8 RGB, shape ``(B, T, H, W, 3)``, at least 16 pixels on a side; the frames the model gets.

    Raises
    ------
    UsageError : for an array of another type or shape.
    """
    if frames.dtype != np.uint8 or frames.ndim != 5 or frames.shape[4] != 3 or min(frames.shape[2:4]) < 16:
        raise UsageError(f"Frames must be uint8 (B, T, H, W, 3) of 16 pixels or more, found {frames.shape}.")
    rows = [_explain_window(window @ _LUMA) for window in frames]
    motion, blur, brightness, texture = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Explanations(motion, blur, brightness, texture)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's correlation of two signals over the rows where both are finite, ties sharing their rank.

    NaN when fewer than 3 rows are left or one signal is constant there.
    """
    both = np.isfinite(first) & np.isfinite(second)
    if int(both.sum()) < 3:
        return float("nan")
    ranks = [rankdata(values[both]) for values in (first, second)]
    centred = [values - values.mean() for values in ranks]
    norm = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / norm) if norm > 0 else float("nan")


def explained_share(values: Floats, explanations: Mapping[str, Floats]) -> float:
    """Return the share of a signal's rank variance that the explanations' ranks predict together, in [0, 1].

    It is the adjusted R squared of a linear fit of ranks, at least 0: 1 means that the trivial signals order the
    windows just as well. NaN with fewer than 3 more rows than explanations, or a constant signal.
    """
    columns = np.stack([np.asarray(column, dtype=np.float64) for column in explanations.values()], axis=1)
    finite = np.isfinite(values) & np.isfinite(columns).all(axis=1)
    count, width = int(finite.sum()), columns.shape[1]
    if count < width + 3:
        return float("nan")
    wanted = rankdata(values[finite])
    design = np.column_stack([np.ones(count), *(rankdata(column) for column in columns[finite].T)])
    fit = design @ np.linalg.lstsq(design, wanted, rcond=None)[0]
    total = float(((wanted - wanted.mean()) ** 2).sum())
    if total == 0:
        return float("nan")
    unexplained = float(((wanted - fit) ** 2).sum()) / total
    return float(np.clip(1.0 - unexplained * (count - 1) / (count - width - 1), 0.0, 1.0))


def _explain_window(luma: NDArray[np.float32]) -> tuple[float, float, float, float]:
    motion = float(np.abs(np.diff(luma, axis=0)).mean()) if len(luma) > 1 else 0.0
    middle = luma[len(luma) // 2]
    return motion, _blur(middle), float(luma.mean()), _texture(middle)


def _blur(luma: NDArray[np.float32]) -> float:
    """Return the share of neighbouring differences that a 9-pixel box blur leaves, the greater of both directions."""
    shares = []
    for axis in (0, 1):
        change = np.abs(np.diff(luma, axis=axis))
        blurred = np.abs(np.diff(_box_blur(luma, axis), axis=axis))
        total = float(change.sum())
        lost = float(np.maximum(change - blurred, 0.0).sum())
        shares.append(1.0 - lost / total if total > 0 else 1.0)
    return max(shares)


def _box_blur(luma: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    padding = [(0, 0), (0, 0)]
    padding[axis] = (_BLUR_SPAN_PX // 2 + 1, _BLUR_SPAN_PX // 2)
    total = np.cumsum(np.pad(luma, padding, mode="edge"), axis=axis, dtype=np.float64)
    stop = np.take(total, range(_BLUR_SPAN_PX, total.shape[axis]), axis=axis)
    start = np.take(total, range(total.shape[axis] - _BLUR_SPAN_PX), axis=axis)
    averaged: NDArray[np.float64] = (stop - start) / _BLUR_SPAN_PX
    return averaged


def _texture(luma: NDArray[np.float32]) -> float:
    side = _TEXTURE_PATCH_PX
    rows, columns = luma.shape[0] // side, luma.shape[1] // side
    patches = luma[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(patches.std(axis=(1, 3)).mean())
