"""How fast rectification is, beside the published approach and beside its own limit, on one clip given by path.

    python bench/rectify.py --make-clip kitchen.mp4 --from egocentric_kitchen_1080p30_4s.mp4
    python bench/rectify.py kitchen.mp4 [--runs 5] [--json bench/results/rectify.json]

The first makes the footage: the kitchen clip looped to and fro as H.265 at about 3.6 Mbit/s. The second runs every
contestant once, in alternating order, ``--runs`` times, each in fresh processes, and prints medians. The published
approach: OpenCV's VideoCapture, BGR remap with cached CV_16SC2 maps, raw frames piped to ffmpeg's libx264 medium at
CRF 28. Both use the same lens and the same new camera (balance 0). The limit is cores over the sum of what decoding,
mapping and encoding cost one core alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from process_memory import PeakMemory

from egoclean.config import RectifyConfig
from egoclean.core.rectification import balanced_camera, inside, resized_camera, source_positions
from egoclean.media.cameras import plan_cameras
from egoclean.media.decode import decode_frames
from egoclean.media.encode import EncodeOptions, VideoWriter
from egoclean.media.planes import empty_frame, frame_planes
from egoclean.media.probe import probe
from egoclean.media.rectify import FULL_KEYFRAME_S, rectify_video
from egoclean.media.remap import PlaneRemapper, shrink
from egoclean.records import CameraModel, Intrinsics, MediaLocation

CARD = Intrinsics(CameraModel.FISHEYE, 1920, 1080, 1030.59, 1032.82, 966.69, 539.69, -0.1166, -0.0236, 0.0694, -0.0463)
CONFIG = RectifyConfig(balance=0.0)
FULL_CONFIG = RectifyConfig(balance=0.0, full=True)
LOOP_FRAMES = 300
BIT_RATE = 3_640_000
SSIM_FRAMES = 5


def make_clip(source: Path, target: Path) -> None:
    """Write the source's frames to and fro, ``LOOP_FRAMES`` of them, as H.265 at 3.64 Mbit/s with sparse keyframes."""
    with av.open(str(source)) as opened:
        frames = [frame.reformat(format="yuv420p") for frame in opened.decode(video=0)]
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    rates = f"log-level=none:keyint=60:bitrate={BIT_RATE // 1000}:vbv-maxrate=6000:vbv-bufsize=7000"
    with av.open(str(target), "w", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx265", rate=30, options={"preset": "fast", "x265-params": rates})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        for index in range(LOOP_FRAMES):
            frame = frames[there_and_back[index % len(there_and_back)]]
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, 30), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def ours(clip: str, out: str, full: bool, workers: int) -> None:
    """Rectify a clip as egoclean does."""
    rectify_video(MediaLocation(clip), CARD, FULL_CONFIG if full else CONFIG, Path(out), "ours", workers=workers)


def published(clip: str, out: str) -> None:
    """Rectify a clip as the published pipeline does."""
    capture = cv2.VideoCapture(clip)
    width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    new, _ = balanced_camera(CARD, 0.0)
    matrices = [np.array([[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]]) for c in (CARD, new)]
    maps = cv2.fisheye.initUndistortRectifyMap(
        matrices[0], np.array(CARD.coefficients), np.eye(3), matrices[1], (width, height), cv2.CV_16SC2
    )
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}"]
    command += ["-r", "30", "-i", "-", "-c:v", "libx264", "-preset", "medium", "-crf", "28", "-pix_fmt", "yuv420p"]
    with subprocess.Popen([*command, f"{out}/published.mp4"], stdin=subprocess.PIPE) as encoder:
        while True:
            found, picture = capture.read()
            if not found:
                break
            encoder.stdin.write(cv2.remap(picture, *maps, cv2.INTER_LINEAR).tobytes())
        encoder.stdin.close()


def stage_costs(clip: str, frame_count: int = 90) -> dict[str, float]:
    """Return the CPU milliseconds a frame of each stage alone, on one thread."""
    cv2.setNumThreads(1)
    location = MediaLocation(clip)
    header = probe(location).header
    plan = plan_cameras(header, CARD, CONFIG)
    view = resized_camera(plan.target, *plan.view_size)
    frames: list[Any] = []
    costs = {"decode": cpu_ms(lambda: frames.extend(first_frames(location, frame_count)), frame_count)}
    planes = [frame_planes(frame) for frame in frames]
    costs["downscale"] = cpu_ms(
        lambda: [shrink(plane, plan.source.image_height // view.image_height) for three in planes for plane in three],
        frame_count,
    )
    for name, camera, options in (
        ("view", view, EncodeOptions(CONFIG.view_crf, CONFIG.view_preset, CONFIG.view_keyframe_s)),
        ("full", plan.target, EncodeOptions(CONFIG.full_crf, CONFIG.full_preset, FULL_KEYFRAME_S)),
    ):
        remapper = PlaneRemapper(plan.source, camera, 16)
        made: list[Any] = []
        costs[f"{name} map"] = cpu_ms(lambda r=remapper, c=camera, m=made: map_all(r, c, planes, m), frame_count)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "e.mp4"
            costs[f"{name} encode"] = cpu_ms(lambda m=made, p=path, o=options: encode_all(p, m, o), frame_count)
    return costs


def ssim_against_ideal(clip: str, written: str, camera: Intrinsics) -> float:
    """Return the mean luma SSIM of some written frames against supersampled rectification of the source."""
    width, height = camera.image_width, camera.image_height
    x, y = source_positions(CARD, camera, np.arange(width, dtype=float), np.arange(height, dtype=float))
    deep = cv2.erode(inside(x, y, CARD).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    count = len(probe(MediaLocation(written)).pts)
    chosen = set(np.linspace(3, count - 1, SSIM_FRAMES).astype(int).tolist())
    sources, results = (
        [frame_planes(f)[0].copy() for i, f in enumerate(decode_frames(MediaLocation(path))) if i in chosen]
        for path in (clip, written)
    )
    ideals = [np.zeros((height, width), np.float32) for _ in sources]
    offsets = (-0.375, -0.125, 0.125, 0.375)
    for across in offsets:
        for down in offsets:
            maps = source_positions(CARD, camera, np.arange(width) + across, np.arange(height) + down)
            for source, ideal in zip(sources, ideals, strict=True):
                ideal += cv2.remap(source.astype(np.float32), *maps, cv2.INTER_CUBIC) / len(offsets) ** 2
    return float(np.mean([_ssim(a, b)[deep].mean() for a, b in zip(ideals, results, strict=True)]))


def measure(clip: str, runs: int) -> dict[str, Any]:
    """Return frames per second of every contestant, the stage costs, ratios, bytes, SSIM and peak memory."""
    frames = len(probe(MediaLocation(clip)).pts)
    contestants: dict[str, tuple[Callable[..., None], tuple[Any, ...], int]] = {
        "published, two clips": (published, (), 2),
        "view, two clips": (ours, (False, 1), 2),
        "full, two clips": (ours, (True, 1), 2),
        "view, one clip in segments": (ours, (False, 2), 1),
        "full, one clip in segments": (ours, (True, 2), 1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            for name, (function, extra, copies) in contestants.items():
                spent, peak = _timed(function, clip, folder, extra, copies)
                seconds[name].append(spent)
                peaks[name] = max(peak, peaks.get(name, 0.0))
        sizes = {n: (Path(folder) / "0" / f).stat().st_size for n, f in _WRITTEN.items()}
        new, _ = balanced_camera(CARD, 0.0)
        ssim = {n: ssim_against_ideal(clip, f"{folder}/0/{f}", new) for n, f in _WRITTEN.items() if n != "view"}
    copies_of = {name: copies for name, (_, _, copies) in contestants.items()}
    rates = {n: copies_of[n] * frames / statistics.median(s) for n, s in seconds.items()}
    costs = stage_costs(clip)
    cores = len(os.sched_getaffinity(0))
    view_ms = costs["decode"] + costs["view map"] + costs["view encode"]
    full_ms = view_ms + costs["full map"] + costs["full encode"]
    limits = {"view": 1000 * cores / view_ms, "full": 1000 * cores / full_ms}
    return {
        "cores": cores,
        "load_average": os.getloadavg()[0],
        "opencv": cv2.__version__,
        "av": av.__version__,
        "frames": frames,
        "seconds": seconds,
        "frames_per_s": rates,
        "peak_bytes": peaks,
        "cpu_ms_a_frame": costs,
        "limit_frames_per_s": limits,
        "of_limit": {n: rates[f"{n}, two clips"] / limits[n] for n in limits},
        "over_published": {n: rates[f"{n}, two clips"] / rates["published, two clips"] for n in limits},
        "bytes": sizes,
        "ssim": ssim,
    }


_WRITTEN = {"view": "ours.view.mp4", "full": "ours.rectified.mp4", "published": "published.mp4"}


def _timed(
    function: Callable[..., None], clip: str, folder: str, extra: tuple[Any, ...], copies: int
) -> tuple[float, float]:
    """Run ``copies`` of a contestant at once; return wall seconds and the greatest memory of all of them together."""
    context = multiprocessing.get_context("fork")
    outs = [f"{folder}/{number}" for number in range(copies)]
    for out in outs:
        Path(out).mkdir(exist_ok=True)
    processes = [context.Process(target=function, args=(clip, out, *extra)) for out in outs]
    started = time.perf_counter()
    for process in processes:
        process.start()
    with PeakMemory(lambda: [process.pid for process in processes if process.pid]) as memory:
        for process in processes:
            process.join()
        spent = time.perf_counter() - started
    if any(process.exitcode for process in processes):
        raise SystemExit(f"{function.__name__} failed")
    return spent, memory.peak_bytes


def first_frames(location: MediaLocation, count: int) -> list[Any]:
    """Return the first decoded frames of a video."""
    found = []
    for frame in decode_frames(location):
        found.append(frame)
        if len(found) == count:
            break
    return found


def map_all(remapper: PlaneRemapper, camera: Intrinsics, planes: list[Any], made: list[Any]) -> None:
    """Rectify every picture and append the results to ``made``."""
    for three in planes:
        frame, into = empty_frame(camera.image_width, camera.image_height)
        remapper(three, into)
        made.append(frame)


def encode_all(path: Path, frames: list[Any], options: EncodeOptions) -> None:
    """Write the frames as a video."""
    with VideoWriter(path, frames[0].width, frames[0].height, Fraction(1, 30), Fraction(30), options) as writer:
        for index, frame in enumerate(frames):
            writer.write(frame, index)


def cpu_ms(work: Callable[[], Any], frame_count: int) -> float:
    """Return the CPU milliseconds a frame that ``work`` costs."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started) / frame_count


def _ssim(first: Any, second: Any) -> Any:
    a, b = np.asarray(first, np.float32), np.asarray(second, np.float32)
    mean_a, mean_b = _blur(a), _blur(b)
    spread = _blur(a * a) - mean_a**2 + _blur(b * b) - mean_b**2
    shared = _blur(a * b) - mean_a * mean_b
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * mean_a * mean_b + low) * (2 * shared + high) / ((mean_a**2 + mean_b**2 + low) * (spread + high))


def _blur(picture: Any) -> Any:
    return cv2.GaussianBlur(picture, (11, 11), 1.5)


def main() -> None:
    """Make the clip, or measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--make-clip", type=Path)
    parser.add_argument("--from", dest="source", type=Path)
    arguments = parser.parse_args()
    if arguments.make_clip:
        make_clip(arguments.source, arguments.make_clip)
        return
    if arguments.clip is None or not shutil.which("ffmpeg"):
        sys.exit("Give a clip, and install ffmpeg for the published approach.")
    found = measure(str(arguments.clip), arguments.runs)
    text = json.dumps(found, indent=1)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
