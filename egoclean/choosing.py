"""Choosing in a process of its own, for projects too large to do it between two clicks.

The arguments of ``python -m egoclean.choosing`` are the project's folder and the configuration as JSON. The selection
is kept in the cache under its key, where the dashboard finds it; an option that cannot be
met is told on standard output as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from egoclean.config import SelectConfig, build_config
from egoclean.errors import EgocleanError
from egoclean.library import Library
from egoclean.store.project import open_project
from egoclean.verbs.select import select_into_cache


def main() -> int:
    """Choose as the arguments say; return the exit status."""
    project, config = open_project(Path(sys.argv[1])), json.loads(sys.argv[2])
    try:
        select_into_cache(Library(project), build_config(SelectConfig, config, "the dashboard"))
    except EgocleanError as error:
        sys.stdout.write(json.dumps({"message": error.message, "hint": error.hint}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
