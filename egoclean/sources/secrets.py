"""The hub's token: where it comes from, and how it stays out of everything that is written or shown."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoclean.errors import UsageError

TOKEN_NAMES = ("HF_TOKEN", "HF_KEY")
"""Names a token goes by, in the environment and in ``.env``, the first winning."""

HIDDEN = "[hidden]"

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{8,}")
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s'\",;]+")
_SIGNATURE = re.compile(r"(?i)([?&](?:x-amz-[a-z-]+|signature|policy|key-pair-id|sig|token|expires)=)[^&\s'\"]+")
_known: set[str] = set()


@dataclass(frozen=True, slots=True)
class Token:
    """A token that does not show itself: only :attr:`value` holds it."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return HIDDEN


def find_token(folder: Path | None = None) -> Token | None:
    """Return the token of ``HF_TOKEN`` or ``HF_KEY``: of the environment, else of ``.env``, else of ``hf auth login``.

    The token found is hidden from every log record from now on.

    Parameters
    ----------
    folder : where ``.env`` lies; the current folder by default.

    Raises
    ------
    UsageError : the value cannot be a token; the value itself is not shown.
    """
    file_values = _read_env_file((folder or Path.cwd()) / ".env")
    for origin, values in (("the environment", os.environ), (".env", file_values)):
        for name in TOKEN_NAMES:
            value = (values.get(name) or "").strip()
            if value:
                return _token(value, f"{name} in {origin}")
    return _logged_in_token()


def redact(text: str) -> str:
    """Return ``text`` with every token, authorization header and signed address parameter hidden.

    >>> redact("GET /x?X-Amz-Signature=abc with hf_0123456789abcdef")
    'GET /x?X-Amz-Signature=[hidden] with [hidden]'
    """
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _TOKEN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\g<1>{HIDDEN}", text)
    return _SIGNATURE.sub(rf"\g<1>{HIDDEN}", text)


class RedactingFilter(logging.Filter):
    """A log filter that hides secrets in a record's text and in the text of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide secrets in ``record`` and let it pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and record.exc_text is None:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def install_redaction() -> None:
    """Hide secrets in every log record that is made from now on, by any logger; calling it again changes nothing."""
    factory = logging.getLogRecordFactory()
    if getattr(factory, "hides_secrets", False):
        return
    hide = RedactingFilter()

    def hiding_factory(*arguments: Any, **keywords: Any) -> logging.LogRecord:
        record = factory(*arguments, **keywords)
        hide.filter(record)
        return record

    hiding_factory.hides_secrets = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(hiding_factory)


def _token(value: str, origin: str) -> Token:
    if not value.isascii() or any(character.isspace() or ord(character) < 32 for character in value):
        raise UsageError(f"{origin} holds characters that no token has.", "Copy the token from the hub again.")
    _known.add(value)
    install_redaction()
    return Token(value)


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    values: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip() in TOKEN_NAMES:
            values[name.strip()] = value.strip().strip("'\"")
    return values


def _logged_in_token() -> Token | None:
    import huggingface_hub

    value = None if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN") else huggingface_hub.get_token()
    return _token(value, "hf auth login") if value else None
