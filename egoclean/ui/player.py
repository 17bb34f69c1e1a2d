"""The player: frame-accurate seek and step, speed, loop of a span, one or two clips in step, a timeline to click.

Plain HTML, CSS and JavaScript from ``static/``; the video comes in pieces from the file (:mod:`egoclean.ui.media`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

import streamlit as st

from egoclean.charts import theme

TimelineSpan = tuple[float, float, str]
"""Start and stop in seconds from the clip's first frame, and what the span is."""

Curve = tuple[Sequence[float], Sequence[float | None]]
"""Moments in seconds and a value at each, None where there is none."""

_CURVE_POINTS: Final = 2_000
_LONGEST_TIMES: Final = 20_000
LANE_COLOURS: Final[Mapping[str, str]] = {
    "cycles": theme.BLUE,
    "segments": theme.SEGMENT,
    "anomalies": theme.ANOMALY,
    "true work": theme.SEGMENT,
    "true cycles": theme.BLUE,
    "true events": theme.ANOMALY,
    "chosen": theme.CHOSEN,
    "decisions": theme.DECISION,
    "window": theme.GREY,
}
SPAN_COLOURS: Final[Mapping[str, str]] = {
    "keep": theme.GREEN,
    "reject": theme.VERMILION,
    "repetitive": theme.GREEN,
    "one-off": theme.PURPLE,
    "idle": theme.GREY,
}


@dataclass(frozen=True, slots=True)
class PlayerVideo:
    """One video of a player. ``offset_s`` is the moment of it that plays when the player's clock stands at zero."""

    source: str
    caption: str = ""
    poster: str | None = None
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlayerInput:
    """What a player shows.

    ``lanes`` are rows of spans, ``curves`` rows with a line, in the order they are drawn under the picture.
    ``frame_times_s`` are the seconds of the frames where they are not evenly spaced, else None. ``span`` is marked on
    the timeline and, with ``loop``, repeated. ``request`` tells one wish to seek from the next: the player seeks to
    ``time_s`` when it changes, so that a rerun of the page does not move it. With ``reports`` a button and the M key
    hand the present moment to the page.
    """

    videos: tuple[PlayerVideo, ...]
    duration_s: float
    frame_rate: float
    frame_count: int
    lanes: Mapping[str, Sequence[TimelineSpan]] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    time_s: float = 0.0
    span: tuple[float, float] | None = None
    loop: bool = False
    request: int = 0
    frame_times_s: tuple[float, ...] | None = None
    reports: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment a person reported with the M key or its button: seconds, frame index, and the marked span."""

    time_s: float
    frame: int
    span: tuple[float, float] | None


def player_data(shown: PlayerInput) -> dict[str, Any]:
    """Return what is sent to the browser: plain values, colours resolved, at most 20,000 frame times."""
    times = shown.frame_times_s
    return {
        "videos": [
            {"source": video.source, "caption": video.caption, "poster": video.poster, "offset_s": video.offset_s}
            for video in shown.videos
        ],
        "duration_s": shown.duration_s,
        "frame_rate": shown.frame_rate,
        "frame_count": shown.frame_count,
        "frame_times_s": list(times) if times is not None and len(times) <= _LONGEST_TIMES else None,
        "lanes": [{"name": name, "spans": _spans(name, spans)} for name, spans in shown.lanes.items()],
        "curves": [_curve(name, *curve) for name, curve in shown.curves.items()],
        "time_s": shown.time_s,
        "span": None if shown.span is None else list(shown.span),
        "loop": shown.loop,
        "request": shown.request,
        "reports": shown.reports,
    }


def show(shown: PlayerInput, key: str) -> Moment | None:
    """Show a player; return the moment a person reported in this rerun, or None."""
    result = _component()(key=key, data=player_data(shown), on_moment_change=_ignore, default=None)
    moment = getattr(result, "moment", None)
    if not moment:
        return None
    span = moment.get("span")
    return Moment(float(moment["time_s"]), int(moment["frame"]), (span[0], span[1]) if span else None)


def _spans(lane: str, spans: Sequence[TimelineSpan]) -> list[list[Any]]:
    fallback = LANE_COLOURS.get(lane, theme.GREY)
    return [[round(start, 3), round(stop, 3), label, SPAN_COLOURS.get(label, fallback)] for start, stop, label in spans]


def _curve(name: str, times_s: Sequence[float], values: Sequence[float | None]) -> dict[str, Any]:
    """Return a curve as pairs of moment and height from 0 to 1, its peaks kept where there are too many points."""
    known = [(float(time_s), float(value)) for time_s, value in zip(times_s, values, strict=True) if value is not None]
    least = min((value for _, value in known), default=0.0)
    most = max((value for _, value in known), default=1.0)
    block = -(-len(known) // _CURVE_POINTS) or 1
    peaks = [max(known[start : start + block], key=lambda point: point[1]) for start in range(0, len(known), block)]
    spread = (most - least) or 1.0
    points = [[round(time_s, 3), round((value - least) / spread, 4)] for time_s, value in peaks]
    return {"name": name, "points": points, "least": f"{least:.3g}", "most": f"{most:.3g}"}


def _ignore() -> None:
    return None


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    folder = resources.files("egoclean.ui") / "static"
    html, css, js = ((folder / f"player.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("egoclean_player", html=html, css=css, js=js)
