"""Windows as pictures: the same windows in the same order as in the table, each with addresses of its own pictures."""

import json

from egoclean.ui import window_grid
from egoclean.ui.grid import SIZES


def tiles_of(app):
    (grid,) = [item for item in app.get("bidi_component") if "tiles" in item.proto.component_name]
    return json.loads(grid.proto.json)["tiles"]


def open_windows(open_page):
    app = open_page("clips")
    app.button_group(key="clips_form").set_value("windows").run()
    return app


def test_windows_are_browsed_as_pictures_in_the_order_of_the_table(library, open_page):
    app = open_windows(open_page)
    (table,) = [item.value for item in app.dataframe]
    app.button_group(key="windows_form").set_value("grid").run()
    assert not app.exception
    assert not app.dataframe
    tiles = tiles_of(app)
    assert len(tiles) == min(SIZES[0], len(table))
    windows = library.windows().set_index(["clip_id", "window"])
    for tile, (_, row) in zip(tiles, table.iterrows(), strict=False):
        clip_id, _, number = tile["id"].rpartition("#")
        window = windows.loc[(clip_id, int(number))]
        assert (window["start_s"], int(number)) == (row["start_s"], row["window"])
        key = library.entry(clip_id, "rectify").key
        span = f"{round(window['start_s'] * 1e6)}-{round(window['stop_s'] * 1e6)}"
        assert tile["poster"] == f"/glimpses/{key}/{span}/middle.jpg"
        assert tile["sheet"] == f"/glimpses/{key}/{span}/sheet.jpg"
    assert len({tile["id"] for tile in tiles}) == len(tiles)


def test_the_next_page_goes_on_where_the_first_ends(library, open_page):
    app = open_windows(open_page)
    app.button_group(key="windows_form").set_value("grid").run()
    first = [tile["id"] for tile in tiles_of(app)]
    app.session_state["windows_page"] = 2
    app.run()
    second = [tile["id"] for tile in tiles_of(app)]
    assert not set(first) & set(second)
    assert len(first) + len(second) == min(len(library.windows()), 2 * SIZES[0])


def test_a_window_without_a_view_says_so(library):
    window = library.windows().iloc[0].copy()
    window["clip_id"] = "gone"
    tile = window_grid.window_tile(library, window, "start_s")
    assert (tile["poster"], tile["sheet"]) == (None, None)
    assert tile["missing"]
