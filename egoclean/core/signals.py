"""Little languages for signals: an expression that weighs them, and thresholds that rows must pass.

An expression is arithmetic over the names of signals: ``score``, ``0.7*score + 0.3*anomaly``, ``max(score, change)``,
``score * (1 - motion)``. It is evaluated on calibrated values. Thresholds are comparisons of raw values joined by
commas or ``and``: ``score >= 0.2, anomaly < 3``.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoclean.errors import UsageError

Array = NDArray[np.float64]

_OPERATIONS: Mapping[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[..., Array]] = {"min": np.minimum, "max": np.maximum, "abs": np.abs}
_ARGUMENT_COUNT = {"min": 2, "max": 2, "abs": 1}
_MOST_NODES = 200
_THRESHOLD = re.compile(r"(?P<name>[A-Za-z_]\w*)\s*(?P<sign>>=|<=|>|<)\s*(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True, slots=True)
class Threshold:
    """Rows pass when ``signal sign value`` holds; a row without a value (NaN) never passes."""

    signal: str
    sign: str
    value: float

    def passes(self, values: Array) -> NDArray[np.bool_]:
        """Return which ``values`` pass."""
        compare = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}[self.sign]
        return np.asarray(compare(values, self.value) & ~np.isnan(values))


def parse_thresholds(text: str) -> tuple[Threshold, ...]:
    """Return the thresholds that ``text`` says; none for an empty text.

    Raises
    ------
    UsageError : for a part that is not ``signal >= number`` or alike.
    """
    parts = [part.strip() for part in re.split(r",|\band\b", text) if part.strip()]
    return tuple(_threshold(part) for part in parts)


def _threshold(part: str) -> Threshold:
    found = _THRESHOLD.fullmatch(part)
    try:
        value = float(found["value"]) if found else math.nan
    except ValueError:
        value = math.nan
    if found is None or not math.isfinite(value):
        raise UsageError(f"The threshold {part!r} is not a comparison.", "Write: score >= 0.2, anomaly < 3")
    return Threshold(found["name"], found["sign"], value)


def signal_names(expression: str) -> tuple[str, ...]:
    """Return the names of the signals that ``expression`` uses, sorted; none for ``none``.

    Raises
    ------
    UsageError : when it is not an expression over signals.
    """
    if expression.strip() == "none":
        return ()
    tree = _parse(expression)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
    return tuple(sorted(names))


def evaluate_expression(expression: str, signals: Mapping[str, Array]) -> Array:
    """Return the expression's value for each row; NaN where a signal it uses is NaN, or where it divides by zero.

    Raises
    ------
    UsageError : for a signal that is not there, or when it is not an expression over signals.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result = np.asarray(_evaluate(_parse(expression).body, signals, expression), dtype=np.float64)
    return np.where(np.isfinite(result), result, np.nan)


def _parse(expression: str) -> ast.Expression:
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _not_an_expression(expression) from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise _not_an_expression(expression)
    return tree


def _evaluate(node: ast.expr, signals: Mapping[str, Array], expression: str) -> Array:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return np.float64(node.value)  # type: ignore[return-value]
    if isinstance(node, ast.Name):
        if node.id not in signals:
            known = ", ".join(sorted(signals)) or "none"
            raise UsageError(f"There is no signal {node.id!r}.", f"Signals at hand: {known}.")
        return np.asarray(signals[node.id], dtype=np.float64)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, signals, expression)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _evaluate(node.left, signals, expression), _evaluate(node.right, signals, expression)
        return _OPERATIONS[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = node.func.id
        if name in _FUNCTIONS and len(node.args) == _ARGUMENT_COUNT[name]:
            return _FUNCTIONS[name](*(_evaluate(item, signals, expression) for item in node.args))
    raise _not_an_expression(expression)


def _not_an_expression(expression: str) -> UsageError:
    return UsageError(
        f"The signal {expression!r} is not an expression over signals.",
        "Write for instance: score, or 0.7*score + 0.3*anomaly, or max(score, change).",
    )
