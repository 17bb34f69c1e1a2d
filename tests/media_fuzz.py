"""Mutated copies of a video, read as egoclean reads them; imported by worker processes."""

import tempfile
from pathlib import Path

import numpy as np

from egoclean.errors import MediaError
from egoclean.media.decode import check_decoded, decode_frames
from egoclean.media.probe import probe
from egoclean.records import MediaLocation


def mutate_and_read(path, seeds):
    """Return ``(seed, outcome)`` for each seed: ``whole``, ``warned``, ``refused`` or, never hoped for, ``short``."""
    data = Path(path).read_bytes()
    frames = len(probe(MediaLocation(path)).pts)
    with tempfile.TemporaryDirectory() as folder:
        return [(seed, _outcome(_mutated(data, seed), Path(folder) / "m.mp4", frames)) for seed in seeds]


def _mutated(data, seed):
    generator = np.random.default_rng(seed)
    changed = bytearray(data)
    kind = seed % 4
    if kind == 0:
        changed[int(generator.integers(len(data)))] ^= int(generator.integers(1, 256))
    elif kind == 1:
        for place in generator.integers(0, len(data), 40):
            changed[place] ^= int(generator.integers(1, 256))
    elif kind == 2:
        for place in generator.integers(0, 2500, 3):
            changed[place] ^= int(generator.integers(1, 256))
    else:
        first = int(generator.integers(len(data) - 400))
        del changed[first : first + int(generator.integers(1, 400))]
    return bytes(changed)


def _outcome(data, path, frames):
    path.write_bytes(data)
    location = MediaLocation(str(path))
    try:
        probed = probe(location)
        pts = np.array([frame.pts for frame in decode_frames(location)], dtype=np.int64)
        problems = [*probed.problems, *check_decoded(pts, probed.pts, location)]
    except MediaError:
        return "refused"
    if problems:
        return "warned"
    return "whole" if len(pts) >= frames else "short"
