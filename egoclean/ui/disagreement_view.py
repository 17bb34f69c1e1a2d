"""The score against what another signal says of the same windows, with the corners in which they part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd
import streamlit as st

from egoclean.charts.disagreement_chart import rank_density
from egoclean.core.calibrate import calibrate
from egoclean.core.disagreement import CORNERS, corners
from egoclean.core.explanations import rank_correlation
from egoclean.library import Library
from egoclean.ui import windows_table
from egoclean.ui.format import count

OTHERS: Final = ("anomaly", "surprise", "change")
_SHARE: Final = 0.2
_NAMES: Final[Mapping[str, str]] = {
    "hard and unusual": CORNERS[0],
    "hard but usual": CORNERS[1],
    "easy but unusual": CORNERS[2],
    "easy and usual": CORNERS[3],
}
_ENDS: Final = {
    "hard and unusual": (True, True),
    "hard but usual": (True, False),
    "easy but unusual": (False, True),
    "easy and usual": (False, False),
}


def show(library: Library, windows: pd.DataFrame) -> pd.Series | None:
    """Show where score and another signal part, by rank, and the windows of one corner; return the selected one."""
    others = [name for name in OTHERS if name in windows and windows[name].notna().any()]
    if "score" not in windows or not others or windows["score"].nunique() < 2:
        return None
    st.subheader(
        "Where signals disagree",
        anchor=False,
        help="Each window by its place in two rankings. High = harder to reconstruct, or more unusual, than the rest. "
        f"A corner holds what is among the {100 * _SHARE:.0f} % at one end of both.",
    )
    plot, list_ = st.columns(2, gap="medium")
    with list_:
        other = st.segmented_control("Score against", others, default=others[0], required=True, key="disagree_with")
        names = list(_NAMES)
        corner = st.radio("Corner", names, names.index("easy but unusual"), horizontal=True, key="disagree_corner")
        found = windows[corners(windows["score"], windows[other], _SHARE) == _NAMES[corner]]
        st.caption(f"{count(len(found), 'window')} {corner}.")
        selected = windows_table.show(
            library,
            found.sort_values(other, ascending=not _ENDS[corner][1], kind="stable"),
            ("clip", "start_s", "score", other),
            key=f"disagree_{other}_{corner}",
        )
    with plot:
        places = {name: calibrate(windows[name].to_numpy(float), None, "rank") for name in ("score", other)}
        agreement = rank_correlation(windows["score"].to_numpy(float), windows[other].to_numpy(float))
        st.plotly_chart(
            rank_density(places["score"], places[other], "score", other, _ENDS, _SHARE, corner),
            key="disagree_figure",
        )
        st.caption(f"Rank correlation {agreement:+.2f}: +1 = they order the windows alike, 0 = they say other things.")
    return selected
