"""The worklist: the page, and its table alone for the live refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.actors import actor_of
from diagnosis.queries import worklist as query
from diagnosis.services import viewing
from diagnosis.states import Priority
from diagnosis.web import present, words

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    return render(request, "worklist/page.html", _context(request))


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    return render(request, "worklist/_live.html", _context(request))


def _context(request: HttpRequest) -> dict[str, Any]:
    tab, priority = _chosen(request)
    after = request.GET.get("after", "")
    page = viewing.worklist_page(
        user=request.user, actor=actor_of(request), tab=tab, priority=priority, after=after
    )
    counts = query.counts(request.user, tab=tab)
    return {
        "tab": tab,
        "priority": priority,
        "after": after,
        "rows": present.rows(page.studies),
        "next_cursor": page.next_cursor,
        "tabs": [
            (name, label, present.count(counts.tabs[name])) for name, label in words.TABS.items()
        ],
        "priorities": [
            (name, label, present.count(counts.priorities[name]))
            for name, label in {"": "All", **words.PRIORITIES}.items()
        ],
    }


def _chosen(request: HttpRequest) -> tuple[str, str]:
    tab = request.GET.get("tab", query.DEFAULT_TAB)
    priority = request.GET.get("priority", "")
    return (
        tab if tab in query.TABS else query.DEFAULT_TAB,
        priority if priority in set(Priority) else "",
    )
