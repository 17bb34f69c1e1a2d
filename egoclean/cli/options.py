"""Options derived from configuration dataclasses, so that a default and its help live in one place."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from egoclean.config import VERB_CONFIGS, value_type
from egoclean.errors import UsageError
from egoclean.store.project import Settings

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


def changed_settings(settings: Settings, given: Mapping[str, Any], verbs: tuple[str, ...]) -> Settings:
    """Return ``settings`` changed by the options that were given, or named by the environment, in each of ``verbs``.

    Raises
    ------
    UsageError : a value outside its limits, or an environment variable of the wrong type.
    """
    for verb in verbs:
        values: dict[str, Any] = {}
        for item in dataclasses.fields(VERB_CONFIGS[verb]):
            value = given.get(item.name)
            if value is None:
                value = _from_environment(VERB_CONFIGS[verb], item)
            if value is not None:
                values[item.name] = value
        settings = settings.changed(verb, values)
    return settings


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


def _from_environment(config_class: type[Any], item: dataclasses.Field[Any]) -> Any:
    name = item.metadata.get("environment")
    text = os.environ.get(name) if name else None
    if not text:
        return None
    kind, _ = value_type(typing.get_type_hints(config_class)[item.name])
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(
            f"The environment variable {name} must be of type {kind.__name__}, found {text!r}.", "Change or unset it."
        ) from error
