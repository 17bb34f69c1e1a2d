"""Child processes as a user starts them, in an environment that has nothing personal in it."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PERSONAL = ("EGOCLEAN_CACHE", "EGOCLEAN_PROJECT", "EGOCLEAN_PORT", "SEED", "SCORES_OUT", "HF_TOKEN", "HF_KEY")
"""Variables of the person who runs the tests that would change what egoclean does."""

NO_HUB = "http://127.0.0.1:9"
"""A port nobody listens on: what reaches for the hub fails at once; tests of the hub put their own server there."""


def clean_environment(**changes):
    """Return an environment for a child process: the tests' own, without what is personal, and with ``changes``."""
    kept = {name: value for name, value in os.environ.items() if name not in PERSONAL}
    return {**kept, "HF_ENDPOINT": NO_HUB, "PYTHONPATH": str(REPOSITORY), **changes}


def run_egoclean(*arguments, cwd=None, check=None, timeout_s=280, **environment):
    """Run ``python -m egoclean`` as a user would and return the finished process; ``check`` is the status expected."""
    command = [sys.executable, "-m", "egoclean", *(str(argument) for argument in arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=clean_environment(**environment), timeout=timeout_s
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
