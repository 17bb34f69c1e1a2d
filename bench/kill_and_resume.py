"""Kills runs with SIGKILL at seeded random moments, resumes each, and checks that nothing was lost or done twice.

    python bench/kill_and_resume.py [--kills 20] [--seed 0] [--out bench/results/kill_and_resume.json]

A run of a few small clips is made once undisturbed. Then, for each kill, a fresh run is started and its whole process
tree killed: every second one at a random time, the others at the moment that a random one of its temporary files
appears, in the middle of a write. The same command is run again. It must end with status 0 and the same bytes of
manifest, do no step again that the killed run had finished, and leave no temporary file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np

from egoclean.store.atomic import is_temporary
from egoclean.store.project import Project
from egoclean.store.runs import list_runs, read_events

REPOSITORY = Path(__file__).resolve().parent.parent
SIZE = (160, 120)
OPTIONS = ("--budget", "50%", "--masks", "1", "--window-frames", "32", "--frames", "32", "--stride-s", "0.5")
LIMIT_S = 900.0


@dataclass(frozen=True)
class Trial:
    """One kill and what became of it; ``right`` sums it up."""

    number: int
    moment: str
    killed_after_s: float
    steps_finished: int
    temporaries_left_by_kill: int
    survivors: int
    resumed_status: int
    resumed_s: float
    steps_done_again: int
    temporaries_left: int
    same_manifest: bool

    @property
    def right(self) -> bool:
        """Whether the run went on as if nothing had happened."""
        return (
            self.resumed_status == 0
            and self.same_manifest
            and not (self.survivors or self.steps_done_again or self.temporaries_left)
        )


def write_footage(folder: Path, clips: int = 4, frames: int = 60) -> Path:
    """Write small H.264 clips of moving gradients, each of its own length, the first one of ``frames`` frames."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    for number in range(clips):
        with av.open(str(folder / f"clip{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            for index in range(frames + 15 * number):
                wave = 127 + 100 * np.sin((x + (number + 1) * y) / 15 + index / 5)
                picture = np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    return folder


def start(footage: Path, home: Path) -> subprocess.Popen[bytes]:
    """Start a run whose project and cache lie in ``home``, as the leader of a session of its own."""
    command = [sys.executable, "-m", "egoclean", "run", str(footage), "--project", str(home / "project"), *OPTIONS]
    environment = {name: value for name, value in os.environ.items() if name not in ("EGOCLEAN_CACHE", "SEED")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def finish(footage: Path, home: Path) -> tuple[int, float]:
    """Run to the end; return the exit status and the seconds it took."""
    started = time.monotonic()
    status = start(footage, home).wait(LIMIT_S)
    return status, time.monotonic() - started


def manifest(home: Path) -> bytes | None:
    """Return the bytes of the manifest, None when there is none."""
    path = home / "project" / "exports" / "manifest.jsonl"
    return path.read_bytes() if path.is_file() else None


def temporaries(home: Path) -> set[str]:
    """Return the temporary files and folders below ``home``."""
    found = set()
    for folder, names, files in os.walk(home):
        found |= {str(Path(folder, name)) for name in (*names, *files) if is_temporary(name)}
    return found


def finished_steps(home: Path, run: int) -> set[tuple[str, str]]:
    """Return the verbs and clips that the ``run``-th newest run finished."""
    runs = list_runs(Project(home / "project").runs)
    events = read_events(runs[run].folder) if len(runs) > run else ()
    return {(event["verb"], event["clip_id"]) for event in events if event["kind"] == "clip"}


def session_members(session: int) -> int:
    """Return how many processes of a session still run."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        count += int(fields[3]) == session and fields[0] != "Z"
    return count


def wait_for_moment(process: subprocess.Popen[bytes], home: Path, after_s: float, writes: int | None) -> str:
    """Wait ``after_s`` seconds, or until the ``writes``-th temporary file appears; return which."""
    started, seen = time.monotonic(), set()
    while process.poll() is None and time.monotonic() - started < LIMIT_S:
        if writes is None and time.monotonic() - started >= after_s:
            return "time"
        if writes is not None:
            seen |= temporaries(home)
            if len(seen) >= writes:
                return "write"
        time.sleep(0.002 if writes is not None else 0.01)
    return "ended first"


def try_kill(number: int, footage: Path, home: Path, whole: bytes, after_s: float, writes: int | None) -> Trial:
    """Kill one run and resume it."""
    process = start(footage, home)
    started = time.monotonic()
    moment = wait_for_moment(process, home, after_s, writes)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    killed_after_s = time.monotonic() - started
    process.wait()
    deadline = time.monotonic() + 10
    while session_members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    survivors = session_members(process.pid)
    left_by_kill = len(temporaries(home))
    before = finished_steps(home, 0)
    status, resumed_s = finish(footage, home)
    return Trial(
        number=number,
        moment=moment,
        killed_after_s=round(killed_after_s, 2),
        steps_finished=len(before),
        temporaries_left_by_kill=left_by_kill,
        survivors=survivors,
        resumed_status=status,
        resumed_s=round(resumed_s, 2),
        steps_done_again=len(before & finished_steps(home, 0)) if list_runs(home / "project" / "runs")[1:] else 0,
        temporaries_left=len(temporaries(home)),
        same_manifest=manifest(home) == whole,
    )


def try_kills(kills: int, seed: int, folder: Path) -> tuple[float, list[Trial]]:
    """Make one run undisturbed, then kill and resume ``kills`` runs; return the first one's seconds and the trials."""
    footage = write_footage(folder / "footage")
    status, whole_s = finish(footage, folder / "whole")
    whole = manifest(folder / "whole")
    if status != 0 or whole is None:
        raise SystemExit(f"the undisturbed run ended with status {status}")
    generator, trials = random.Random(seed), []
    for number in range(kills):
        home = folder / f"kill{number}"
        after_s, writes = generator.uniform(0, whole_s), generator.randint(1, 60)
        trials.append(try_kill(number, footage, home, whole, after_s, writes if number % 2 else None))
        print_trial(trials[-1])
        shutil.rmtree(home)
    return whole_s, trials


def print_trial(trial: Trial) -> None:
    print(
        f"{trial.number:>3}  {trial.moment:<11} {trial.killed_after_s:>7.2f} s  finished {trial.steps_finished:>2}  "
        f"left {trial.temporaries_left_by_kill:>2}  again {trial.steps_done_again}  "
        f"resumed in {trial.resumed_s:>6.2f} s  {'right' if trial.right else 'WRONG'}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results" / "kill_and_resume.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole_s, trials = try_kills(arguments.kills, arguments.seed, Path(folder))
    right = sum(trial.right for trial in trials)
    result = {
        "seed": arguments.seed,
        "uninterrupted_s": round(whole_s, 2),
        "right": right,
        "kills": len(trials),
        "trials": [asdict(trial) for trial in trials],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{right} of {len(trials)} right; undisturbed run {whole_s:.1f} s")
    sys.exit(right < len(trials))


if __name__ == "__main__":
    main()
