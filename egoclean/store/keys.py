"""Cache keys: the SHA-256 of everything a result depends on, as canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egoclean.config import VERB_VERSIONS, keyed_values
from egoclean.records import to_plain


@dataclass(frozen=True, slots=True)
class EntryKey:
    """The address of one cache entry: its verb, its key and the material the key was made from."""

    verb: str
    key: str
    material: Mapping[str, Any]


def canonical_json(value: Any) -> str:
    """Return JSON that depends on the value alone: keys sorted, no spaces, no NaN; ``1`` and ``1.0`` differ."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of :func:`canonical_json`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def entry_key(verb: str, *, inputs: Sequence[str], config: Any, extra: Mapping[str, Any] | None = None) -> EntryKey:
    """Return the key of ``verb`` run with ``config`` on the entries or fingerprints ``inputs``.

    ``extra`` is what else the result depends on: calibration, model and weights digest, dtype.
    """
    material = {
        "verb": verb,
        "version": VERB_VERSIONS[verb],
        "inputs": list(inputs),
        "config": keyed_values(config),
        "extra": dict(extra or {}),
    }
    return EntryKey(verb, digest(material), to_plain(material))
