"""What each encoder preset costs and keeps, and what each field of view keeps of the lenses on the dataset cards.

    python bench/rectify_presets.py kitchen.mp4 [--frames 24] [--json bench/results/rectify_presets.json]

``kitchen.mp4`` is made by ``bench/rectify.py --make-clip``. The SSIM is of luma, against rectified pictures that were
supersampled from the decoded source; time is CPU milliseconds a frame on one thread.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
from rectify import CARD, cpu_ms, encode_all, first_frames, map_all, ssim_against_ideal

from egoclean.config import RectifyConfig
from egoclean.core.rectification import balanced_camera, choose_camera, rectification_report, resized_camera
from egoclean.media.encode import EncodeOptions
from egoclean.media.planes import frame_planes
from egoclean.media.remap import PlaneRemapper
from egoclean.records import CameraModel, Intrinsics, MediaLocation

CARD_100K = Intrinsics(CameraModel.FISHEYE, 456, 256, 137.98, 138.23, 232.17, 125.37, 0.3948, 0.1798, -0.2753, 0.0793)
VIEW_GRID = (("ultrafast", 20), ("superfast", 20), ("superfast", 23), ("superfast", 25), ("veryfast", 23))
FULL_GRID = (
    ("superfast", 26),
    ("superfast", 28),
    ("superfast", 30),
    ("veryfast", 25),
    ("veryfast", 27),
    ("medium", 28),
)
CHOICES = (
    ("balance 0", RectifyConfig(balance=0.0)),
    ("90 degrees", RectifyConfig(hfov_deg=90.0)),
    ("100 degrees", RectifyConfig(hfov_deg=100.0)),
    ("default", RectifyConfig()),
    ("balance 0.5", RectifyConfig(balance=0.5)),
    ("120 degrees", RectifyConfig(hfov_deg=120.0)),
    ("balance 1", RectifyConfig(balance=1.0)),
    ("cylindrical, default", RectifyConfig(projection="cylindrical")),
)


def lens_table() -> list[dict[str, Any]]:
    """Return what each choice of camera keeps of each lens."""
    rows = []
    for lens, source in (("Egocentric-10K card", CARD), ("Egocentric-100K card", CARD_100K)):
        for choice, config in CHOICES:
            report = rectification_report(source, choose_camera(source, config)[0])
            rows.append(
                {
                    "lens": lens,
                    "choice": choice,
                    "hfov_deg": round(report.hfov_deg or 0.0, 1),
                    "vfov_deg": round(report.vfov_deg or 0.0, 1),
                    "source_kept": round(report.source_kept or 0.0, 3),
                    "output_valid": round(report.output_valid or 0.0, 3),
                    "greatest_stretch": round(report.greatest_stretch or 0.0, 2),
                }
            )
    return rows


def preset_table(clip: str, frame_count: int) -> list[dict[str, Any]]:
    """Return CPU cost, size and SSIM of presets for the view and the full-size video."""
    cv2.setNumThreads(1)
    frames = first_frames(MediaLocation(clip), frame_count)
    planes = [frame_planes(frame) for frame in frames]
    full = balanced_camera(CARD, 0.0)[0]
    view = resized_camera(choose_camera(CARD, RectifyConfig())[0], 854, 480)
    rows = []
    for output, camera, keyframe_s, grid in (("view", view, 0.5, VIEW_GRID), ("full", full, 2.0, FULL_GRID)):
        made: list[Any] = []
        map_all(PlaneRemapper(CARD, camera, 16), camera, planes, made)
        for preset, crf in grid:
            options = EncodeOptions(crf, preset, keyframe_s)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "e.mp4"
                cost = cpu_ms(lambda p=path, m=made, o=options: encode_all(p, m, o), frame_count)
                rows.append(
                    {
                        "output": output,
                        "preset": preset,
                        "crf": crf,
                        "cpu_ms": round(cost, 1),
                        "kilobytes_a_frame": round(path.stat().st_size / frame_count / 1000, 1),
                        "ssim": round(ssim_against_ideal(clip, str(path), camera), 4),
                    }
                )
                print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Print both tables and, when asked, keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {"lenses": lens_table(), "presets": preset_table(str(arguments.clip), arguments.frames)}
    print(json.dumps(found["lenses"], indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
