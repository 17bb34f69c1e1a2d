"""The good beginning of a damaged video: the whole frames before the first damage, and nothing after it."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import MediaError
from egoclean.media.decode import decode_frames
from egoclean.media.opening import shown_name
from egoclean.media.probe import ANY_PTS, ProbeResult, probe, whole_packets
from egoclean.records import MediaLocation, Problem, Severity

SALVAGEABLE = frozenset({"truncated", "decode_error"})
"""Codes of damages that have something good before them."""


def good_part(location: MediaLocation, damage: MediaError) -> tuple[MediaLocation, ProbeResult]:
    """Return a damaged video limited to the frames before its first damage, and the facts of that part.

    Found by decoding from the first frame on: the frames that decode, one for one those that the packets announce,
    up to the first one that does not, is missing, or stands behind packets that are missing. Damage that no decoder
    notices is not noticed here either.

    Parameters
    ----------
    location : the video.
    damage : the error that it was rejected with; its message is the reason that is kept.

    Returns
    -------
    The location with its ``last_pts``, and its probe, whose first problem is ``salvaged``: why, and as ``time_s`` the
    seconds up to which the video is used.

    Raises
    ------
    MediaError : ``damage`` itself, when it is of another kind than :data:`SALVAGEABLE` or no frame is good.
    """
    if damage.code not in SALVAGEABLE:
        raise damage
    expected, _ = whole_packets(location)
    good = _common_run(_decoded(location), expected)
    if not len(good):
        raise damage
    limited = dataclasses.replace(location, last_pts=int(good[-1]))
    probed = probe(limited)
    until_s = probed.header.duration_s
    message = f"Only the first {until_s:.3f} s of {shown_name(location.path)} are used. {damage.message}"
    salvaged = Problem("salvaged", message, Severity.WARNING, until_s)
    return limited, dataclasses.replace(probed, problems=(salvaged, *probed.problems))


def _decoded(location: MediaLocation) -> NDArray[np.int64]:
    """Return the pts of the frames that decode before the first error."""
    found: list[int] = []
    with contextlib.suppress(MediaError):
        for frame in decode_frames(dataclasses.replace(location, last_pts=ANY_PTS)):
            found.append(frame.pts)
    return np.array(found, dtype=np.int64)


def _common_run(decoded: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the decoded pts from the first on for as long as each is the next that was expected."""
    if not len(decoded):
        return decoded
    announced = expected[np.searchsorted(expected, decoded[0]) :]
    count = min(len(decoded), len(announced))
    differs = np.flatnonzero(decoded[:count] != announced[:count])
    return decoded[: differs[0] if len(differs) else count]
