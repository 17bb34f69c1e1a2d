"""The score against what another signal says of the same windows, with the corners in which they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from egoclean.charts.disagreement_chart import rank_density
from egoclean.core.calibrate import calibrate
from egoclean.core.disagreement import CORNERS, corners, pair_counts
from egoclean.core.explanations import rank_correlation
from egoclean.library import Library
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import clip_view, loaders, windows_table
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two rankings: rows of the windows in each corner, farthest out first, counts of pairs, how alike they are."""

    rows: Mapping[str, NDArray[np.int64]]
    counts: NDArray[np.int64]
    correlation: float


@st.fragment
def show(library: Library, windows: pd.DataFrame) -> None:
    """Show where score and another signal part, by rank, and the windows of one corner; the selected one plays."""
    others = loaders.known_signals(library, OTHERS)
    if not others or not loaders.known_signals(library, ("score",)):
        st.caption("There is no second signal yet: embeddings give the change, structure the anomaly.")
        return
    st.caption(
        "Each window by its place in two rankings: high = harder to reconstruct, or more unusual, than the rest. "
        f"A corner holds what is among the {100 * _SHARE:.0f} % at one end of both."
    )
    plot, list_ = st.columns(2, gap="medium")
    with list_:
        other = st.segmented_control("Score against", others, default=others[0], required=True, key="disagree_with")
        names = list(_NAMES)
        corner = st.radio("Corner", names, names.index("easy but unusual"), horizontal=True, key="disagree_corner")
        root, stamp = str(library.project.root), file_stamp(library.windows_file)
        pair = _pair(library, root, stamp, other)
        rows = pair.rows[_NAMES[corner]]
        found = windows.iloc[rows[: windows_table.MOST_ROWS + 1]]
        st.caption(f"{count(len(rows), 'window')} {corner}.")
        columns = ("clip", "start_s", "score", other)
        selected = windows_table.show(library, found, columns, key=f"disagree_{other}_{corner}", of=len(rows))
    with plot:
        st.plotly_chart(_figure(library, root, stamp, other, corner), key="disagree_figure")
        about = "+1 = they order the windows alike, 0 = they say other things."
        st.caption(f"Rank correlation {pair.correlation:+.2f}: {about}")
    if selected is not None:
        clip_view.show_window(library, selected, key="parted_player")


@st.cache_resource(show_spinner=False, max_entries=4)
def _pair(_library: Library, root: str, stamp: Stamp, other: str) -> _Pair:
    windows = loaders.windows(_library)
    score, against = (windows[name].to_numpy(float) for name in ("score", other))
    first, second = (calibrate(values, None, "rank") for values in (score, against))
    named = corners(first, second, _SHARE)
    falling = np.argsort(-second, kind="stable")
    rows = {name: falling[named[falling] == name] for name in CORNERS}
    rows = {name: found if "second" in name or name == CORNERS[0] else found[::-1] for name, found in rows.items()}
    return _Pair(rows, pair_counts(first, second), rank_correlation(score, against))


@st.cache_resource(show_spinner=False, max_entries=16)
def _figure(_library: Library, root: str, stamp: Stamp, other: str, corner: str) -> go.Figure:
    return rank_density(_pair(_library, root, stamp, other).counts, "score", other, _ENDS, _SHARE, corner)
