"""Small pictures of a span of a clip's view: its first frame, its middle, a sheet to scrub over.

A view is egoclean's own encoding with a keyframe every half second, so a picture costs the decoding of a few frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from egoclean.records import MediaLocation

QUALITY: Final = 75


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a picture shows of a span: frames at these shares of it, side by side, and how wide each is, pixels."""

    shares: tuple[float, ...]
    width_px: int


SHEET_PICTURES: Final = 8
GLIMPSES: Final[Mapping[str, Glimpse]] = {
    "first.jpg": Glimpse((0.0,), 160),
    "middle.jpg": Glimpse((0.5,), 240),
    "sheet.jpg": Glimpse(tuple((part + 0.5) / SHEET_PICTURES for part in range(SHEET_PICTURES)), 240),
}


@lru_cache(maxsize=512)
def draw(view: str, name: str, start: int, stop: int) -> bytes:
    """Return the JPEG of a glimpse of the span from ``start`` to ``stop``, in microseconds from the first frame.

    The last 512 are kept, 5 to 50 kB each: ``view`` is a file of a cache entry, which never changes.

    Raises
    ------
    MediaError : the view is gone or does not decode.
    """
    from egoclean.media.images import jpeg_bytes, sprite_sheet
    from egoclean.media.sample import small_pictures

    glimpse = GLIMPSES[name]
    times_s = [(start + share * max(0, stop - start)) / 1e6 for share in glimpse.shares]
    pictures = small_pictures(MediaLocation(view), times_s, glimpse.width_px)
    return jpeg_bytes(sprite_sheet(pictures, min(glimpse.width_px, pictures[0].shape[1])), QUALITY)
