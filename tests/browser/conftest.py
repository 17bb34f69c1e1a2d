"""Dashboards of their own processes, and Debian's Chromium to look at them."""

import os
import shutil
from pathlib import Path

import pytest
from looking import Tab, new_window
from serving import ARGUMENTS, CHROMIUM, dashboard, link_results

from egoclean.store.project import Project


@pytest.fixture(scope="session")
def finished_project(request):
    """The finished demo; EGOCLEAN_TEST_PROJECT names another finished project, which saves the time to make it."""
    stated = os.environ.get("EGOCLEAN_TEST_PROJECT")
    return Project(Path(stated)) if stated else request.getfixturevalue("demo_project")


@pytest.fixture(scope="session")
def own_project(finished_project, tmp_path_factory):
    """A finished project that these tests write decisions into; entries of the cache are links to the demo's."""
    folder = tmp_path_factory.mktemp("browser")
    link_results(finished_project, folder / "cache")
    shutil.copytree(finished_project.root, folder / "project")
    copy = Project(folder / "project")
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
    context = new_window(chromium)
    yield context
    context.close()


@pytest.fixture
def visit(window):
    """Return ``visit(address)``: a new tab on it, ready; at the end the tab must have had no error."""
    tabs = []

    def open_tab(address):
        tabs.append(Tab(window, address))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()
        assert tab.errors == []
