"""The wipe slider of the rectify page in a real browser: by key, by drag, side by side, with straight lines."""

import pytest

pytestmark = pytest.mark.browser

SHARE = "(pane) => getComputedStyle(pane).clipPath"


def test_the_wipe_moves_by_key_and_drag_and_shows_both_pictures(visit, demo_address):
    tab = visit(demo_address)
    page = tab.open("rectify")
    slider = page.get_by_role("slider", name="How much of the picture is shown as recorded")
    before, stage = page.locator(".wipe .pane.before"), page.locator(".wipe .stage")
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some(item => item.shadowRoot && "
        "[...item.shadowRoot.querySelectorAll('.pane img')].filter(image => image.naturalWidth > 0).length === 2)"
    )
    assert {item.get_attribute("alt") for item in page.locator(".wipe img").all()} == {
        "Before: as recorded",
        "After: as the models see it",
    }
    assert slider.input_value() == "50"
    assert before.evaluate(SHARE) == "inset(0px 50% 0px 0px)"
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert before.evaluate(SHARE) == "inset(0px 55% 0px 0px)"
    assert slider.get_attribute("aria-valuetext") == "left 45 % as recorded, right 55 % rectified"
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert slider.input_value() == "80"
    lines = page.locator(".wipe svg").first
    assert not lines.is_visible()
    page.get_by_role("button", name="Straight lines").click()
    assert lines.is_visible()
    page.get_by_role("button", name="Side by side").click()
    assert before.evaluate(SHARE) == "none"
    assert not slider.is_visible()
    assert before.bounding_box()["x"] < page.locator(".wipe .pane.after").bounding_box()["x"]


def test_the_wipe_stays_where_it_is_when_another_field_of_view_is_drawn(visit, demo_address):
    tab = visit(demo_address)
    page = tab.open("rectify")
    slider = page.get_by_role("slider", name="How much of the picture is shown as recorded")
    slider.focus()
    page.keyboard.press("Home")
    after = page.locator(".wipe .pane.after img")
    kept = after.get_attribute("src")
    page.get_by_role("slider", name="Field of view across, degrees").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("--hfov").first.wait_for()
    tab.wait()
    assert after.get_attribute("src") != kept
    assert after.get_attribute("src").startswith("data:image/jpeg;base64,")
    assert slider.input_value() == "0"
