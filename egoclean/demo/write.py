"""Writing a demo world to disk: clips and scenes side by side on two processes, then one rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoclean.demo.describe import describe_world
from egoclean.demo.footage import pack_worker, write_clips
from egoclean.demo.nuscenes import shots_of, write_scene, write_tables
from egoclean.demo.truth import truth_of
from egoclean.demo.world import WORLD_VERSION, DrivingScene, FactoryClip, Size, World
from egoclean.engines.local import Task, run_tasks
from egoclean.errors import EgocleanError, UsageError

Progress = Callable[[int, int], None]

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What a demo folder holds; ``reused`` says that it was there already."""

    out_dir: Path
    size: Size
    seed: int
    clip_count: int
    scene_count: int
    bytes_written: int
    reused: bool


def build_demo(out_dir: Path, size: Size = "full", seed: int = 0, progress: Progress | None = None) -> DemoSummary:
    """Write the demo world of ``size`` and ``seed`` to ``out_dir``, or reuse the same world found there.

    The folder appears whole or not at all: everything is made in a sibling folder and renamed. A demo of another
    version, size or seed in its place is replaced. ``progress`` counts frames and pictures and may raise to cancel.

    Raises
    ------
    UsageError : when ``size`` or ``seed`` is not usable, or ``out_dir`` holds anything that is not a demo.
    """
    if size not in ("full", "tiny"):
        raise UsageError(f"demo: size must be full or tiny, found {size!r}.")
    if seed < 0:
        raise UsageError(f"demo: seed must be 0 or greater, found {seed}.")
    out_dir = Path(out_dir).absolute()
    world = describe_world(seed, size)
    found = _found_demo(out_dir)
    if found is not None and _same_and_whole(found, world, out_dir):
        return _summary(world, out_dir, found, reused=True)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out_dir)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.building-{os.getpid()}-", dir=out_dir.parent))
    try:
        _render(world, scratch, progress)
        _write_json(scratch / "truth.json", truth_of(world))
        found = {"world_version": WORLD_VERSION, "size": size, "seed": seed, "files": _digests(scratch)}
        _write_json(scratch / "demo.json", found)
        scratch.chmod(0o755)
        _put_in_place(scratch, out_dir)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _summary(world, out_dir, found, reused=False)


def _sweep(out_dir: Path) -> None:
    """Remove what builds of this folder left behind when they were killed."""
    for left in out_dir.parent.glob(f".{out_dir.name}.building-*-*"):
        owner = left.name.split(".building-")[1].split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _found_demo(out_dir: Path) -> dict[str, Any] | None:
    """Return what ``demo.json`` of an existing demo says, None for a folder that is free to use."""
    if not out_dir.exists():
        return None
    if not out_dir.is_dir():
        raise UsageError(f"demo: {out_dir} is a file, a folder was expected.", "Choose another --out.")
    names = {path.relative_to(out_dir).as_posix() for path in out_dir.rglob("*") if not path.is_dir()}
    if not names:
        return None
    hint = "Choose another --out, or empty the folder yourself."
    try:
        found = json.loads((out_dir / "demo.json").read_text(encoding="utf-8"))
        strangers = names - set(found["files"]) - {"demo.json"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"demo: {out_dir} is not empty and holds no demo.", hint) from error
    if strangers:
        first = min(strangers)
        raise UsageError(f"demo: {out_dir} holds files that are not the demo's, such as {first}.", hint)
    return dict(found)


def _same_and_whole(found: dict[str, Any], world: World, out_dir: Path) -> bool:
    if (found.get("world_version"), found.get("size"), found.get("seed")) != (WORLD_VERSION, world.size, world.seed):
        return False
    return all(
        (out_dir / name).is_file() and (out_dir / name).stat().st_size == facts["size_bytes"]
        for name, facts in found["files"].items()
    )


def _render(world: World, root: Path, progress: Progress | None) -> None:
    videos = root / ".videos"
    videos.mkdir()
    drawn_once = [_with_duplicates(clip, world) for clip in world.clips if clip.duplicate_of is None]
    drawn_once.sort(key=lambda clips: -sum(clip.frame_count * clip.worker.lens.image_width for clip in clips))
    total = sum(map(_picture_count, world.clips)) + sum(map(_picture_count, world.scenes))
    done: dict[str, int] = {}

    def heard(key: str, made: int, _: int) -> None:
        done[key] = made
        if progress is not None:
            progress(sum(done.values()), total)

    tasks = [Task(clips[0].name, (clips, world, videos)) for clips in drawn_once]
    tasks += [Task(scene.name, (scene, world, root / "nuscenes")) for scene in world.scenes]
    for result in run_tasks(_render_one, tasks, PROCESSES, on_progress=heard, with_progress=True):
        if result.error is not None:
            raise EgocleanError(f"demo: {result.key} could not be made: {result.error.message}", "Try again.")
    for worker in dict.fromkeys(clip.worker for clip in world.clips):
        pairs = [(clip, videos / f"{clip.name}.mp4") for clip in world.clips if clip.worker == worker]
        pack_worker(worker, pairs, root)
    write_tables(world.scenes, world, root / "nuscenes")
    shutil.rmtree(videos)


def _with_duplicates(original: FactoryClip, world: World) -> tuple[FactoryClip, ...]:
    return (original, *(clip for clip in world.clips if clip.duplicate_of == original.name))


def _picture_count(item: FactoryClip | DrivingScene) -> int:
    return item.frame_count if isinstance(item, FactoryClip) else len(shots_of(item))


def _render_one(item: tuple[FactoryClip, ...] | DrivingScene, world: World, folder: Path, progress: Progress) -> None:
    made = 0
    total = _picture_count(item) if isinstance(item, DrivingScene) else sum(map(_picture_count, item))

    def advance(count: int) -> None:
        nonlocal made
        made += count
        progress(made, total)

    if isinstance(item, DrivingScene):
        write_scene(item, world, folder, advance)
    else:
        write_clips(item, folder, advance)


def _digests(root: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): {
            "size_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _put_in_place(scratch: Path, out_dir: Path) -> None:
    if not out_dir.exists():
        scratch.replace(out_dir)
        return
    aside = out_dir.with_name(f".{out_dir.name}.replaced-{os.getpid()}")
    out_dir.replace(aside)
    scratch.replace(out_dir)
    shutil.rmtree(aside)


def _summary(world: World, out_dir: Path, found: dict[str, Any], reused: bool) -> DemoSummary:
    return DemoSummary(
        out_dir=out_dir,
        size=world.size,
        seed=world.seed,
        clip_count=len(world.clips),
        scene_count=len(world.scenes),
        bytes_written=sum(facts["size_bytes"] for facts in found["files"].values()),
        reused=reused,
    )
