"""Factory clips as files: H.265 in MP4, and the WebDataset tar of each worker."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from egoclean.demo.render import FactoryRenderer
from egoclean.demo.world import FRAME_RATE_FPS, FactoryClip, Worker
from egoclean.media.canvas import to_yuv420
from egoclean.media.hevc import HevcWriter
from egoclean.records import to_plain


def write_clips(clips: Sequence[FactoryClip], folder: Path, advance: Callable[[int], None] | None = None) -> None:
    """Render a clip and its near-duplicates, drawn once, and write each to ``folder`` as ``NAME.mp4``.

    The files are H.265 MP4 (tag hvc1) at 30 frames a second, without sound. ``clips`` starts with the original;
    ``advance`` is called with the number of frames done since its last call.
    """
    renderers = [FactoryRenderer(clip) for clip in clips]
    camera = renderers[0].camera
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                HevcWriter(folder / f"{clip.name}.mp4", camera.image_width, camera.image_height, FRAME_RATE_FPS)
            )
            for clip in clips
        ]
        for index in range(clips[0].frame_count):
            moment_s = index / FRAME_RATE_FPS
            drawn = renderers[0].drawn(moment_s)
            for clip, renderer, writer in zip(clips, renderers, writers, strict=True):
                if moment_s >= clip.variation.offset_s - 1e-6:
                    writer.write(to_yuv420(renderer.taken(drawn.copy(), moment_s)))
                    if advance is not None:
                        advance(1)


def clip_facts(clip: FactoryClip, size_bytes: int) -> dict[str, object]:
    """Return the JSON that stands beside a clip in its tar, with the fields of Egocentric-10K."""
    lens = clip.worker.lens
    return {
        "factory_id": clip.worker.factory_id,
        "worker_id": clip.worker.worker_id,
        "video_index": clip.video_index,
        "duration_sec": round(clip.duration_s, 4),
        "width": lens.image_width,
        "height": lens.image_height,
        "fps": float(FRAME_RATE_FPS),
        "size_bytes": size_bytes,
        "codec": "h265",
    }


def tar_name(worker: Worker) -> str:
    """Return the name of a worker's tar: Egocentric-10K's, or 100K's (three digits) for footage of its size."""
    part = "part000" if worker.lens.image_width == 456 else "part00"
    return f"factory{worker.factory_number:03d}_worker{worker.worker_number:03d}_{part}.tar"


def worker_folder(worker: Worker) -> str:
    """Return the worker's folder below the demo's root."""
    return f"egocentric/{worker.factory_id}/workers/{worker.worker_id}"


def clip_id(clip: FactoryClip) -> str:
    """Return the clip's id: its tar's path below the demo's root, and its member."""
    return f"{worker_folder(clip.worker)}/{tar_name(clip.worker)}#{clip.name}.mp4"


def pack_worker(worker: Worker, clips: Sequence[tuple[FactoryClip, Path]], root: Path) -> None:
    """Write a worker's intrinsics and tar of ``(clip, video file)`` pairs below ``root``; the same bytes each time."""
    folder = root / worker_folder(worker)
    folder.mkdir(parents=True, exist_ok=True)
    lens = to_plain(worker.lens)
    (folder / "intrinsics.json").write_text(json.dumps(lens, indent=2) + "\n", encoding="utf-8")
    with tarfile.open(folder / tar_name(worker), "w", format=tarfile.USTAR_FORMAT) as archive:
        for clip, video in clips:
            facts = json.dumps(clip_facts(clip, video.stat().st_size)).encode()
            with video.open("rb") as stream:
                archive.addfile(_member(f"{clip.name}.mp4", video.stat().st_size), stream)
            archive.addfile(_member(f"{clip.name}.json", len(facts)), io.BytesIO(facts))


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size_bytes, 1_700_000_000, 0o644
    return member
