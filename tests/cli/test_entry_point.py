"""The command that installing the package makes."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

from egoclean.cli.main import main


def test_the_installed_command_is_the_command_line():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (command,) = (EntryPoint(name, value, "console_scripts") for name, value in project["scripts"].items())
    assert (command.name, command.load()) == ("egoclean", main)
