"""The group of commands, and how errors become sentences and exit statuses."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import types

import click

from egoclean import __version__
from egoclean.cli.terminal import interruption
from egoclean.errors import EgocleanError
from egoclean.sources.secrets import install_redaction

_COMMANDS = {
    "demo": "egoclean.cli.project_commands",
    "ingest": "egoclean.cli.project_commands",
    "run": "egoclean.cli.project_commands",
    "status": "egoclean.cli.project_commands",
    "stop": "egoclean.cli.project_commands",
    "clean": "egoclean.cli.project_commands",
    "evaluate": "egoclean.cli.project_commands",
    "export": "egoclean.cli.project_commands",
    "app": "egoclean.cli.project_commands",
    "rectify": "egoclean.cli.file_commands",
    "score": "egoclean.cli.file_commands",
    "distribution": "egoclean.cli.file_commands",
    "embed": "egoclean.cli.file_commands",
    "structure": "egoclean.cli.file_commands",
    "select": "egoclean.cli.file_commands",
}


class _LazyGroup(click.Group):
    """Loads a command's module when it is called, so that ``--help`` and errors come at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, or None when there is none of this name."""
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(_COMMANDS[name]), f"{name}_command")
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Turn raw egocentric and driving video into a curated training set.

    On a project: demo, ingest, run, status, stop, clean, select, evaluate, export, app. On plain files: rectify, score,
    distribution, embed, structure, select. Exit status: 0 all done, 1 failed, 2 usage, 3 done but some clips rejected,
    130 interrupted.
    """


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and an exit status, never in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    install_redaction()
    interruption.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        status = cli.main(standalone_mode=False)
    except EgocleanError as error:
        sys.stderr.write(f"egoclean: {error}\n")
        status = error.exit_status
    except click.ClickException as error:
        error.show()
        status = 2
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("egoclean: interrupted; run the same command again to go on where it stopped.\n")
        status = 130
    except BrokenPipeError:
        # the reader of our output is gone: nothing is left to say
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    interruption.set()
    raise KeyboardInterrupt
