"""Footage opened in a process of its own, for the dashboard: a file that crashes or hangs a decoder costs one answer.

The child is this module: a request as JSON on its standard input, answers on its standard output, each a line of JSON,
with the bytes of the planes after the line of a still.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from egoclean.errors import MediaError
from egoclean.media.opening import shown_name
from egoclean.media.planes import Planes
from egoclean.records import MediaLocation

STILL_TIMEOUT_S = 60.0
LENGTHS_TIMEOUT_S = 15.0
MEMORY_BYTES = 8 << 30
"""Address space of the child."""


@dataclasses.dataclass(frozen=True, slots=True)
class StatedLength:
    """What a container says of its video, unchecked: seconds, pictures a second, and size in pixels."""

    duration_s: float
    frame_rate: float
    width: int
    height: int


def still_planes(location: MediaLocation, time_s: float, timeout_s: float = STILL_TIMEOUT_S) -> Planes:
    """Return the luma and chroma planes of the picture shown ``time_s`` seconds after the first frame.

    Raises
    ------
    MediaError : as :func:`egoclean.media.sample.decoded_at`; ``crashed`` or ``timeout`` when the decoder ends so.
    """
    request = {"task": "still", "locations": [dataclasses.asdict(location)], "time_s": time_s}
    name = shown_name(location.path)
    try:
        done = _child(request, timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"{name} gave no picture in {timeout_s:.0f} s.", "Try another moment.", code="timeout"
        ) from error
    line, _, data = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:
        raise MediaError(f"{name} made the decoder stop.", "Copy the file again, or leave it out.", code="crashed")
    answer = json.loads(line)
    if "error" in answer:
        raise MediaError(answer["error"], answer["hint"], code=answer["code"])
    flat, planes, start = np.frombuffer(data, np.uint8), [], 0
    for height, width in answer["shapes"]:
        planes.append(flat[start : start + height * width].reshape(height, width))
        start += height * width
    luma, blue, red = planes
    return luma, blue, red


def stated_lengths(
    locations: Sequence[MediaLocation], timeout_s: float = LENGTHS_TIMEOUT_S
) -> list[StatedLength | None]:
    """Return what each container says; None for one that says nothing, and for all that were not reached in time."""
    request = {"task": "lengths", "locations": [dataclasses.asdict(location) for location in locations]}
    try:
        output = _child(request, timeout_s).stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    found: list[StatedLength | None] = []
    for line in output.splitlines(keepends=True)[: len(locations)]:
        answer = json.loads(line) if line.endswith(b"\n") else None
        found.append(StatedLength(**answer) if answer else None)
    return [*found, *[None] * (len(locations) - len(found))]


def _child(request: dict[str, Any], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "egoclean.media.apart"],
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout_s,
        check=False,
    )


def _answer_still(location: MediaLocation, time_s: float) -> Iterator[bytes]:
    from egoclean.media.planes import frame_planes
    from egoclean.media.sample import decoded_at

    try:
        frame = decoded_at(location, time_s)
        planes = frame_planes(frame)
    except MediaError as error:
        yield json.dumps({"error": error.message, "hint": error.hint, "code": error.code}).encode() + b"\n"
        return
    yield json.dumps({"shapes": [plane.shape for plane in planes]}).encode() + b"\n"
    for plane in planes:
        yield np.ascontiguousarray(plane).tobytes()


def _answer_length(location: MediaLocation) -> bytes:
    from egoclean.media.opening import open_video

    try:
        with open_video(location) as (container, stream):
            rate = float(stream.average_rate or 0)
            length = container.duration / 1e6 if container.duration else stream.frames / rate if rate else 0.0
            about = StatedLength(length, rate, stream.codec_context.width, stream.codec_context.height)
    except MediaError:
        return b"null\n"
    return json.dumps(dataclasses.asdict(about) if length > 0 else None).encode() + b"\n"


def _limit_memory() -> None:
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    """Answer the request on standard input."""
    _limit_memory()
    request = json.loads(sys.stdin.buffer.read())
    locations = [MediaLocation(**item) for item in request["locations"]]
    if request["task"] == "still":
        for part in _answer_still(locations[0], request["time_s"]):
            sys.stdout.buffer.write(part)
        return
    for location in locations:
        sys.stdout.buffer.write(_answer_length(location))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
