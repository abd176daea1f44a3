"""What a user searches for is a patient's name or number, so it never stands in an address.

Addresses reach logs, histories and screenshots. The term is posted, kept in the session, which is
stored on the server and ends with the log-out, and named in the address by a random token, so that
each tab of the browser keeps its own search while it pages and refreshes.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

TOKEN = "search"  # noqa: S105 (the name of a word of the address)
_KEPT = "searches"
_MOST_KEPT = 10
_MOST_LETTERS = 100


def keep(request: HttpRequest, term: str) -> str:
    """The token of the term; of an empty one, none."""
    term = " ".join(term.replace("\0", "").split())[:_MOST_LETTERS]
    if not term:
        return ""
    token = secrets.token_urlsafe(6)
    kept = [*request.session.get(_KEPT, {}).items(), (token, term)]
    request.session[_KEPT] = dict(kept[-_MOST_KEPT:])
    return token


def token_of(request: HttpRequest) -> str:
    """The token in the address, if it still stands for something."""
    token = request.GET.get(TOKEN, "")
    return token if token in request.session.get(_KEPT, {}) else ""


def term(request: HttpRequest) -> str:
    kept: dict[str, str] = request.session.get(_KEPT, {})
    return kept.get(request.GET.get(TOKEN, ""), "")


def is_lost(request: HttpRequest) -> bool:
    """Whether the address names a search that the session no longer holds."""
    return bool(request.GET.get(TOKEN)) and not token_of(request)
