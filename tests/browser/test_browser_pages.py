"""Every page in a real browser, on the demo and on an empty start: no error, numbers equal to the catalog's."""

import http.client
import re
import urllib.error
import urllib.request

import pytest

from egoclean.library import Library
from egoclean.ui.review_queue import queue_of

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


def expected_text(name, library):
    """Return a text with a figure in it that the page must show, from the catalog and the entries."""
    clips, windows, view = library.clips(), library.windows(), library.selection()
    first = clips[0].clip_id
    structure = library.entry(first, "structure").json("structure.json")
    kinds = sorted({segment["label"] for segment in structure["segments"]})
    queue = queue_of(windows, "anomaly", {clip.clip_id: clip.facts["sha256"] for clip in clips})
    space = windows["space"].value_counts()
    return {
        "overview": f"{len(windows):,}\n",
        "ingest": "\n".join(library.project.sources()),
        "clips": f"of {len(clips)} ·",
        "rectify": f"{library.entry(first, 'rectify').json('rectification.json')['hfov_deg']:.1f}°",
        "score": f"{windows['score'].notna().sum():,} windows",
        "structure": f"{len(structure['segments'])} {', '.join(kinds)}",
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
    shown = "document.body.innerText.replace(/\\s+/g, ' ')"
    tab.page.wait_for_function(f"wanted => {shown}.includes(wanted)", arg=re.sub(r"\s+", " ", wanted))
    assert tab.page.get_by_role("heading", name=name.capitalize(), exact=True).count() == 1
    assert tab.page.get_by_role("link", name="Overview", exact=True).count() == 1


def test_every_page_on_an_empty_start_explains(visit, empty_address):
    tab = visit(empty_address)
    tab.open("overview")
    assert "Make the demo" in tab.text()
    for name in PAGES[1:]:
        tab.page.get_by_role("link", name=name.capitalize(), exact=True).click()
        tab.page.get_by_role("heading", name=name.capitalize(), exact=True).wait_for()
        tab.wait()
        assert ("Make the demo" in tab.text()) if name == "ingest" else ("There is no project yet" in tab.text()), name


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
