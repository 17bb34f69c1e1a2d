"""A dashboard of its own process, and Debian's Chromium to look at it."""

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

import pytest

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
def dashboard(project: Project, log: Path, **environment):
    """Serve the dashboard of ``project`` as a user does; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "egoclean", "app", "--project", str(project.root), "--port", str(port)]
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


@pytest.fixture(scope="session")
def finished_project(request):
    """The finished demo; EGOCLEAN_TEST_PROJECT names another finished project, which saves the time to make it."""
    stated = os.environ.get("EGOCLEAN_TEST_PROJECT")
    return Project(Path(stated)) if stated else request.getfixturevalue("demo_project")


@pytest.fixture(scope="session")
def own_project(finished_project, tmp_path_factory):
    """A finished project that these tests write decisions into; entries of the cache are links to the demo's."""
    folder = tmp_path_factory.mktemp("browser")
    cache = folder / "cache"
    cache.mkdir()
    shutil.copytree(finished_project.root, folder / "project")
    copy = Project(folder / "project")
    for path in finished_project.cache_root().iterdir():
        if path.name not in ("catalogs", "tables", "locks", "partial", "quarantine", "select"):
            (cache / path.name).symlink_to(path, target_is_directory=path.is_dir())
    shutil.copytree(finished_project.cache_root() / "select", cache / "select")
    copy.catalog_file().parent.mkdir()
    shutil.copyfile(finished_project.catalog_file(), copy.catalog_file())
    shutil.copytree(finished_project.tables(), copy.tables())
    return copy


@pytest.fixture(scope="session")
def demo_address(own_project, tmp_path_factory):
    with dashboard(own_project, tmp_path_factory.mktemp("log") / "app.log") as address:
        yield address


@pytest.fixture(scope="session")
def empty_address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    with dashboard(Project(folder / "project"), folder / "app.log") as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    """One headless browser for the session; without it these tests are skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def window(chromium):
    """One browser window for all tabs, so that scripts and fonts are fetched once."""
    from looking import new_window

    context = new_window(chromium)
    yield context
    context.close()


@pytest.fixture
def visit(window):
    """Return ``visit(address)``: a new tab on it, ready; at the end the tab must have had no error."""
    from looking import Tab

    tabs = []

    def open_tab(address):
        tabs.append(Tab(window, address))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()
        assert tab.errors == []
