"""A request id for every request, no cache for any answer, and the route rule before every page."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse

from diagnosis.errors import DATABASE_AWAY, DatabaseUnavailable, NotPermitted, refusal_of
from diagnosis.permissions import ROUTES, may_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

_SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class NoStoreMiddleware:
    """An answer that says nothing else of caches is kept by none, the browser's own included.

    Static files are served before this, and keep theirs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "private, no-store")
        return response


class RequestIdMiddleware:
    """`request.request_id`: the caller's X-Request-ID if it is a plain one, else a random one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SAFE_ID.fullmatch(given) else secrets.token_hex(8)
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class RouteRuleMiddleware:
    """Asks permissions.ROUTES before each page; the API asks the same table through DRF."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, *_args: Any, **_kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        # The API authenticates by token too, so it decides after authentication (api/rules.py).
        if name.startswith("api-"):
            return None
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("NUL in the address")  # PostgreSQL refuses to look for a text with one
        try:
            return self._apply_rule(request, name)
        except DATABASE_AWAY as error:  # Who asks, and in which role, only the database knows.
            return self.process_exception(request, error)

    def _apply_rule(self, request: HttpRequest, name: str) -> HttpResponse | None:
        if may_open(request.user, name):
            return None
        if not request.user.is_authenticated and (name in ROUTES or name.startswith("admin:")):
            return redirect_to_login(_way_back(request))
        return self.process_exception(request, NotPermitted())

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal becomes a page that says what to do."""
        refusal = refusal_of(error)
        if refusal is None:
            return None
        if isinstance(refusal, DatabaseUnavailable):
            # Without the request: a page that has one asks the database who reads it.
            page = render_to_string("503.html", {"error": refusal})
            return HttpResponse(page, status=refusal.http_status)
        return render(request, "error.html", {"error": refusal}, status=refusal.http_status)


def _way_back(request: HttpRequest) -> str:
    """Where the log-in leads to: an address that can be opened, as that of a POST cannot."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    match = request.resolver_match
    if match and match.view_name.startswith("study-"):
        return reverse("study", kwargs=match.kwargs)
    return reverse("home")
