"""The errors egoclean raises for a user's mistake or a damaged input: one sentence and what to do about it."""

from __future__ import annotations


class EgocleanError(Exception):
    """Something a person can act on.

    Parameters
    ----------
    message : one sentence that names the thing, what was expected and what was found.
    hint : what to do about it, one sentence; empty when the message says it already.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[EgocleanError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class UsageError(EgocleanError):
    """An option, configuration or argument that cannot be used: nothing was started."""

    exit_status = 2


class SourceError(EgocleanError):
    """A source that cannot be read at all: missing folder, malformed manifest, refused archive, hub failure."""


class IntrinsicsError(EgocleanError):
    """A camera calibration that is impossible or does not fit its video; the message names the field."""

    exit_status = 2


class MediaError(EgocleanError):
    """A video or image that is rejected.

    Parameters
    ----------
    code : stable word for tables and filters, for instance ``truncated`` or ``decode_error``.
    time_s : seconds from the first frame to the first problem, or None when there is no such time.
    """

    def __init__(self, message: str, hint: str = "", *, code: str = "unreadable", time_s: float | None = None) -> None:
        super().__init__(message, hint)
        self.code = code
        self.time_s = time_s

    def __reduce__(self) -> tuple[object, ...]:  # type: ignore[override]
        return _rebuild_media_error, (self.message, self.hint, self.code, self.time_s)


class ModelError(EgocleanError):
    """Weights that are missing, do not fit their class, or give output that is not finite."""


class CacheError(EgocleanError):
    """The cache or project folder cannot be read or written: disk full, read only, unknown layout."""


def _rebuild_media_error(message: str, hint: str, code: str, time_s: float | None) -> MediaError:
    return MediaError(message, hint, code=code, time_s=time_s)
