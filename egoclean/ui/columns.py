"""How each column of a table is named, explained and written: one place, so that a number looks the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from egoclean.ui.glossary import meaning
from egoclean.ui.tables import CLIP_VERBS

SIGNALS: Final = ("score", "skill", "surprise", "anomaly", "change", "motion_energy", "blur", "brightness", "texture")
"""Columns of the table of windows that windows can be ordered by, in the order they are offered."""
MEAN_OF: Final = "mean "
"""How the columns of signals begin that stand for all windows of a clip."""

_SECONDS: Final[Mapping[str, tuple[str, str]]] = {
    "duration_s": ("length, s", "Length of the clip, seconds."),
    "start_s": ("start, s", "Seconds from the clip's first frame."),
    "stop_s": ("stop, s", "Seconds from the clip's first frame; this moment itself is no longer inside."),
    "length_s": ("length, s", "From start to stop, seconds."),
    "time_s": ("at, s", "Seconds from the clip's first frame."),
    "peak_s": ("peak, s", "Where it is strongest, seconds from the clip's first frame."),
    "footage_s": ("footage, s", meaning("footage")),
    "period_s": ("period, s", meaning("period")),
}
_NUMBERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "score": ("score", meaning("score"), "%.4f"),
    "score_stderr": ("± std. error", meaning("standard error"), "%.4f"),
    "skill": ("skill", meaning("skill"), "%.3f"),
    "surprise": ("surprise", meaning("surprise"), "%.3f"),
    "change": ("change", meaning("change"), "%.4f"),
    "anomaly": ("anomaly", meaning("anomaly"), "%.4f"),
    "motion_energy": ("motion", meaning("motion"), "%.4f"),
    "blur": ("blur", meaning("blur"), "%.3f"),
    "turn": ("turn, widths/s", meaning("turn"), "%.3f"),
    "brightness": ("brightness", meaning("brightness"), "%.3f"),
    "texture": ("texture", meaning("texture"), "%.4f"),
    "rare_here": ("rare here", meaning("rare here"), "%.3f"),
    "rare_everywhere": ("rare everywhere", meaning("rare everywhere"), "%.3f"),
    "threshold": ("threshold", "From where on the score counts as an anomaly.", "%.3f"),
    "regularity": ("regularity", "1 = every cycle takes the same time.", "%.2f"),
    "similarity": ("similarity", meaning("similarity"), "%.3f"),
    "gain": ("gain", meaning("gain"), "%.4g"),
    "frame_rate": ("frames/s", "Frames a second, on average.", "%.2f"),
    "size_mb": ("size, MB", "Bytes of the source, in millions.", "%.1f"),
    "deviation": ("deviation", "How unlike the median cycle it is: higher = stranger.", "%.4f"),
    "recurrence": ("recurrence", "How much of it is seen again elsewhere in the clip, 0 to 1.", "%.2f"),
    "motion_level": ("motion", meaning("motion"), "%.4f"),
}
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "clip": ("clip", meaning("clip")),
    "name": ("clip", meaning("clip")),
    "clip_id": ("id", "Name of the clip in its source; unique in the project."),
    "reason": ("reason", "Why it is so."),
    "rank": ("rank", meaning("rank")),
    "window": ("window", meaning("window")),
    "width": ("width, px", "Width of the source picture, pixels."),
    "height": ("height, px", "Height of the source picture, pixels."),
    "status": ("status", meaning("status")),
    "rectified": ("rectified", meaning("rectified")),
    "factory": ("factory", "Site the clip was recorded at."),
    "worker": ("worker", "Person who wore the camera."),
    "scene": ("scene", "Scene of a driving set."),
    "camera": ("camera", "Camera channel."),
    "licence": ("licence", "Licence of the footage."),
    "codec": ("codec", "How the source video is compressed."),
    "origin": ("from", "Factory and worker, or camera, as the source states them."),
    "clips": ("clips", meaning("clip")),
    "rejected": ("rejected", "Clips that cannot be used; the overview says why."),
    "calibrated": ("calibrated", "Clips whose camera calibration is known."),
    "side": ("side", "Below or above the line."),
    "label": ("kind", "repetitive: again and again. one-off: seen once. idle: nothing moves. gap: no footage."),
    "verdict": ("verdict", "What a person said."),
    "severity": ("severity", "note, warning, or rejection."),
    "row": ("row", "Number of the window in the project's table of windows."),
}


def signals_help(names: Sequence[str]) -> str:
    """Return the tooltip that says what each of some ``SIGNALS`` means."""
    return "; ".join(f"{_NUMBERS[name][0]}: {_NUMBERS[name][1]}" for name in names)


def column_config(table: pd.DataFrame) -> dict[str, Any]:
    """Return the configuration of each column of ``table``: label with unit, tooltip, digits."""
    found = {str(name): _column(str(name), pd.api.types.is_numeric_dtype(table[name])) for name in table.columns}
    return {name: config for name, config in found.items() if config is not None}


def _column(name: str, is_number: bool) -> Any:
    if name in CLIP_VERBS and not is_number:
        return st.column_config.TextColumn(name, help=meaning("status"), width="small")
    if name in _SECONDS:
        label, text = _SECONDS[name]
        return st.column_config.NumberColumn(label, help=text, format="%.2f")
    if (signal := name.removeprefix(MEAN_OF)) in _NUMBERS:
        label, text, digits = _NUMBERS[signal]
        prefix = MEAN_OF if signal != name else ""
        return st.column_config.NumberColumn(prefix + label, help=text, format=digits)
    if name in _TEXTS:
        label, text = _TEXTS[name]
        return st.column_config.Column(label, help=text)
    if name == "first_frame":
        text = "The frame at the start. Cycles whose first frames look alike are cut at the same moment of the work."
        return st.column_config.ImageColumn("first frame", help=text, width="small")
    if name == "started":
        return st.column_config.DatetimeColumn("started", format="YYYY-MM-DD HH:mm:ss", help="Universal time.")
    return None
