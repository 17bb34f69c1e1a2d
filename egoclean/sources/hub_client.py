"""Talking to the Hugging Face hub: one pinned commit of one data set, with retries and errors that say what to do."""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from egoclean.errors import SourceError, UsageError
from egoclean.sources.secrets import Token, find_token, redact

Result = TypeVar("Result")

ATTEMPTS = 6
"""How often something that fails is tried without any progress."""

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
"""Longest wait before a retry; the hub's rate limits are counted over five minutes."""

TIMEOUT_S = 30.0

_RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_RETRIED_ERRORS = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
HUB_ERRORS = (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, httpx.HTTPError)
"""What a call to the hub may raise; all of them become a :class:`SourceError`."""


@dataclass(frozen=True, slots=True)
class HubEntry:
    """A file or folder of a data set; ``sha256`` is the hub's own digest, of large files only."""

    path: str
    is_folder: bool
    size_bytes: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class HubClient:
    """One data set at one commit; ``licence`` is what its card states, None where it was not asked or says nothing."""

    repository: str
    commit: str
    endpoint: str
    token: Token | None = None
    licence: str | None = None

    def entries(self, folder: str) -> tuple[HubEntry, ...]:
        """Return what lies in ``folder`` (``""`` for the top), sorted by path.

        Raises
        ------
        SourceError : the hub refuses, or cannot be reached.
        """
        api = self.api()

        def listed() -> list[HubEntry]:
            tree = api.list_repo_tree(
                self.repository, folder or None, revision=self.commit, repo_type="dataset", recursive=False
            )
            return [_entry(item) for item in tree]

        return tuple(sorted(retried(listed, self.repository, self.token), key=lambda entry: entry.path))

    def url(self, path: str) -> str:
        """Return the address of a file's bytes."""
        return huggingface_hub.hf_hub_url(
            self.repository, path, repo_type="dataset", revision=self.commit, endpoint=self.endpoint
        )

    def headers(self) -> dict[str, str]:
        """Return the headers of a request for bytes; they hold the token."""
        headers = build_hf_headers(token=self.token.value if self.token else False, library_name="egoclean")
        return {**headers, "Accept-Encoding": "identity"}

    def api(self) -> huggingface_hub.HfApi:
        """Return the hub's own client, with this token."""
        return huggingface_hub.HfApi(endpoint=self.endpoint, token=self.token.value if self.token else False)


def connect(repository: str, revision: str | None = None) -> HubClient:
    """Return a client of ``repository`` at the commit that ``revision`` (its main branch by default) names now.

    Raises
    ------
    SourceError : there is no such data set or revision, the token does not open it, or the hub cannot be reached.
    """
    client = client_at(repository, revision or "main")
    try:
        info = retried(
            lambda: client.api().dataset_info(
                repository, revision=revision, timeout=TIMEOUT_S, expand=["sha", "cardData"]
            ),
            repository,
            client.token,
        )
    except errors.HFValidationError:
        raise UsageError(f"{repository!r} is no name of a data set.", "Write hub:OWNER/NAME.") from None
    if not info.sha:
        raise SourceError(f"The hub names no commit of {repository}.", "Try again later.")
    return dataclasses.replace(client, commit=info.sha, licence=_licence(info.card_data))


def client_at(repository: str, commit: str) -> HubClient:
    """Return a client of ``repository`` at a known commit; the hub is not asked."""
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    constants.HF_HUB_DISABLE_TELEMETRY = True
    return HubClient(repository, commit, endpoint, find_token())


def retried(action: Callable[[], Result], repository: str, token: Token | None) -> Result:
    """Return what ``action`` returns, trying again after throttling, server errors and broken connections.

    Raises
    ------
    SourceError : it failed for good, or :data:`ATTEMPTS` times; the sentence says why and what to do.
    """
    for attempt in itertools.count(1):
        try:
            return action()
        except HUB_ERRORS as error:
            wait_or_raise(error, attempt, repository, token)
    raise AssertionError("unreachable")


def wait_or_raise(error: Exception, attempt: int, repository: str, token: Token | None) -> None:
    """Wait before the next attempt, or raise the :class:`SourceError` of ``error`` when another makes no sense."""
    status = _status(error)
    passing = status in _RETRIED_STATUS if status is not None else isinstance(error, _RETRIED_ERRORS)
    if not passing or attempt >= ATTEMPTS:
        raise hub_error(error, repository, token) from None
    _sleep(_wait_s(error, attempt))


def hub_error(error: Exception, repository: str, token: Token | None) -> SourceError:
    """Return the sentence, and the remedy, for an error of a call to the hub; no address and no token is in it."""
    status = _status(error)
    page = f"https://huggingface.co/datasets/{repository}"
    sign_in = "make a token at https://huggingface.co/settings/tokens and put it into HF_TOKEN"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return SourceError("The hub was not asked: HF_HUB_OFFLINE is set.", "Unset it to use hub sources.")
    if isinstance(error, errors.GatedRepoError):
        if token is None:
            return SourceError(
                f"{repository} is gated, and no token was given.",
                f"Accept its terms at {page}, {sign_in} (or into HF_KEY in .env).",
            )
        return SourceError(
            f"{repository} is gated, and the account of this token has not accepted its terms.",
            f"Accept them at {page} with the same account, then run again.",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        who = "without a token" if token is None else "with this token"
        return SourceError(
            f"The hub shows no data set {repository} {who}.",
            f"Check its name at {page}; if it is private, {sign_in}.",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return SourceError(f"{repository} has no such revision.", f"Choose one at {page}.")
    if status is not None:
        return _status_error(status, repository, page, sign_in)
    host = urlsplit(os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).hostname
    reason = redact(str(error)).splitlines()[0] if str(error) else type(error).__name__
    return SourceError(
        f"The connection to {host} failed {ATTEMPTS} times: {reason}.",
        "Check the network and run again; what was fetched is kept.",
    )


def _status_error(status: int, repository: str, page: str, sign_in: str) -> SourceError:
    if status == 401:
        return SourceError(f"The hub does not accept the token (401) for {repository}.", f"To get in, {sign_in}.")
    if status == 403:
        return SourceError(
            f"The token may not read {repository} (403).",
            f"Give it read access to gated repositories, and accept the terms at {page}.",
        )
    if status == 404:
        return SourceError(f"{repository} does not hold the file asked for (404).", f"See what it holds at {page}.")
    if status == 416:
        return SourceError(f"A file of {repository} is shorter than its listing says (416).", "Run ingest again.")
    if status == 429:
        return SourceError(
            f"The hub keeps answering 'too many requests' (429) for {repository}.",
            "Wait some minutes and run again; what was fetched is kept.",
        )
    return SourceError(
        f"The hub answers with error {status} for {repository}.", "Run again later; what was fetched is kept."
    )


def _entry(item: Any) -> HubEntry:
    if isinstance(item, huggingface_hub.hf_api.RepoFolder):
        return HubEntry(item.path, True)
    lfs = item.lfs
    return HubEntry(item.path, False, lfs.size if lfs else item.size, lfs.sha256 if lfs else None)


def _licence(card: Any) -> str | None:
    stated = getattr(card, "license", None)
    names = stated if isinstance(stated, list) else [stated]
    texts = [name for name in names if isinstance(name, str) and name]
    return ", ".join(texts) or None


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    return response.status_code if isinstance(response, httpx.Response) else None


def _wait_s(error: Exception, attempt: int) -> float:
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = response.headers if isinstance(response, httpx.Response) else {}
    stated = headers.get("Retry-After", "")
    doubled: float = FIRST_WAIT_S * 2 ** (attempt - 1)
    return min(LONGEST_WAIT_S, max(doubled, float(stated) if stated.isdigit() else 0.0))


def _sleep(seconds: float) -> None:
    time.sleep(seconds)
