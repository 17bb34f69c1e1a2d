"""Small pictures of spans: what they show, and to whom they are served."""

import asyncio
import io

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from egoclean.media.sample import frame_at
from egoclean.records import MediaLocation
from egoclean.ui import glimpses, login, media


def ask(address, query=""):
    _, _, key, span, name = address.split("/")
    parts = {"key": key, "span": span, "name": name}
    scope = {"type": "http", "query_string": query.encode(), "method": "GET", "headers": [], "path_params": parts}
    return asyncio.run(media.serve_glimpse(Request(scope)))


@pytest.fixture
def view(library):
    return library.entry(library.clips()[0].clip_id, "rectify")


def test_a_glimpse_is_the_frames_of_its_span(view):
    span_s = (1.0, 3.0)
    location = MediaLocation(str(view.path("view.mp4")))
    for name, about in glimpses.GLIMPSES.items():
        answer = ask(media.glimpse_url(view, name, *span_s))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        picture = np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"), dtype=float)
        height, width = picture.shape[0], about.width_px
        assert picture.shape[1] == width * len(about.shares)
        for place, share in enumerate(about.shares):
            frame = frame_at(location, span_s[0] + share * (span_s[1] - span_s[0]))
            expected = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BOX), dtype=float)
            assert np.abs(picture[:, place * width : (place + 1) * width] - expected).mean() < 6


def test_sixty_first_frames_are_small(view):
    size = len(ask(media.glimpse_url(view, "first.jpg", 2.0, 3.0)).body)
    assert 60 * size < 300_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("KEY", "0" * 64),
        ("KEY", ".."),
        ("1000000-3000000", "-5-3"),
        ("1000000-3000000", "1.5-3"),
        ("1000000-3000000", "1" * 14 + "-3"),
        ("middle.jpg", "view.mp4"),
    ],
)
def test_anything_else_is_not_found(old, new, view):
    address = media.glimpse_url(view, "middle.jpg", 1.0, 3.0)
    assert ask(address).status_code == 200
    answer = ask(address.replace(view.key if old == "KEY" else old, new))
    assert (answer.status_code, answer.body) == (404, b"Not found.")


def test_moments_past_the_end_and_spans_turned_round_still_show_a_frame(view):
    for span in ("9999999999999-9999999999999", "3000000-1000000"):
        assert ask(f"/glimpses/{view.key}/{span}/sheet.jpg").status_code == 200


def test_without_a_view_there_is_no_address(library):
    assert media.glimpse_url(None, "first.jpg", 0.0, 1.0) is None
    other = library.entry(library.clips()[0].clip_id, "ingest")
    assert media.glimpse_url(other, "first.jpg", 0.0, 1.0) is None


def test_with_a_login_only_a_page_gives_addresses_that_work(view, monkeypatch):
    monkeypatch.setenv(login.ALLOWED_VARIABLE, "ann@example.org")
    address, _, query = media.glimpse_url(view, "first.jpg", 1.0, 3.0).partition("?")
    assert ask(address, query).status_code == 200
    assert ask(address).status_code == 404
    assert ask(address.replace("1000000-", "2000000-"), query).status_code == 404
