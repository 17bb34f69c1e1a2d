"""Which project the dashboard shows, and which folders it may read when a person types a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from egoclean.errors import UsageError
from egoclean.store.project import Project, open_project

_HUB_NAME = re.compile(r"hub:[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_USUAL_ROOTS = ("/data", "/datasets", "/media", "/mnt", "/srv", "/Volumes", "/workspace")


def current_project() -> Project:
    """Return the project named by EGOCLEAN_PROJECT, or ``./project``; it need not exist yet."""
    return open_project(Path(os.environ.get("EGOCLEAN_PROJECT") or "project"))


def readable_roots() -> tuple[Path, ...]:
    """Return the folders below which a typed path may lie: EGOCLEAN_ROOTS, or the home folder and usual data places."""
    stated = os.environ.get("EGOCLEAN_ROOTS")
    if stated:
        return tuple(Path(item).resolve() for item in stated.split(os.pathsep) if item)
    usual = [
        Path.home(),
        Path(os.environ.get("EGOCLEAN_STARTED_IN") or Path.cwd()),
        current_project().root.parent,
        *map(Path, _USUAL_ROOTS),
    ]
    found = [path.resolve() for path in usual if path.is_dir()]
    return tuple(dict.fromkeys(path for path in found if path != Path(path.anchor)))


def resolve_source(text: str) -> str:
    """Return ``text`` as a source that the pipeline takes: ``hub:OWNER/NAME`` as it is, a path made absolute.

    Raises
    ------
    UsageError : the path does not exist or lies outside the readable roots; one sentence for both, so that a page
        cannot be used to find out what is on the disk.
    """
    wanted = text.strip()
    if wanted.startswith("hub:"):
        return _hub_name(wanted)
    refused = UsageError(
        f"There is no footage to read at {wanted!r}.",
        f"Give a folder, video, tar or .jsonl manifest below one of: {', '.join(map(str, readable_roots()))}. "
        "Other folders can be allowed with EGOCLEAN_ROOTS.",
    )
    if not wanted or "\x00" in wanted or wanted.startswith(("\\\\", "//")):
        raise refused
    try:
        path = Path(wanted).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise refused from None
    if not any(path.is_relative_to(root) for root in readable_roots()):
        raise refused
    return str(path)


def _hub_name(text: str) -> str:
    if not _HUB_NAME.fullmatch(text):
        raise UsageError(f"{text!r} is not a dataset's name on the hub.", "Write it as hub:OWNER/NAME.")
    return text
