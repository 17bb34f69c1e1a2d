"""The project in a few numbers, and what discovery had to say about its sources."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from egoclean.charts import theme
from egoclean.charts.overview_charts import footage_bar
from egoclean.library import SELECTION_FILE, Library
from egoclean.store.catalog import StepStatus
from egoclean.store.stamps import Stamp, file_stamp
from egoclean.ui import loaders, metrics
from egoclean.ui.filters import with_signals
from egoclean.ui.format import count, footage, hours, plain, share
from egoclean.ui.tables import CLIP_VERBS, clip_table, footage_s, source_table, status_table

_PARTS = {"chosen": theme.CHOSEN, "not chosen": theme.SKY, "without windows": theme.GREY, "rejected": theme.VERMILION}


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts and seconds of the whole project; ``window_s`` and ``chosen_s`` count overlapping windows once."""

    clips: int
    usable: int
    rejected: int
    failed: int
    clip_s: float
    rejected_s: float
    windows: int
    window_s: float
    chosen: int
    chosen_s: float


def status_rows(library: Library) -> pd.DataFrame:
    """Return :func:`egoclean.ui.tables.status_table` of the project's clips."""
    return _status_rows(library, str(library.project.root), library.catalog.stamp())


def clip_rows(library: Library) -> pd.DataFrame:
    """Return :func:`egoclean.ui.tables.clip_table` of the project's clips, with the mean of each signal."""
    stamp = (*library.catalog.stamp(), *file_stamp(library.windows_file))
    return _clip_rows(library, str(library.project.root), stamp)


def source_rows(library: Library) -> pd.DataFrame:
    """Return :func:`egoclean.ui.tables.source_table` of the project's clips."""
    return _source_rows(library, str(library.project.root), library.catalog.stamp())


def totals(library: Library) -> Totals:
    """Return the totals of the project as the catalog, the table of windows and the last selection have them."""
    saved = library.project.selections / SELECTION_FILE
    stamp = (*library.catalog.stamp(), *file_stamp(library.windows_file, saved))
    return _totals(library, str(library.project.root), stamp)


@st.cache_resource(show_spinner=False, max_entries=2)
def _status_rows(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    return status_table(loaders.clip_steps(_library))


@st.cache_resource(show_spinner=False, max_entries=2)
def _clip_rows(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    return with_signals(clip_table(loaders.clip_steps(_library)), loaders.windows(_library))


@st.cache_resource(show_spinner=False, max_entries=2)
def _source_rows(_library: Library, root: str, stamp: Stamp) -> pd.DataFrame:
    return source_table(loaders.clips(_library))


@st.cache_resource(show_spinner=False, max_entries=2)
def _totals(_library: Library, root: str, stamp: Stamp) -> Totals:
    library = _library
    items = list(loaders.clip_steps(library).values())
    rejected = [item for item in items if _ended(item, StepStatus.REJECTED)]
    failed = [item for item in items if _ended(item, StepStatus.FAILED)]
    windows, view = loaders.windows(library), loaders.selection(library)
    return Totals(
        clips=len(items),
        usable=len(items) - len(rejected) - len(failed),
        rejected=len(rejected),
        failed=len(failed),
        clip_s=_length_s(items),
        rejected_s=_length_s([*rejected, *failed]),
        windows=len(windows),
        window_s=loaders.window_seconds(library),
        chosen=0 if view is None else len(view.chosen),
        chosen_s=0.0 if view is None else footage_s(view.chosen),
    )


def show_totals(found: Totals) -> None:
    """Show the totals as four figures with their units."""
    clips, length, windows, chosen = st.columns(4)
    refused = f"{found.rejected} rejected, {found.failed} failed" if found.rejected + found.failed else "all usable"
    metrics.number(clips, "Clips", f"{found.clips:,}", refused, "clip")
    metrics.number(length, "Footage", hours(found.clip_s), footage(found.clip_s), "footage")
    metrics.number(windows, "Windows", f"{found.windows:,}", f"cover {footage(found.window_s)}", "window")
    said = f"{footage(found.chosen_s)}, {share(found.chosen_s, found.clip_s)} of the footage"
    metrics.number(chosen, "Chosen windows", f"{found.chosen:,}", said if found.chosen else "none yet", "budget")


def show_footage(found: Totals) -> None:
    """Show where the footage went as one bar: chosen, not chosen, without windows, rejected."""
    unit, seconds = ("h", 3600.0) if found.clip_s >= 7200 else ("min", 60.0)
    usable_s = max(0.0, found.clip_s - found.rejected_s)
    amounts = (
        found.chosen_s,
        max(0.0, found.window_s - found.chosen_s),
        max(0.0, usable_s - found.window_s),
        found.rejected_s,
    )
    if found.clip_s > 0:
        parts = {name: amount / seconds for name, amount in zip(_PARTS, amounts, strict=True)}
        st.plotly_chart(footage_bar(parts, _PARTS, unit), key="footage_bar", config={"displayModeBar": False})


def needs_attention(table: pd.DataFrame) -> pd.Series:
    """Return which rows of a status table hold anything but results."""
    waiting = pd.Series(False, index=table.index)
    for verb in CLIP_VERBS:
        waiting |= ~table[verb].str.startswith("✓")
    return waiting


def show_sources(library: Library) -> None:
    """Show the sources of the project, as text."""
    sources = library.project.sources()
    if sources:
        st.caption(count(len(sources), "source"))
        st.code("\n".join(sources), language=None)


def show_notes(library: Library) -> None:
    """Show what discovery had to say: files passed over, archive members refused."""
    notes = library.catalog.notes()
    if notes:
        with st.expander(f"{count(len(notes), 'note')} about the sources", icon=":material/notes:"):
            for note in notes[:100]:
                st.caption(plain(note))
            if len(notes) > 100:
                st.caption(f"and {len(notes) - 100:,} more, in the log of the run.")


def _ended(item: loaders.ClipSteps, status: StepStatus) -> bool:
    return any(step.status is status for step in item.steps.values())


def _length_s(items: list[loaders.ClipSteps]) -> float:
    return sum(float(item.clip.facts.get("duration_s") or 0.0) for item in items)
