"""Clips of the hub: fetched when their bytes are needed, remembered when they are not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from egoclean.config import IngestConfig
from egoclean.records import SourceClip
from egoclean.store.memo import FingerprintMemo

RAW_FOLDER = "raw"
"""Folder of the cache that fetched bytes stand in until the clip is rectified."""


def fetched(source: SourceClip, cache_root: Path, config: IngestConfig | None = None) -> SourceClip:
    """Return ``source`` with its bytes on this machine; a local clip comes back as it is.

    Raises
    ------
    SourceError : the hub refuses or cannot be reached, or the disk has too little room.
    """
    if source.remote is None or (source.location is not None and Path(source.location.path).is_file()):
        return source
    from egoclean.sources.hub_fetch import fetch_clip

    verify = config is not None and config.verify_source
    return fetch_clip(dataclasses.replace(source, location=None), cache_root / RAW_FOLDER, verify_source=verify)


def remembered(source: SourceClip, memo: FingerprintMemo, *, verified: bool) -> tuple[SourceClip, str] | None:
    """Return a hub clip with its calibration, and its fingerprint, as :func:`remember` kept them; None when unknown.

    ``verified`` takes only what was kept after the whole file had been compared with the hub's digest.
    """
    if source.remote is None:
        return None
    sha256 = memo.get(_name(source, "verified sha256" if verified else "sha256"))
    intrinsics = memo.get(_name(source, "intrinsics"))
    if sha256 is None or intrinsics is None or (intrinsics and not Path(intrinsics).is_file()):
        return None
    return dataclasses.replace(source, intrinsics_path=intrinsics or None), sha256


def remember(source: SourceClip, sha256: str, memo: FingerprintMemo, *, verified: bool) -> None:
    """Keep the fingerprint of a hub clip, so that a later run need not fetch it to know its results."""
    if source.remote is not None:
        memo.put(_name(source, "sha256"), sha256)
        if verified:
            memo.put(_name(source, "verified sha256"), sha256)
        memo.put(_name(source, "intrinsics"), source.intrinsics_path or "")


def _name(source: SourceClip, what: str) -> str:
    remote = source.remote
    commit = remote.commit if remote is not None else ""
    return f"{what}:{source.clip_id}@{commit}"
