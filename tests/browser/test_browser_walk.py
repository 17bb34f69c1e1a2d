"""The whole job in a browser, as one person does it: from an empty start to the manifest, across a restart."""

import re

import pytest
from processes import run_egoclean
from serving import dashboard, link_results

from egoclean.library import Library
from egoclean.store.decisions import DecisionJournal, Verdict
from egoclean.store.project import Project

pytestmark = pytest.mark.browser

TWO_VIDEOS = """() => [...document.querySelectorAll('*')].some(
  item => item.shadowRoot && item.shadowRoot.querySelectorAll('video').length === 2)"""
ENDED = """() => !/A run is at work|none yet/.test(document.querySelector('[data-testid=stMain]').innerText)"""
COUNTS = """total => {
  const found = [...document.querySelectorAll('[data-testid=stMetricValue]')];
  const [kept, dropped] = found.slice(0, 2).map(item => parseInt(item.innerText));
  return kept < total && kept + dropped === total;
}"""


@pytest.fixture
def new_project(finished_project, tmp_path):
    """A project that does not exist yet; its cache holds what was worked out before from the same footage."""
    link_results(finished_project, tmp_path / "cache")
    return Project(tmp_path / "project")


def test_the_whole_job_from_an_empty_start_to_the_manifest(visit, finished_project, new_project, tmp_path):
    source = finished_project.sources()[0]
    roots = {"EGOCLEAN_ROOTS": source}
    with dashboard(new_project, tmp_path / "first.log", **roots) as address:
        tab = visit(address)
        run_and_watch(tab, source)
        library = Library(new_project)
        assert tab.metric("Clips") == str(len(library.clips()))
        drag_a_threshold(tab, len(library.windows()))
        open_a_clip_step_and_seek(tab, len(library.clips()))
        brush_the_similarity_map(tab)
        decide_and_undo(tab, DecisionJournal(new_project.decisions))
        tab.close()
    with dashboard(new_project, tmp_path / "second.log", **roots) as address:
        tab = visit(address)
        page = tab.open("review")
        page.get_by_text(re.compile("^1 of .* 1 kept")).wait_for()
        change_the_budget_and_save(tab)
        assert download(tab) == exported(new_project, tmp_path / "by-command.jsonl")
        tab.close()


def go(tab, name):
    tab.page.get_by_role("link", name=name, exact=True).first.click()
    tab.page.get_by_role("heading", name=name, exact=True).wait_for()
    return tab.wait()


def run_and_watch(tab, source):
    """Start on a folder from the first screen and wait, without touching anything, until the run has ended."""
    page = tab.open("overview")
    page.get_by_role("textbox", name="Folder, file or hub name").fill(source)
    page.get_by_role("button", name="Run on this footage").click()
    page.get_by_text("Chosen windows").wait_for()
    page.wait_for_function(ENDED)
    tab.wait()


def drag_a_threshold(tab, total):
    page = go(tab, "Score")
    assert tab.metric("Kept").startswith(f"{total} ")
    thumb = page.get_by_test_id("stSlider").get_by_role("slider").first
    box, track = thumb.bounding_box(), page.get_by_test_id("stSlider").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + 0.4 * track["width"], box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    page.wait_for_function(COUNTS, arg=total)
    tab.wait()


def open_a_clip_step_and_seek(tab, clip_count):
    page = go(tab, "Clips")
    tiles = page.locator(".tile")
    tiles.nth(clip_count - 1).wait_for()
    tiles.nth(0).dblclick()
    page.get_by_text("All facts").wait_for()
    tab.wait()
    player = page.locator(".player")
    video = player.locator("video")
    video.evaluate("video => new Promise(done => video.readyState > 1 ? done() : video.onloadeddata = done)")
    shows = lambda frame: player.and_(page.locator(f"[data-frame='{frame}']")).wait_for()  # noqa: E731
    shows(0)
    player.focus()
    for key, frame in ((".", 1), (".", 2), (",", 1)):
        page.keyboard.press(key)
        shows(frame)
    page.keyboard.press("5")
    page.wait_for_timeout(300)
    assert abs(video.evaluate("video => video.currentTime - video.duration / 2")) < 0.5
    bar = player.locator(".strip svg rect[data-start]").last
    start, stop = float(bar.get_attribute("data-start")), float(bar.get_attribute("data-stop"))
    bar.click()
    page.wait_for_timeout(300)
    assert start <= video.evaluate("video => video.currentTime") <= stop + 0.05
    page.keyboard.press("?")
    assert player.locator(".keys").is_visible()


def brush_the_similarity_map(tab):
    page = go(tab, "Structure")
    plot = page.locator(".js-plotly-plot", has=page.locator(".heatmaplayer image")).locator(".nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    page.wait_for_function(TWO_VIDEOS)
    tab.wait()


def decide_and_undo(tab, journal):
    page = go(tab, "Review")
    for key, said in (("k", "^1 of .* 1 kept"), ("x", "^2 of .* 1 kept · 1 rejected"), ("u", "^1 of .* 1 kept")):
        page.keyboard.press(key)
        page.get_by_text(re.compile(said)).wait_for()
        tab.wait()
    assert [item.verdict for item in journal.current().values()] == [Verdict.KEEP]
    assert len(journal.read()) == 3


def change_the_budget_and_save(tab):
    page = go(tab, "Select")
    before = tab.metric("Chosen")
    slider = page.get_by_test_id("stSlider").filter(has_text="Share of all windows").get_by_role("slider")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => !document.querySelector('[data-testid=stMetricValue]').innerText.includes(before)", arg=before
    )
    tab.wait()
    page.get_by_role("button", name="Save as the project's selection").click()
    page.get_by_text("This is the saved selection").wait_for()


def download(tab):
    page = go(tab, "Export")
    with page.expect_download() as file:
        page.get_by_role("button", name="Download manifest.jsonl").click()
    return file.value.path().read_bytes()


def exported(project, path):
    run_egoclean("export", "--project", project.root, "--out", path, check=0)
    return path.read_bytes()
