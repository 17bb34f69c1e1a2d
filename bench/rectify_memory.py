"""The greatest memory of the whole process tree while the pipeline rectifies one long clip.

    python bench/rectify_memory.py egocentric_kitchen_1080p30_4s.mp4 [--minutes 20] [--workers 2]
        [--out bench/results/rectify_memory.json]

The clip is the footage given by path, encoded once as H.265 at about 3.6 Mbit/s and then its packets over and over
with new times until the minutes are full. The pipeline runs as a user starts it, ``egoclean run --until rectify``, on
a new project with the calibration of the Egocentric-10K card; memory is proportional (Pss), so that pages which
processes share count once, and includes the command, its workers and their helpers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from process_memory import SAMPLE_EVERY_S, PeakMemory
from rectify import CARD, LOOP_FRAMES, make_clip

from egoclean.core.intrinsics import intrinsics_to_dict

RATE = 30


def repeat_packets(source: Path, target: Path, minutes: float) -> int:
    """Write the packets of ``source``, :data:`LOOP_FRAMES` frames, over and over up to ``minutes``; return frames."""
    repeats = max(1, round(minutes * 60 * RATE / LOOP_FRAMES))
    with av.open(str(source)) as opened, av.open(str(target), "w", options={"movflags": "+faststart"}) as container:
        stream = opened.streams.video[0]
        written: Any = container.add_stream_from_template(stream)
        period = round(Fraction(LOOP_FRAMES, RATE) / stream.time_base)
        for repeat in range(repeats):
            opened.seek(0, stream=stream)
            for packet in opened.demux(stream):
                if packet.size == 0 or packet.pts is None or packet.dts is None:
                    continue
                packet.pts += repeat * period
                packet.dts += repeat * period
                packet.stream = written
                container.mux(packet)
    return repeats * LOOP_FRAMES


def rectified(clip: Path, folder: Path, workers: int) -> tuple[float, PeakMemory]:
    """Run the pipeline on ``clip`` up to rectify; return wall seconds and what its memory was."""
    command = [sys.executable, "-m", "egoclean", "run", str(clip), "--project", str(folder / "project")]
    command += ["--until", "rectify", "--workers", str(workers)]
    started = time.perf_counter()
    with subprocess.Popen(command) as process, PeakMemory(lambda: [process.pid]) as memory:
        status = process.wait()
    if status:
        raise SystemExit(f"egoclean run ended with status {status}")
    return time.perf_counter() - started, memory


def measure(footage: Path, minutes: float, workers: int) -> dict[str, Any]:
    """Make the clip, rectify it, and return sizes, times and the peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(footage, folder / "loop.mp4")
        (folder / "footage").mkdir()
        clip = folder / "footage" / "long.mp4"
        frames = repeat_packets(folder / "loop.mp4", clip, minutes)
        (folder / "footage" / "intrinsics.json").write_text(json.dumps(intrinsics_to_dict(CARD)))
        clip_bytes = clip.stat().st_size
        seconds, memory = rectified(clip, folder, workers)
        (report,) = (folder / "cache" / "rectify").glob("*/*/rectification.json")
        done = json.loads(report.read_text())
    if done["frame_count"] != frames or not done["rectified"]:
        raise SystemExit(f"{frames} frames were written and {done['frame_count']} rectified")
    return {
        "minutes": frames / RATE / 60,
        "frames": frames,
        "clip_bytes": clip_bytes,
        "workers": workers,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "seconds": seconds,
        "frames_per_s": frames / seconds,
        "peak_bytes": memory.peak_bytes,
        "samples": memory.samples,
        "sample_every_s": SAMPLE_EVERY_S,
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.footage, arguments.minutes, arguments.workers), indent=1)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
