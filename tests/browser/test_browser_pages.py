"""Every page in a real browser, on the demo and on an empty start: no error, numbers equal to the catalog's."""

import http.client
import re
import urllib.error
import urllib.request

import pytest

from egoclean.library import Library
from egoclean.store.decisions import DecisionJournal, Verdict
from egoclean.ui.review_view import queue_of

pytestmark = pytest.mark.browser

PAGES = [
    "overview",
    "ingest",
    "clips",
    "rectify",
    "score",
    "structure",
    "map",
    "review",
    "select",
    "evaluate",
    "export",
    "runs",
]


TWO_VIDEOS = """() => [...document.querySelectorAll('*')].some(
  item => item.shadowRoot && item.shadowRoot.querySelectorAll('video').length === 2)"""


def expected_text(name, library):
    """Return a text with a figure in it that the page must show, from the catalog and the entries."""
    clips, windows, view = library.clips(), library.windows(), library.selection()
    first = clips[0].clip_id
    structure = library.entry(first, "structure").json("structure.json")
    queue = queue_of(windows, "anomaly", {clip.clip_id: clip.facts["sha256"] for clip in clips})
    space = windows["space"].value_counts()
    return {
        "overview": f"{len(windows):,}\n",
        "ingest": "\n".join(library.project.sources()),
        "clips": f"of {len(clips)} ·",
        "rectify": f"{library.entry(first, 'rectify').json('rectification.json')['hfov_deg']:.1f}°",
        "score": f"{windows['score'].notna().sum():,} windows",
        "structure": f"Segments ({len(structure['segments'])})",
        "map": f"{space.iloc[0]:,} windows in the plane",
        "review": f"of {len(queue)} decided",
        "select": f"{len(view.chosen):,} window",
        "evaluate": f"{view.chosen['row'].isin(windows['row']).sum():,} of {len(windows):,} windows each",
        "export": f"{len(view.chosen):,} row",
        "runs": library.runs()[0].message,
    }[name]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_the_demo_shows_what_the_catalog_says(name, visit, demo_address, own_project):
    tab = visit(demo_address)
    tab.open(name)
    wanted = expected_text(name, Library(own_project))
    tab.page.wait_for_function("wanted => document.body.innerText.includes(wanted)", arg=wanted)
    assert tab.page.get_by_role("heading", name=name.capitalize(), exact=True).count() == 1
    assert tab.page.get_by_role("link", name="Overview", exact=True).count() == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_an_empty_start_explains(name, visit, empty_address):
    tab = visit(empty_address)
    tab.open(name)
    text = tab.text()
    assert ("Make the demo" in text) if name in ("overview", "ingest") else ("There is no project yet" in text)


def test_the_player_steps_seeks_and_loops(visit, demo_address):
    tab = visit(demo_address)
    page = tab.open("structure")
    player = page.locator(".player")
    video = player.locator("video")
    video.evaluate("video => new Promise(done => video.readyState > 1 ? done() : video.onloadeddata = done)")
    frame = lambda: int(player.get_attribute("data-frame"))  # noqa: E731
    assert frame() == 0
    player.focus()
    for _ in range(3):
        page.keyboard.press(".")
        page.wait_for_timeout(150)
    assert frame() == 3
    page.keyboard.press(",")
    page.wait_for_timeout(150)
    assert frame() == 2
    page.keyboard.press("5")
    page.wait_for_timeout(300)
    duration = video.evaluate("video => video.duration")
    assert abs(video.evaluate("video => video.currentTime") - duration / 2) < 0.5
    bar = player.locator(".strip svg rect[data-start]").first
    start, stop = float(bar.get_attribute("data-start")), float(bar.get_attribute("data-stop"))
    bar.click()
    page.wait_for_timeout(300)
    assert start <= video.evaluate("video => video.currentTime") <= stop + 0.05
    page.keyboard.press("?")
    assert player.locator(".keys").is_visible()


def test_a_box_on_the_similarity_map_plays_two_moments(visit, demo_address):
    tab = visit(demo_address)
    page = tab.open("structure")
    plot = page.locator(".js-plotly-plot", has=page.locator(".heatmaplayer image")).locator(".nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    x, y = box["x"], box["y"]
    page.mouse.move(x + box["width"] * 0.2, y + box["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.35, y + box["height"] * 0.8, steps=8)
    page.mouse.up()
    page.wait_for_function(TWO_VIDEOS)
    tab.wait()


def test_dragging_a_threshold_changes_the_counts(visit, demo_address, own_project):
    tab = visit(demo_address)
    page = tab.open("score")
    total = int(Library(own_project).windows()["score"].notna().sum())
    assert tab.metric("Kept").startswith(f"{total} ")
    page.get_by_role("slider").first.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        """total => {
          const found = [...document.querySelectorAll('[data-testid=stMetricValue]')];
          const [kept, dropped] = found.slice(0, 2).map(item => parseInt(item.innerText));
          return kept !== total && kept + dropped === total;
        }""",
        arg=total,
    )
    tab.wait()
    kept, dropped = (int(tab.metric(label).split()[0]) for label in ("Kept", "Dropped"))
    assert kept + dropped == total
    assert dropped > 0


def test_decisions_by_key_survive_a_new_tab_and_undo(visit, demo_address, own_project):
    journal = DecisionJournal(own_project.decisions)
    tab = visit(demo_address)
    page = tab.open("review")
    page.keyboard.press("k")
    page.get_by_text(re.compile("^1 of ")).wait_for()
    tab.wait()
    page.keyboard.press("x")
    page.get_by_text(re.compile("^2 of ")).wait_for()
    assert sorted(item.verdict for item in journal.current().values()) == [Verdict.KEEP, Verdict.REJECT]
    other = visit(demo_address)
    page = other.open("review")
    page.get_by_text(re.compile("^2 of .* 1 kept")).wait_for()
    page.keyboard.press("u")
    page.get_by_text(re.compile("^1 of ")).wait_for()
    assert [item.verdict for item in journal.current().values()] == [Verdict.KEEP]


def test_the_downloaded_manifest_is_the_exported_file(visit, demo_address, own_project):
    tab = visit(demo_address)
    page = tab.open("export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download manifest.jsonl").click()
    assert download.value.path().read_bytes() == (own_project.exports / "manifest.jsonl").read_bytes()


def test_media_come_in_pieces_and_nothing_else_comes(demo_address, own_project):
    library = Library(own_project)
    entry = library.entry(library.clips()[0].clip_id, "rectify")
    url = f"{demo_address}/files/rectify/{entry.key}/view.mp4"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=4-7"})) as answer:
        assert (answer.status, answer.read()) == (206, b"ftyp")
    for path in (f"rectify/{entry.key}/entry.json", f"rectify/{'0' * 64}/view.mp4", "rectify/..%2F..%2F/view.mp4"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{demo_address}/files/{path}")
        assert refused.value.code in (400, 404)
        refused.value.close()


def test_another_site_cannot_talk_to_the_dashboard(demo_address):
    headers = {
        "Origin": "http://elsewhere.example", "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    connection = http.client.HTTPConnection(demo_address.removeprefix("http://"), timeout=20)
    connection.request("GET", "/_stcore/stream", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 403
