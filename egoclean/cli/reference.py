"""The command reference as Markdown, made from the commands themselves: ``python -m egoclean.cli.reference``."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from egoclean.cli.main import cli

WIDTH: Final[dict[str, Any]] = {"max_content_width": 100, "terminal_width": 100}


def reference() -> str:
    """Return docs/cli.md: the help of every command as it is printed, 100 columns wide."""
    root = click.Context(cli, info_name="egoclean", **{**cli.context_settings, **WIDTH})
    parts = ["# Commands\n", "Made by `python -m egoclean.cli.reference > docs/cli.md`.\n", _block(cli.get_help(root))]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=root, **WIDTH)
            parts += [f"## {name}\n", _block(command.get_help(context))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
