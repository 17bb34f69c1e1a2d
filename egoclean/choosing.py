"""Choosing in a process of its own, for projects too large to do it between two clicks: it stays, to choose again.

The argument of ``python -m egoclean.choosing`` is the project's folder. A line of standard input is a request as JSON:
``{"config": ...}`` makes a selection, which is kept in the cache, where the dashboard finds it, and one line of JSON on
standard output says so, or which option could not be met; ``{"warm": ...}`` reads what choosing will need, and is not
answered. Of lines that wait only the last counts: the others were overtaken.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from egoclean.config import SelectConfig, build_config
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.keys import EntryKey
from egoclean.store.project import open_project
from egoclean.verbs.select import Recutter

IDLE_S = 600.0
STANDS_BACK = 10
"""Niceness: a page that is being drawn comes first."""
KEPT = 20
"""Selections that stay in the cache though nobody saved them: the last ones, which a person may go back to."""


def main() -> None:
    """Choose as each line says, until the input ends or nothing was asked for :data:`IDLE_S` seconds."""
    os.nice(STANDS_BACK)
    library = Library(open_project(Path(sys.argv[1])))
    recutter, made = Recutter(library), deque[EntryKey]()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    while line := _newest(lines):
        request = json.loads(line)
        if "warm" in request:
            with contextlib.suppress(EgocleanError):  # said when it is asked for
                recutter.warm(_config(request["warm"]))
            continue
        answer = {"config": request["config"], **_answer(recutter, request["config"], made)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        _forget_old(library, made)


def _listen(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put("")


def _newest(lines: queue.SimpleQueue[str]) -> str:
    try:
        line = lines.get(timeout=IDLE_S)
    except queue.Empty:
        return ""
    while not lines.empty():
        line = lines.get()
    return line


def _answer(recutter: Recutter, request: dict[str, Any], made: deque[EntryKey]) -> dict[str, str]:
    try:
        key, _ = recutter.select_into_cache(_config(request))
    except EgocleanError as error:
        return {"message": error.message, "hint": error.hint}
    if key in made:
        made.remove(key)
    made.append(key)
    return {"key": key.key}


def _config(request: dict[str, Any]) -> SelectConfig:
    return build_config(SelectConfig, request, "the dashboard")


def _forget_old(library: Library, made: deque[EntryKey]) -> None:
    while len(made) > KEPT:
        key = made.popleft()
        if key.key != library.saved_key():
            library.cache.forget(key)


if __name__ == "__main__":
    main()
