"""Factory, worker and part ids that stand in the paths of Egocentric-10K, Egocentric-100K and their copies.

Egocentric-10K: ``factory_001/workers/worker_001/factory001_worker001_part00.tar``.
Egocentric-100K: ``factory001/worker001/part000.tar``; both spellings are read wherever they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_FOLDERS = {kind: re.compile(rf"{kind}[_-]?(\d+)", re.IGNORECASE) for kind in ("factory", "worker")}
_FILE = re.compile(r"factory[_-]?(?P<factory>\d+)[_-]+worker[_-]?(?P<worker>\d+)", re.IGNORECASE)
_PART = re.compile(r"(?:^|[_-])part[_-]?(?P<part>\d+)\.tar$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LayoutIds:
    """Ids found in a path, as ``factory_001``, ``worker_001`` and the part's number; None where there is none."""

    factory: str | None = None
    worker: str | None = None
    part: int | None = None


def layout_ids(path: str) -> LayoutIds:
    """Return the ids that stand in ``path``, the innermost winning.

    >>> layout_ids("factory_001/workers/worker_002/factory001_worker002_part00.tar")
    LayoutIds(factory='factory_001', worker='worker_002', part=0)
    >>> layout_ids("data/factory014/worker007/part012.tar")
    LayoutIds(factory='factory_014', worker='worker_007', part=12)
    """
    found: dict[str, str] = {}
    parts = PurePosixPath(path.replace("#", "/")).parts
    part_number: int | None = None
    for name in reversed(parts):
        in_file = _FILE.match(name)
        for kind, pattern in _FOLDERS.items():
            folder = pattern.fullmatch(name)
            digits = folder.group(1) if folder else in_file.group(kind) if in_file else None
            if digits is not None:
                found.setdefault(kind, f"{kind}_{digits}")
        in_part = _PART.search(name)
        if in_part is not None and part_number is None:
            part_number = int(in_part.group("part"))
    return LayoutIds(found.get("factory"), found.get("worker"), part_number)


def is_wanted(identifier: str | None, wanted: str | None) -> bool:
    """Whether an id passes a filter: no filter passes all; ``1``, ``001`` and ``factory_001`` name the same factory.

    >>> is_wanted("factory_001", "1"), is_wanted("factory_011", "1"), is_wanted(None, "1")
    (True, False, False)
    """
    if wanted is None:
        return True
    if identifier is None:
        return False
    if identifier == wanted:
        return True
    number, wanted_number = _trailing_number(identifier), _trailing_number(wanted)
    return number is not None and number == wanted_number


def _trailing_number(text: str) -> int | None:
    found = re.search(r"(\d+)$", text)
    return int(found.group(1)) if found else None
