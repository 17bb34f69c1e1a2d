"""JSON read strictly: no NaN, no infinity, no name twice, no nesting that exhausts the stack."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHUNK_CHARACTERS = 1 << 20
_OBJECT_LIMIT_CHARACTERS = 1 << 24


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


def iterate_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON list one after another; memory holds one piece of the file and one object.

    Raises
    ------
    ValueError : with a short reason: the file is no list of objects, is torn, holds NaN or is not UTF-8.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    with path.open(encoding="utf-8") as stream:
        buffer = stream.read(_CHUNK_CHARACTERS).lstrip("\ufeff \t\r\n")
        if not buffer.startswith("["):
            raise ValueError("it is not a list")
        buffer, position, ended = buffer[1:], 0, False
        while True:
            while position < len(buffer) and buffer[position] in ", \t\r\n":
                position += 1
            if position < len(buffer) and buffer[position] == "]":
                return
            try:
                value, position = decoder.raw_decode(buffer, position)
            except (json.JSONDecodeError, RecursionError):
                if ended or len(buffer) - position > _OBJECT_LIMIT_CHARACTERS:
                    raise ValueError(f"it is not valid JSON after {position} characters of a piece") from None
                more = stream.read(_CHUNK_CHARACTERS)
                buffer, position, ended = buffer[position:] + more, 0, not more
                continue
            if not isinstance(value, dict):
                raise ValueError("it is not a list of objects")
            yield value


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
