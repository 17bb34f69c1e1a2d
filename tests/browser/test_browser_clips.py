"""The grid of clips in a browser: scrub, select by click, Shift-click and keys, open."""

import pytest

from egoclean.library import Library
from egoclean.ui.format import short_names

pytestmark = pytest.mark.browser


def test_the_grid_scrubs_selects_and_opens(visit, demo_address, own_project):
    clips = Library(own_project).clips()
    tab = visit(demo_address)
    page = tab.open("clips")
    tiles = page.locator(".tile")
    tiles.nth(len(clips) - 1).wait_for()
    assert tiles.count() == len(clips)

    def selected():
        tab.wait()
        return [index for index in range(len(clips)) if tiles.nth(index).get_attribute("aria-selected") == "true"]

    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    assert selected() == [0, 1, 2]
    page.get_by_text("3 clips selected").wait_for()
    tiles.nth(1).click(modifiers=["Control"])
    assert selected() == [0, 2]
    picture = tiles.nth(1).locator(".picture")
    box = picture.bounding_box()
    frames = []
    for share in (0.1, 0.9):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        frames.append(int(picture.get_attribute("data-frame")))
    assert frames[0] < frames[1]
    assert "sprite.jpg" in picture.locator(".sheet").evaluate("sheet => getComputedStyle(sheet).backgroundImage")
    page.keyboard.press("Escape")
    assert selected() == []
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("All facts").wait_for()
    tab.wait()
    opened = short_names([clip.clip_id for clip in clips])[clips[2].clip_id]
    chosen = page.locator("input[role=combobox][aria-label='Clip']")
    assert chosen.input_value() == opened
    page.get_by_role("link", name="Structure").click()
    page.get_by_text("Cycles").first.wait_for()
    tab.wait()
    assert chosen.input_value() == opened


def test_windows_are_pictures_to_scrub_select_and_open(visit, demo_address, own_project):
    windows = Library(own_project).windows()
    tab = visit(demo_address)
    page = tab.open("clips?windows_form=grid")
    page.get_by_role("radio", name="windows").click()
    tiles = page.locator(".tile")
    tiles.nth(min(24, len(windows)) - 1).wait_for()
    picture = tiles.nth(0).locator("img")
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") == 240
    wanted, _, _ = str(tiles.nth(2).get_attribute("data-id")).rpartition("#")
    box = tiles.nth(1).locator(".picture").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    assert tiles.nth(1).locator(".picture").get_attribute("data-frame") == "7"
    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    page.get_by_text("3 windows selected").wait_for()
    tiles.nth(2).dblclick()
    page.get_by_text("All facts").wait_for()
    tab.wait()
    names = short_names([clip.clip_id for clip in Library(own_project).clips()])
    assert page.locator("input[role=combobox][aria-label='Clip']").input_value() == names[wanted]
