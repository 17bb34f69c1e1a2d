"""When the images of a frame record were taken, and where their sequence jumps."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

GAP_FACTOR = 2.5
"""A step longer than this many median steps is a gap: the images on its two sides are no one sequence."""

_NUSCENES_NAME = re.compile(r"__(\d{15,17})\.[A-Za-z]+$")
_FIELDS: tuple[tuple[str, float], ...] = (("timestamps_us", 1e-6), ("timestamps_s", 1.0), ("timestamps", 1.0))


def stated_times_s(record: Mapping[str, Any], frame_count: int) -> tuple[float, ...] | None:
    """Return the times a record states, seconds on the record's own clock, or None when it states none.

    Read are ``timestamps_us`` (microseconds), ``timestamps_s`` and ``timestamps`` (seconds), in this order.

    Raises
    ------
    ValueError : the field is not a list of ``frame_count`` finite numbers.
    """
    for name, scale in _FIELDS:
        values = record.get(name)
        if values is None:
            continue
        if not isinstance(values, list) or len(values) != frame_count:
            raise ValueError(f"{name} must be a list of {frame_count} numbers")
        if not all(_is_number(value) for value in values):
            raise ValueError(f"{name} must hold finite numbers only")
        return tuple(value * scale for value in values)
    return None


def named_times_s(paths: Sequence[str]) -> tuple[float, ...] | None:
    """Return the times in nuScenes file names (``log__channel__microseconds.jpg``), or None unless all have one.

    >>> named_times_s(["n015__CAM_FRONT__1531883546512463.jpg"])
    (1531883546.512463,)
    """
    found = [_NUSCENES_NAME.search(PurePosixPath(path).name) for path in paths]
    if not all(found):
        return None
    return tuple(int(match.group(1)) / 1e6 for match in found if match is not None)


def median_step_s(sequences: Sequence[Sequence[float]]) -> float | None:
    """Return the median of the positive steps within ``sequences``, seconds; None where there is none."""
    steps = [later - earlier for times in sequences for earlier, later in itertools.pairwise(times)]
    positive = [step for step in steps if step > 0]
    return statistics.median(positive) if positive else None


def longest_step(times_s: Sequence[float]) -> tuple[int, float]:
    """Return the index of the image before the longest step, and that step in seconds; needs two times."""
    steps = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    longest = max(range(len(steps)), key=steps.__getitem__)
    return longest, steps[longest]


def is_rising(times_s: Sequence[float]) -> bool:
    """Whether each time is later than the one before."""
    return all(later > earlier for earlier, later in itertools.pairwise(times_s))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
