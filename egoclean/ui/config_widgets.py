"""Widgets made from the configuration classes: their labels, limits, choices and help stand in config.py alone."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import streamlit as st

from egoclean.config import SelectConfig, build_config, value_type
from egoclean.core.budget import BudgetKind, parse_budget
from egoclean.ui.format import footage

ConfigType = TypeVar("ConfigType")
_BIND: Final = "query-params"
"""What is set stands in the address, and so holds from page to page."""

_UNITS = {"s": "seconds", "deg": "degrees", "px": "pixels", "frames": "frames", "hz": "Hz"}
_BUDGET_UNITS = {BudgetKind.SHARE: "share", BudgetKind.COUNT: "windows", BudgetKind.DURATION: "minutes"}


def label_of(name: str) -> str:
    """Return a field's name as a label with its unit: ``stride_s`` becomes ``Stride, seconds``."""
    words = name.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit else words).capitalize()
    return f"{text}, {unit}" if unit else text


def field_key(key: str, name: str) -> str:
    """Return the key of the widget that sets the field ``name``, which is also its name in the address."""
    return f"{key}_{name}"


def config_inputs(base: ConfigType, names: Sequence[str], key: str, columns: int = 1) -> ConfigType:
    """Return ``base`` with the fields ``names`` set by widgets; a value is refused as on the command line."""
    fields = {item.name: item for item in dataclasses.fields(base)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(type(base))
    places = st.columns(columns)
    values = {}
    for position, name in enumerate(names):
        with places[position % columns]:
            values[name] = _field_input(fields[name], hints[name], getattr(base, name), field_key(key, name))
    unchanged = {name: getattr(base, name) for name in fields if name not in names}
    return build_config(type(base), {**unchanged, **values}, "this page")


def budget_input(base: SelectConfig, window_count: int, total_s: float, key: str) -> str:
    """Return a budget as text, set by a slider in per cent, windows or minutes, starting from the one of ``base``."""
    text = next(item.metadata["help"] for item in dataclasses.fields(SelectConfig) if item.name == "budget")
    stated = parse_budget(base.budget)
    left, right = st.columns([1, 2])
    default = _BUDGET_UNITS[stated.kind]
    units = list(_BUDGET_UNITS.values())
    unit = left.segmented_control(
        "Budget in", units, default=default, required=True, key=f"{key}_unit", help=text, bind=_BIND
    )
    amount = float(stated.amount) if unit == default else None
    if unit == "windows":
        most = max(2, window_count)
        start = min(most, max(1, int(amount or window_count // 10)))
        return str(right.slider("Windows to choose", 1, most, start, key=f"{key}_count", bind=_BIND))
    if unit == "minutes":
        longest = max(0.2, math.ceil(total_s / 6) / 10)
        start_minutes = min(longest, max(0.1, round((amount or total_s / 10) / 60, 1)))
        label = f"Minutes to choose, of {footage(total_s)}"
        return f"{right.slider(label, 0.1, longest, start_minutes, 0.1, key=f'{key}_minutes', bind=_BIND):g}min"
    percent = min(100.0, max(0.5, 100 * (amount or 0.1)))
    label = "Share of all windows, per cent"
    return f"{right.slider(label, 0.5, 100.0, percent, 0.5, '%g', key=f'{key}_share', bind=_BIND):g}%"


def budget_keys(key: str) -> tuple[str, ...]:
    """Return the keys of all widgets of :func:`budget_input`."""
    return tuple(f"{key}_{part}" for part in ("unit", "count", "minutes", "share"))


def _field_input(item: dataclasses.Field[Any], hint: Any, value: Any, key: str) -> Any:
    kind, optional = value_type(hint)
    about = {"key": key, "help": item.metadata["help"], "bind": _BIND}
    label, choices = label_of(item.name), item.metadata["choices"]
    if choices:
        return st.selectbox(label, choices, index=choices.index(value), **about)
    if kind is bool:
        return st.toggle(label, value, **about)
    if kind is str:
        text = st.text_input(label, value or "", **about)
        return text or None if optional else text
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    limits = {"min_value": None if low is None else kind(low), "max_value": None if high is None else kind(high)}
    placeholder = "no limit" if optional else None
    if kind is float:
        limits |= {"step": _float_step(low, high), "format": "%.4g"}
    return st.number_input(label, value=value, placeholder=placeholder, **limits, **about)  # type: ignore[arg-type]


def _float_step(low: float | None, high: float | None) -> float:
    spread = 1.0 if low is None or high is None else high - low
    return float(10.0 ** (math.floor(math.log10(spread)) - 2)) if spread > 0 else 0.01
