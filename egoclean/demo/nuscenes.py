"""Driving scenes as files: JPEG frames and the tables of nuScenes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoclean.demo.driving import CAMERA_HEIGHT_M, DrivingRenderer
from egoclean.demo.lenses import driving_camera
from egoclean.demo.world import DrivingScene, World
from egoclean.media.canvas import encode_jpeg

VERSION = "v1.0-mini"
KEYFRAME_STEP_S = 0.5
SWEEPS_PER_KEYFRAME = 6
CHANNELS: dict[str, float] = {"CAM_FRONT": 0.0, "CAM_FRONT_LEFT": -55.0}
"""Each camera and its yaw, degrees, positive to the right."""

_EPOCH_US = 1_700_000_000_000_000
_JPEG_QUALITY = 88

Table = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of one camera: ``time_s`` from the scene's start; ``sample`` is the index of its keyframe."""

    channel: str
    time_s: float
    timestamp_us: int
    filename: str
    keyframe: bool
    sample: int


@dataclass
class _Tables:
    rows: dict[str, Table] = field(default_factory=dict)

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Append one row to table ``name``."""
        self.rows.setdefault(name, []).append(row)


def shots_of(scene: DrivingScene) -> tuple[Shot, ...]:
    """Return the pictures of a scene, camera by camera, in time order."""
    shots: list[Shot] = []
    count = int(scene.duration_s / KEYFRAME_STEP_S)
    for channel in CHANNELS:
        dense = scene.sweeps and channel == "CAM_FRONT"
        parts = SWEEPS_PER_KEYFRAME if dense else 1
        for index in range((count - 1) * parts + 1):
            keyframe = index % parts == 0
            time_s = index * KEYFRAME_STEP_S / parts
            stamp = _scene_start_us(scene) + round(time_s * 1e6)
            folder = "samples" if keyframe else "sweeps"
            name = f"{folder}/{channel}/{log_file(scene)}__{channel}__{stamp}.jpg"
            shots.append(Shot(channel, time_s, stamp, name, keyframe, -(-index // parts)))
    return tuple(shots)


def log_file(scene: DrivingScene) -> str:
    """Return the name of the drive that the scene was cut from; several scenes share one."""
    return f"n{8 + scene.log_number:03d}-2026-05-{11 + scene.log_number:02d}-09-30-00+0200"


def write_scene(scene: DrivingScene, world: World, root: Path, advance: Callable[[int], None] | None = None) -> None:
    """Render and write every picture of ``scene`` below ``root``; ``advance`` is told of each."""
    camera = driving_camera(world.driving_width, world.driving_height)
    for channel, yaw_deg in CHANNELS.items():
        renderer = DrivingRenderer(scene, camera, yaw_deg)
        for shot in shots_of(scene):
            if shot.channel == channel:
                path = root / shot.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_jpeg(renderer.frame(shot.time_s), _JPEG_QUALITY))
                if advance is not None:
                    advance(1)


def write_tables(scenes: Sequence[DrivingScene], world: World, root: Path) -> None:
    """Write the thirteen tables of nuScenes for ``scenes`` below ``root``; those a camera does not need are empty."""
    tables = _Tables({name: [] for name in ("attribute", "category", "instance", "sample_annotation", "visibility")})
    for channel in CHANNELS:
        tables.add("sensor", {"token": _token("sensor", channel), "channel": channel, "modality": "camera"})
    for log_number in sorted({scene.log_number for scene in scenes}):
        _add_log(tables, next(scene for scene in scenes if scene.log_number == log_number), world)
    for scene in scenes:
        _add_scene(tables, scene, world)
    folder = root / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.rows.items():
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _add_log(tables: _Tables, scene: DrivingScene, world: World) -> None:
    token = _token("log", str(scene.log_number))
    name = log_file(scene)
    tables.add(
        "log",
        {
            "token": token,
            "logfile": name,
            "vehicle": name.split("-")[0],
            "date_captured": name[5:15],
            "location": "demo-town",
        },
    )
    tables.add(
        "map", {"token": _token("map", token), "log_tokens": [token], "category": "semantic_prior", "filename": ""}
    )
    camera = driving_camera(world.driving_width, world.driving_height)
    for channel, yaw_deg in CHANNELS.items():
        tables.add(
            "calibrated_sensor",
            {
                "token": _token("calibrated", token, channel),
                "sensor_token": _token("sensor", channel),
                "translation": [1.7, 0.0, CAMERA_HEIGHT_M],
                "rotation": _camera_rotation(yaw_deg),
                "camera_intrinsic": [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]],
            },
        )


def _camera_rotation(yaw_deg: float) -> list[float]:
    """Return the quaternion w x y z from camera axes to vehicle axes (x ahead, y left, z up)."""
    half = math.radians(-yaw_deg) / 2
    w, z = math.cos(half), math.sin(half)
    base_w, base_x, base_y, base_z = 0.5, -0.5, 0.5, -0.5
    return [
        w * base_w - z * base_z,
        w * base_x - z * base_y,
        w * base_y + z * base_x,
        w * base_z + z * base_w,
    ]


def _add_scene(tables: _Tables, scene: DrivingScene, world: World) -> None:
    log_token = _token("log", str(scene.log_number))
    shots = shots_of(scene)
    count = max(shot.sample for shot in shots) + 1
    samples = [_token("sample", scene.name, str(index)) for index in range(count)]
    scene_token = _token("scene", scene.name)
    tables.add(
        "scene",
        {
            "token": scene_token,
            "log_token": log_token,
            "nbr_samples": count,
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": scene.name,
            "description": scene.description,
        },
    )
    for index, token in enumerate(samples):
        tables.add(
            "sample",
            {
                "token": token,
                "timestamp": _scene_start_us(scene) + round(index * KEYFRAME_STEP_S * 1e6),
                "prev": samples[index - 1] if index else "",
                "next": samples[index + 1] if index + 1 < count else "",
                "scene_token": scene_token,
            },
        )
    drive = DrivingRenderer.path_of(scene)
    for channel in CHANNELS:
        chain = [shot for shot in shots if shot.channel == channel]
        tokens = [_token("data", shot.filename) for shot in chain]
        for index, shot in enumerate(chain):
            _add_shot(
                tables, shot, tokens, index, samples[shot.sample], _token("calibrated", log_token, channel), world
            )
            x, z = drive(shot.time_s)
            pose = {"token": tokens[index], "timestamp": shot.timestamp_us, "rotation": [1.0, 0.0, 0.0, 0.0]}
            tables.add("ego_pose", {**pose, "translation": [round(z, 4), round(-x, 4), 0.0]})


def _add_shot(
    tables: _Tables, shot: Shot, tokens: list[str], index: int, sample: str, calibration: str, world: World
) -> None:
    tables.add(
        "sample_data",
        {
            "token": tokens[index],
            "sample_token": sample,
            "ego_pose_token": tokens[index],
            "calibrated_sensor_token": calibration,
            "timestamp": shot.timestamp_us,
            "fileformat": "jpg",
            "is_key_frame": shot.keyframe,
            "height": world.driving_height,
            "width": world.driving_width,
            "filename": shot.filename,
            "prev": tokens[index - 1] if index else "",
            "next": tokens[index + 1] if index + 1 < len(tokens) else "",
        },
    )


def _scene_start_us(scene: DrivingScene) -> int:
    return _EPOCH_US + scene.log_number * 86_400_000_000 + int(scene.name[-4:]) * 60_000_000 + 12_404


def _token(*names: str) -> str:
    return hashlib.md5("/".join(names).encode(), usedforsecurity=False).hexdigest()
