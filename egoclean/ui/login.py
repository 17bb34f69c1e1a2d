"""Login by OpenID Connect, off unless the server was started with a list of who may come in.

Streamlit asks the provider and keeps the signed cookie; here stands who is let in, and that a file of the cache is
served only to someone to whom a page has shown its address.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from egoclean.ui.format import plain

ALLOWED_VARIABLE: Final = "EGOCLEAN_ALLOWED"
"""Environment variable with the mail addresses and @domains that may come in, commas between; unset: no login."""

_SECRET: Final = secrets.token_bytes(32)


def allowed() -> tuple[str, ...] | None:
    """Return the mail addresses and ``@domain`` endings that may come in, in small letters; None without a login."""
    stated = os.environ.get(ALLOWED_VARIABLE)
    return None if stated is None else tuple(item.strip().lower() for item in stated.split(",") if item.strip())


def may_enter(person: Mapping[str, Any], wanted: Sequence[str]) -> bool:
    """Whether a logged-in person is on the list: by whole address, or by its domain.

    An address that the provider calls unverified lets nobody in.
    """
    mail = str(person.get("email") or "").strip().lower()
    if not person.get("is_logged_in") or mail.count("@") != 1 or person.get("email_verified") in (False, "false"):
        return False
    return mail in wanted or f"@{mail.partition('@')[2]}" in wanted


def is_in() -> bool:
    """Whether the viewer may see the dashboard."""
    wanted = allowed()
    return wanted is None or may_enter(_person(), wanted)


def require_login() -> None:
    """Stop the page unless the viewer may see it, with the button that logs in or out."""
    if is_in():
        return
    st.title("Log in", anchor=False)
    person = _person()
    if not person.get("is_logged_in"):
        st.caption("This dashboard is open to people on its list.")
        st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
    else:
        st.error(f"{plain(person.get('email') or 'This account')} is not on the list of who may come in.")
        st.caption("Ask whoever started the dashboard to add this address with --allow.")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
    st.stop()


def show_person() -> None:
    """Show in the sidebar who is logged in, where there is a login."""
    if allowed() is not None:
        st.caption(plain(_person().get("email") or ""))
        st.button("Log out", icon=":material/logout:", on_click=st.logout, type="tertiary")


def ticket(address: str) -> str:
    """Return what must follow a file's ``address`` for it to be served; empty without a login."""
    if allowed() is None:
        return ""
    return "?ticket=" + hmac.new(_SECRET, address.encode("utf-8"), hashlib.sha256).hexdigest()


def is_ticket(address: str, given: str | None) -> bool:
    """Whether ``given`` is the ticket of ``address``; always without a login."""
    expected = ticket(address).removeprefix("?ticket=")
    return hmac.compare_digest(expected, given or "")


def _person() -> dict[str, Any]:
    return dict(st.user)
