"""What is chosen stands in the address, holds from page to page, and comes back under a name."""

import pytest

from egoclean.store.views import list_views

pytestmark = pytest.mark.browser


def test_a_choice_is_in_the_address_and_comes_back_by_name(visit, demo_address, own_project):
    tab = visit(demo_address)
    page = tab.open("select?select_strategy=kcenter&select_share=40")
    chosen = tab.metric("Chosen")
    page.get_by_role("button", name="Saved views").click()
    page.get_by_label("Name", exact=True).fill("wide")
    page.keyboard.press("Enter")
    tab.wait()
    page.get_by_role("button", name="Save this view").click()
    tab.wait()
    other = visit(demo_address)
    page = other.open("overview")
    page.get_by_role("button", name="Saved views (1)").click()
    page.get_by_role("button", name="wide", exact=True).click()
    page.get_by_role("heading", name="Select", exact=True).wait_for()
    other.wait()
    assert other.metric("Chosen") == chosen
    assert "select_strategy=kcenter" in page.url
    assert [view.name for view in list_views(own_project.views)] == ["wide"]
    page.get_by_role("link", name="Map", exact=True).click()
    page.get_by_role("heading", name="Map", exact=True).wait_for()
    other.wait()
    page.get_by_role("link", name="Select", exact=True).click()
    page.get_by_role("heading", name="Select", exact=True).wait_for()
    other.wait()
    assert other.metric("Chosen") == chosen
    page.get_by_role("button", name="Saved views (1)").click()
    page.get_by_role("button", name="Forget").click()
    other.wait()
    assert list_views(own_project.views) == ()
