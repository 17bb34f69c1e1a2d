"""Options derived from configuration dataclasses, so that a default and its help live in one place."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import click

from egoclean.config import value_type

Command = TypeVar("Command", bound=Callable[..., Any])


def config_options(*config_classes: type[Any], without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Return a decorator that adds one option a field; an option that is not given arrives as None.

    A field that several classes share is one option.
    """

    def decorate(command: Command) -> Command:
        fields: dict[str, tuple[type[Any], dataclasses.Field[Any]]] = {}
        for config_class in config_classes:
            for item in dataclasses.fields(config_class):
                if item.name not in without:
                    fields.setdefault(item.name, (config_class, item))
        for config_class, item in reversed(fields.values()):
            command = _option(config_class, item)(command)
        return command

    return decorate


def _option(config_class: type[Any], item: dataclasses.Field[Any]) -> Callable[[Command], Command]:
    kind, _ = value_type(typing.get_type_hints(config_class)[item.name])
    flag = f"--{item.metadata.get('flag') or item.name.replace('_', '-')}"
    choices = item.metadata.get("choices") or ()
    shown = "" if item.default is None or isinstance(item.default, bool) else f"  [default: {item.default}]"
    help_text = str(item.metadata.get("help", "")) + shown
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", item.name, default=None, help=help_text)
    click_type = click.Choice(choices) if choices else kind
    return click.option(flag, item.name, type=click_type, default=None, help=help_text)
