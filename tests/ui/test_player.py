"""What the player is told, and what its media route serves."""

import json

import pytest
from starlette.requests import Request

from egoclean.ui import clip_view, media, player


def request(**parts):
    return Request({"type": "http", "query_string": b"", "method": "GET", "headers": [], "path_params": parts})


def test_the_player_gets_plain_values_with_colours():
    shown = player.PlayerInput(
        videos=(player.PlayerVideo("/files/x"),),
        duration_s=10.0,
        frame_rate=30.0,
        frame_count=300,
        lanes={"segments": [(0.0, 4.00049, "idle"), (4.0, 10.0, "something")]},
        curves={"change": ([0.0, 1.0, 2.0], [None, 3.0, 5.0])},
        span=(1.0, 2.0),
    )
    data = json.loads(json.dumps(player.player_data(shown)))
    first, second = data["lanes"][0]["spans"]
    assert first == [0.0, 4.0, "idle", player.SPAN_COLOURS["idle"]]
    assert second[3] == player.LANE_COLOURS["segments"]
    assert data["curves"][0]["points"] == [[1.0, 0.0], [2.0, 1.0]]
    assert (data["curves"][0]["least"], data["curves"][0]["most"]) == ("3", "5")
    assert data["span"] == [1.0, 2.0]
    assert data["frame_times_s"] is None


def test_a_long_curve_keeps_its_peaks():
    values = [0.0] * 100_000
    values[77_777] = 1.0
    shown = player.PlayerInput((), 1.0, 30.0, 1, curves={"change": (range(100_000), values)})
    points = player.player_data(shown)["curves"][0]["points"]
    assert len(points) <= 2000
    assert [77_777, 1.0] in points


def test_a_constant_or_empty_curve_is_drawn_without_a_fault():
    shown = player.PlayerInput((), 1.0, 30.0, 1, curves={"a": ([0, 1], [2.0, 2.0]), "b": ([], [])})
    flat, empty = player.player_data(shown)["curves"]
    assert flat["points"] == [[0.0, 0.0], [1.0, 0.0]]
    assert empty["points"] == []


def test_media_serves_named_files_of_complete_entries_only(library):
    clip_id = library.clips()[0].clip_id
    entry = library.entry(clip_id, "rectify")
    url = media.media_url(entry, "view.mp4")
    assert url == f"/files/rectify/{entry.key}/view.mp4"
    answer = media.serve_file(request(verb="rectify", key=entry.key, name="view.mp4"))
    assert answer.status_code == 200
    assert answer.path == entry.path("view.mp4")
    assert "same-origin" in answer.headers["cross-origin-resource-policy"]
    assert media.media_url(entry, "entry.json") is None
    assert media.media_url(None, "view.mp4") is None


@pytest.mark.parametrize(
    "parts",
    [
        {"verb": "rectify", "key": "0" * 64, "name": "view.mp4"},
        {"verb": "rectify", "key": "..", "name": "view.mp4"},
        {"verb": "..", "key": "0" * 64, "name": "view.mp4"},
        {"verb": "catalogs", "key": "0" * 64, "name": "view.mp4"},
        {"verb": "rectify", "key": "GOOD", "name": "entry.json"},
        {"verb": "rectify", "key": "GOOD", "name": "../../../../project.toml"},
        {"verb": "rectify", "key": "GOOD\n", "name": "view.mp4"},
    ],
)
def test_media_answers_everything_else_alike(parts, library):
    good = library.entry(library.clips()[0].clip_id, "rectify").key
    answer = media.serve_file(request(**{name: value.replace("GOOD", good) for name, value in parts.items()}))
    assert (answer.status_code, answer.body) == (404, b"Not found.")


def test_lanes_are_what_the_entries_hold(library, open_page):
    clip = library.clips()[0]
    lanes = clip_view.timeline(library, clip)
    found = library.entry(clip.clip_id, "structure").json("structure.json")
    assert [span[:2] for span in lanes["segments"]] == [(item["start_s"], item["stop_s"]) for item in found["segments"]]
    chosen = library.selection().chosen
    assert len(lanes["chosen"]) == (chosen["clip_id"] == clip.clip_id).sum()
