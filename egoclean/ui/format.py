"""Numbers and names as a person reads them: every one with its unit, none as markup."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")
_PARTS = re.compile(r"[/#]")
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
UNKNOWN = "not known"


def plain(text: object) -> str:
    """Return ``text`` so that markdown shows it letter by letter: file names, reasons and notes come from outside."""
    return _MARKUP.sub(r"\\\1", str(text)).replace("\n", " ")


def duration(seconds: float | None) -> str:
    """Return a time span: ``8.5 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def hours(seconds: float | None) -> str:
    """Return a time span in hours, with enough digits that a minute of footage is not nothing: ``0.037 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    value = seconds / 3600
    return f"{value:,.0f} h" if value >= 1000 else f"{value:.3g} h"


def footage(seconds: float | None) -> str:
    """Return an amount of footage in minutes below an hour, in hours above: ``4.2 min``, ``1.85 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    return f"{seconds / 60:.1f} min" if seconds < 3600 else hours(seconds)


def moment(seconds: float | None) -> str:
    """Return a place in a clip: ``1:02.50``, minutes and seconds from its first frame."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    hundredths = max(0, round(seconds * 100))
    return f"{hundredths // 6000}:{hundredths % 6000 / 100:05.2f}"


def size(count_bytes: float | None) -> str:
    """Return an amount of bytes in powers of ten: ``3.4 MB``."""
    if count_bytes is None or not math.isfinite(count_bytes):
        return UNKNOWN
    for unit, name in _SIZES:
        if count_bytes >= unit:
            return f"{count_bytes / unit:.1f} {name}"
    return f"{count_bytes:.0f} bytes"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things: ``1 clip``, ``1,204 windows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def share(part: float, whole: float) -> str:
    """Return ``part`` of ``whole`` in per cent, or nothing to say when there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole > 0 else "–"


def ago(timestamp: float, now: float | None = None) -> str:
    """Return how long ago a moment of the clock was: ``12 s ago``, ``3 h 10 min ago``."""
    passed = max(0.0, (time.time() if now is None else now) - timestamp)
    return f"{passed:.0f} s ago" if passed < 60 else f"{duration(passed)} ago"


def short_names(clip_ids: Sequence[str]) -> dict[str, str]:
    """Return for each id its shortest end, cut at ``/`` and ``#``, that no other id has: what tells clips apart."""
    parts = {clip_id: _PARTS.split(clip_id) for clip_id in clip_ids}
    names = {clip_id: clip_id for clip_id in clip_ids}
    open_ids, taken = list(parts), 1
    while open_ids:
        ends = {clip_id: "/".join(parts[clip_id][-taken:]) for clip_id in open_ids}
        counts = Counter(ends.values())
        names.update({clip_id: end for clip_id, end in ends.items() if counts[end] == 1})
        open_ids = [clip_id for clip_id in open_ids if counts[ends[clip_id]] > 1 and taken < len(parts[clip_id])]
        taken += 1
    return names


def shorten(text: str, letters: int = 60) -> str:
    """Return ``text`` with its middle left out where it is longer than ``letters``."""
    if len(text) <= letters:
        return text
    half = (letters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
