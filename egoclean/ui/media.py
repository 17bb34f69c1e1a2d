"""Media for the browser, in pieces from the file: routes that serve files and pictures of cache entries, by address.

Streamlit's own media store reads a whole file into memory for each viewer; the first route answers range requests from
the disk, the second with small pictures of a clip's view. They serve nothing but the named files of complete cache
entries, by key: no path ever comes from a request. What an address shows never changes, so browsers keep it.
"""

from __future__ import annotations

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from egoclean.config import VERB_CONFIGS
from egoclean.errors import EgocleanError
from egoclean.store.cache import Entry
from egoclean.ui import glimpses, login
from egoclean.ui.project import current_project

VIEW: Final = "view.mp4"
SERVED_FILES: Final = frozenset(
    {VIEW, "rectified.mp4", "poster.jpg", "sprite.jpg", "before.jpg", "after.jpg", "diagnostics.png"}
)
_KEY = re.compile(r"[0-9a-f]{64}")
_SPAN = re.compile(r"([0-9]{1,13})-([0-9]{1,13})")
_DRAWING: Final = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 4), "glimpses")
_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOT_FOUND: Final = PlainTextResponse("Not found.", status_code=404)


def media_url(entry: Entry | None, name: str) -> str | None:
    """Return the address at which the dashboard serves ``name`` of ``entry``, or None when there is no such file."""
    if entry is None or name not in SERVED_FILES or not entry.path(name).is_file():
        return None
    address = f"/files/{entry.verb}/{entry.key}/{name}"
    return address + login.ticket(address)


def glimpse_url(entry: Entry | None, name: str, start_s: float, stop_s: float) -> str | None:
    """Return the address of a small picture of a span of a clip's view, or None when there is no view.

    ``name`` is one of :data:`egoclean.ui.glimpses.GLIMPSES`, the span in seconds from the clip's first frame.
    """
    if media_url(entry, VIEW) is None or entry is None:
        return None
    start, stop = (max(0, round(moment_s * 1e6)) for moment_s in (start_s, stop_s))
    address = f"/glimpses/{entry.key}/{start}-{stop}/{name}"
    return address + login.ticket(address)


def serve_file(request: Request) -> Response:
    """Answer with one data file of a cache entry; anything else is 404, whether missing or not allowed."""
    verb, key, name = (request.path_params[part] for part in ("verb", "key", "name"))
    known = login.is_ticket(f"/files/{verb}/{key}/{name}", request.query_params.get("ticket"))
    path = _path(verb, key, name) if known and name in SERVED_FILES else None
    return _NOT_FOUND if path is None else FileResponse(path, headers=_HEADERS)


async def serve_glimpse(request: Request) -> Response:
    """Answer with a small picture of a span of a clip's view; anything else is 404.

    It is drawn when it is first asked for, a few at a time, so that neither pages nor videos wait for it.
    """
    key, span, name = (request.path_params[part] for part in ("key", "span", "name"))
    known = login.is_ticket(f"/glimpses/{key}/{span}/{name}", request.query_params.get("ticket"))
    path, times = _path("rectify", key, VIEW) if known else None, _SPAN.fullmatch(span)
    if path is None or times is None or name not in glimpses.GLIMPSES:
        return _NOT_FOUND
    start, stop = (int(part) for part in times.groups())
    try:
        data = await asyncio.get_running_loop().run_in_executor(_DRAWING, glimpses.draw, str(path), name, start, stop)
    except EgocleanError:
        return _NOT_FOUND
    return Response(data, media_type="image/jpeg", headers=_HEADERS)


def media_routes() -> list[Route]:
    """Return the routes that the dashboard serves besides Streamlit's own."""
    return [
        Route("/files/{verb}/{key}/{name}", serve_file, methods=["GET", "HEAD"]),
        Route("/glimpses/{key}/{span}/{name}", serve_glimpse, methods=["GET", "HEAD"]),
    ]


def _path(verb: str, key: str, name: str) -> Path | None:
    """Return where a file of a complete entry lies, or None when there is none."""
    if verb not in VERB_CONFIGS or not _KEY.fullmatch(key):
        return None
    folder = current_project().cache_root() / verb / key[:2] / key
    path = folder / name
    return path if (folder / "entry.json").is_file() and path.is_file() and not path.is_symlink() else None
