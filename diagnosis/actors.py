"""Who is behind a request: the user, the address it came from, and its id."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings

from diagnosis.permissions import Actor

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


def actor_of(request: HttpRequest | Request) -> Actor:
    """The acting user, with address and request id, for the audit trail."""
    return Actor.of(request.user, address=address_of(request), request_id=_id_of(request))


def address_of(request: HttpRequest | Request) -> str:
    """The client's address.

    Each proxy appends its peer to X-Forwarded-For, so the entry of the outermost trusted one is
    the client, and everything left of it is only what the client claims to be. A request that did
    not pass all of them keeps the address of its connection.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    proxies: int = settings.PROXIES
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not proxies or len(hops) < proxies:
        return peer
    try:
        return str(ip_address(hops[-proxies].strip()))
    except ValueError:
        return peer


def _id_of(request: HttpRequest | Request) -> str:
    return getattr(request, "request_id", "")
