"""Media for the browser, in pieces from the file: a route that serves data files of cache entries, and their addresses.

Streamlit's own media store reads a whole file into memory for each viewer; this route answers range requests from
the disk. It serves nothing but the named files of complete cache entries, by key: no path ever comes from a request.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from egoclean.config import VERB_CONFIGS
from egoclean.store.cache import Entry
from egoclean.ui import login
from egoclean.ui.project import current_project

SERVED_FILES: Final = frozenset(
    {"view.mp4", "rectified.mp4", "poster.jpg", "sprite.jpg", "before.jpg", "after.jpg", "diagnostics.png"}
)
_KEY = re.compile(r"[0-9a-f]{64}")
_HEADERS: Final = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def media_url(entry: Entry | None, name: str) -> str | None:
    """Return the address at which the dashboard serves ``name`` of ``entry``, or None when there is no such file."""
    if entry is None or name not in SERVED_FILES or not entry.path(name).is_file():
        return None
    address = f"/files/{entry.verb}/{entry.key}/{name}"
    return address + login.ticket(address)


def serve_file(request: Request) -> Response:
    """Answer with one data file of a cache entry; anything else is 404, whether missing or not allowed."""
    verb, key, name = (request.path_params[part] for part in ("verb", "key", "name"))
    known = login.is_ticket(f"/files/{verb}/{key}/{name}", request.query_params.get("ticket"))
    if known and verb in VERB_CONFIGS and _KEY.fullmatch(key) and name in SERVED_FILES:
        folder = current_project().cache_root() / verb / key[:2] / key
        path = folder / name
        if (folder / "entry.json").is_file() and path.is_file() and not path.is_symlink():
            return FileResponse(path, headers=_HEADERS)
    return PlainTextResponse("Not found.", status_code=404)


def media_routes() -> list[Route]:
    """Return the routes that the dashboard serves besides Streamlit's own."""
    return [Route("/files/{verb}/{key}/{name}", serve_file, methods=["GET", "HEAD"])]
