"""JSON read strictly: no NaN, no infinity, no name twice, no nesting that exhausts the stack."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Return the value of ``text``.

    Raises
    ------
    ValueError : with a short reason: not JSON, NaN or infinity, a name that stands twice in one object, nesting too
        deep, or bytes that are not UTF-8.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON ({error.msg} at column {error.colno})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"it holds {word}, which is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text}, which is too large for a number")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands in it twice")
    return result
