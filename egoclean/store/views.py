"""Views that people saved under a name: a page and everything chosen on it. One file a view, below ``views/``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoclean.records import to_plain
from egoclean.store.atomic import write_json
from egoclean.store.keys import digest

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class SavedView:
    """A page of the dashboard as a person left it.

    query : what the page's address says after the question mark, by name.
    ranges : both ends of each slider that other parts can move, by its key.
    """

    name: str
    page: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)


def save_view(folder: Path, view: SavedView) -> None:
    """Store ``view``, in place of one of the same name; other names are not touched, whoever saves at once."""
    write_json(_path(folder, view.name), to_plain(view))


def list_views(folder: Path) -> tuple[SavedView, ...]:
    """Return the saved views by name; a file that is none is passed over."""
    found = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            view = SavedView(
                str(stored["name"]),
                str(stored["page"]),
                {str(name): [str(value) for value in values] for name, values in stored["query"].items()},
                {str(name): (float(low), float(high)) for name, (low, high) in stored["ranges"].items()},
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
        found.append(view)
    return tuple(sorted(found, key=lambda view: view.name.casefold()))


def forget_view(folder: Path, name: str) -> None:
    """Remove the view of this name where there is one."""
    _path(folder, name).unlink(missing_ok=True)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{digest(name)[:24]}.json"
