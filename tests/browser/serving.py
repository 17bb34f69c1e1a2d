"""The dashboard served as a user does, in a process of its own, and where Debian keeps its Chromium."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from egoclean.store.project import Project

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--mute-audio",
)  # fmt: skip
START_S = 90
REPOSITORY = Path(__file__).resolve().parents[2]
PERSONAL = ("EGOCLEAN_CACHE", "EGOCLEAN_PROJECT", "EGOCLEAN_ROOTS", "HF_TOKEN", "HF_KEY")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def dashboard(project: Project, log: Path, *arguments, port=None, **environment):
    """Serve the dashboard of ``project`` as a user does, with more ``arguments``; yield its address."""
    port = port or free_port()
    command = [sys.executable, "-m", "egoclean", "app", "--project", str(project.root), "--port", str(port), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in PERSONAL}
    settings = {**kept, "PYTHONPATH": str(REPOSITORY), **environment}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=settings)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def wait_until_healthy(address, process, log):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"the dashboard did not answer in {START_S} s:\n{log.read_text(errors='replace')}")


def link_results(finished, cache):
    """Fill a new cache with links to the results of a finished project's; what is chosen there is copied."""
    cache.mkdir(parents=True)
    for path in finished.cache_root().iterdir():
        if path.name not in ("catalogs", "tables", "locks", "partial", "quarantine", "select"):
            (cache / path.name).symlink_to(path, target_is_directory=path.is_dir())
    shutil.copytree(finished.cache_root() / "select", cache / "select")
