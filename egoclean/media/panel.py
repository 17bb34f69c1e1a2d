"""Pictures side by side with a caption under each: the truth-against-prediction panel as one file."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

ByteArray = NDArray[np.uint8]

TILE_PX = 224
_GAP_PX = 8
_CAPTION_PX = 22
_PAPER = 255
_INK = (40, 40, 40)
_FONT_SCALE = 0.4


def panel_picture(pictures: Sequence[tuple[str, ByteArray]], footer: str = "") -> ByteArray:
    """Return square pictures in a row, each ``TILE_PX`` wide with its caption under it, and ``footer`` at the bottom.

    Parameters
    ----------
    pictures : captions, and RGB pictures of shape ``(side, side, 3)``.
    """
    width = len(pictures) * (TILE_PX + _GAP_PX) + _GAP_PX
    height = _GAP_PX + TILE_PX + _CAPTION_PX + (_CAPTION_PX if footer else 0)
    canvas = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    for number, (caption, picture) in enumerate(pictures):
        left = _GAP_PX + number * (TILE_PX + _GAP_PX)
        canvas[_GAP_PX : _GAP_PX + TILE_PX, left : left + TILE_PX] = cv2.resize(
            picture, (TILE_PX, TILE_PX), interpolation=cv2.INTER_NEAREST
        )
        _write(canvas, caption, left, _GAP_PX + TILE_PX + 15)
    if footer:
        _write(canvas, footer, _GAP_PX, height - 7)
    return canvas


def _write(canvas: ByteArray, text: str, left: int, baseline: int) -> None:
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(canvas, plain, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, _FONT_SCALE, _INK, 1, cv2.LINE_AA)
