"""The audit trail, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.queries import trail
from diagnosis.web import present, words

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_FILTERS = ("action", "actor", "study")


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    chosen = {name: request.GET.get(name, "").strip() for name in _FILTERS}
    before = request.GET.get("before", "")
    page = trail.page(request.user, trail.Filter(**chosen), before=before)
    context = {
        **chosen,
        "known_actions": words.ACTIONS,
        "before": before,
        "events": [present.Event.of(row) for row in page.events],
        "next_cursor": page.next_cursor,
        "filtered": any(chosen.values()),
    }
    return render(request, "audit.html", context)
