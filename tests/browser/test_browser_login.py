"""The login against a provider of OpenID Connect that runs on this machine: one mail is let in, another is not."""

import pytest
from looking import PATIENCE_MS
from serving import dashboard, free_port

pytestmark = pytest.mark.browser

SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "egoclean"
client_secret = "between the two"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def guarded_address(own_project, tmp_path_factory):
    """A dashboard that lets in ann@example.org alone, and the provider it asks."""
    pytest.importorskip("authlib", reason="Authlib is not installed: pip install -e .[dev]")
    provider_of = pytest.importorskip(
        "oidc_provider_mock", reason="the provider is not installed: pip install -e .[dev]"
    )
    folder, port = tmp_path_factory.mktemp("login"), free_port()
    with provider_of.run_server_in_thread() as provider:
        secrets = folder / "secrets.toml"
        secrets.write_text(SECRETS.format(port=port, provider=provider.server_port), encoding="utf-8")
        given = ("--login", str(secrets), "--allow", "ann@example.org")
        with dashboard(own_project, folder / "app.log", *given, port=port) as address:
            yield address


@pytest.mark.parametrize(("mail", "enters"), [("ann@example.org", True), ("ben@example.org", False)])
def test_who_is_on_the_list_comes_in_and_another_sees_nothing(mail, enters, chromium, guarded_address):
    person = chromium.new_context()
    page = person.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{guarded_address}/clips")
    page.get_by_role("heading", name="Log in", exact=True).wait_for()
    assert page.get_by_test_id("stSidebar").count() == 0
    page.get_by_test_id("stMain").get_by_role("button", name="Log in").click()
    page.locator("input[name=sub]").fill(mail)
    page.keyboard.press("Enter")
    if enters:
        page.get_by_role("heading", name="Overview", exact=True).wait_for()
        page.get_by_test_id("stSidebar").get_by_text(mail).wait_for()
    else:
        page.get_by_text(f"{mail} is not on the list").wait_for()
        assert page.get_by_test_id("stMetric").count() == 0
        assert page.get_by_test_id("stSidebar").count() == 0
    with page.expect_navigation():
        page.get_by_role("button", name="Log out").click()
    page.goto(guarded_address)
    page.get_by_role("heading", name="Log in", exact=True).wait_for()
    person.close()
