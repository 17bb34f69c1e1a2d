"""Who is let in, and that files of the cache are served to nobody else."""

from pathlib import Path

import pytest
from processes import run_egoclean
from starlette.requests import Request

from egoclean import jobs
from egoclean.errors import UsageError
from egoclean.ui import login, media

ANN = {"is_logged_in": True, "email": "Ann@Example.org"}
SECRETS = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "me"
client_secret = "mine"
server_metadata_url = "https://accounts.example.org/.well-known/openid-configuration"
"""


@pytest.mark.parametrize(
    ("person", "wanted", "enters"),
    [
        (ANN, ("ann@example.org",), True),
        (ANN, ("@example.org",), True),
        (ANN, ("ben@example.org", "@example.com"), False),
        (ANN, ("@ample.org", "example.org"), False),
        ({**ANN, "email": "ann@evil.com@example.org"}, ("@example.org",), False),
        ({**ANN, "email_verified": False}, ("ann@example.org",), False),
        ({**ANN, "is_logged_in": False}, ("ann@example.org",), False),
        ({"is_logged_in": True}, ("ann@example.org",), False),
        ({}, (), False),
    ],
)
def test_only_who_is_on_the_list_enters(person, wanted, enters):
    assert login.may_enter(person, wanted) is enters


def test_a_stranger_sees_a_login_and_nothing_of_the_project(project, open_page, monkeypatch):
    monkeypatch.setenv(login.ALLOWED_VARIABLE, "ann@example.org")
    app = open_page("overview")
    assert not app.exception
    assert [item.value for item in app.title] == ["Log in"]
    assert [item.label for item in app.button] == ["Log in"]
    assert not app.metric
    assert not app.sidebar.caption


def answer(address, query=""):
    verb, key, name = address.split("/")[2:]
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "query_string": query.lstrip("?").encode(),
        "path_params": {"verb": verb, "key": key, "name": name},
    }
    return media.serve_file(Request(scope)).status_code


def test_a_file_is_served_to_whom_a_page_gave_its_address(project, library, monkeypatch):
    entry = library.entry(library.clips()[0].clip_id, "rectify")
    open_address = media.media_url(entry, "view.mp4")
    assert answer(open_address) == 200
    monkeypatch.setenv(login.ALLOWED_VARIABLE, "ann@example.org")
    address, _, query = media.media_url(entry, "view.mp4").partition("?")
    assert address == open_address
    assert answer(address, query) == 200
    assert answer(address) == 404
    assert answer(address.replace("view.mp4", "poster.jpg"), query) == 404


@pytest.mark.parametrize(
    ("text", "allowed", "said"),
    [
        (SECRETS, (), "addresses"),
        (SECRETS, ("ann",), "addresses"),
        ("", ("ann@example.org",), "lacks redirect_uri"),
        ("auth = 3", ("ann@example.org",), "lacks redirect_uri"),
        ("[auth", ("ann@example.org",), "cannot be read"),
        (SECRETS.replace("0123456789abcdef", "1"), ("ann@example.org",), "fewer than 32"),
    ],
)
def test_a_login_that_would_not_hold_is_refused(text, allowed, said, tmp_path):
    path = tmp_path / "secrets.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        jobs.read_login(path, allowed)


def test_another_host_needs_a_login_or_a_word():
    done = run_egoclean("app", "--host", "0.0.0.0", check=2)
    assert "no login" in done.stderr
    done = run_egoclean("app", "--allow", "ann@example.org", check=2)
    assert "--login" in done.stderr


def test_the_look_of_the_dashboard_is_part_of_the_package():
    folder = Path(jobs.__file__).parent / "ui"
    assert "[theme.dark]" in (folder / ".streamlit" / "config.toml").read_text(encoding="utf-8")
