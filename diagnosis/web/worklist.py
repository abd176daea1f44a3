"""The worklist: the page, its table alone for the live refresh, and the search for a patient."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from diagnosis.actors import actor_of
from diagnosis.permissions import Role, roles_of
from diagnosis.queries import worklist as query
from diagnosis.services import saved_filters, viewing
from diagnosis.web import filter_panel, present, search, words
from diagnosis.web import worklist_address as address

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from diagnosis.queries.filters import Filter


@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    if not request.GET and (pinned := saved_filters.of(user=request.user).filter(is_default=True)):
        return address.at(pinned[0].query)
    chosen = address.filter_of(request)
    context = {**_live(request, chosen), **filter_panel.context(request, chosen)}
    return render(request, "worklist/page.html", context)


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    return render(request, "worklist/_live.html", _live(request, address.filter_of(request)))


@require_POST
def search_patient(request: HttpRequest) -> HttpResponse:
    """Look for a patient among all studies; for nothing, go back to what is to be read."""
    token = search.keep(request, request.POST.get("term", ""))
    return address.at(f"tab=all&{search.TOKEN}={token}" if token else "tab=to-read")


def _live(request: HttpRequest, chosen: Filter) -> dict[str, Any]:
    after = request.GET.get("after", "")
    page = viewing.worklist_page(
        user=request.user, actor=actor_of(request), chosen=chosen, after=after
    )
    token = search.token_of(request)
    return {
        "tab": chosen.tab,
        "priority": chosen.priority,
        "chosen": chosen,
        "after": after,
        "rows": present.rows(page.studies),
        "next_cursor": page.next_cursor,
        "cut": words.CUTS.get(page.cut or ""),
        "here": address.query(chosen, search=token, after=after),
        "top": address.query(chosen, search=token),
        "further": address.query(chosen, search=token, after=page.next_cursor),
        **_tabs(request, chosen, token),
    }


def _tabs(request: HttpRequest, chosen: Filter, token: str) -> dict[str, Any]:
    """Label, address and count of each tab and priority; narrowed lists are not counted."""
    counts = query.counts(request.user, chosen) if chosen.is_of_list else None
    is_reader = Role.RADIOLOGIST in roles_of(request.user)
    tabs = {n: label for n, label in words.TABS.items() if is_reader or n not in words.READER_TABS}
    return {
        "tabs": [
            (
                name,
                label,
                counts and present.count(counts.tabs[name]),
                address.query(replace(chosen, tab=name, state=""), search=token),
            )
            for name, label in tabs.items()
        ],
        "priorities": [
            (
                name,
                label,
                counts and present.count(counts.priorities[name]),
                address.query(replace(chosen, priority=name), search=token),
            )
            for name, label in {"": words.ANY, **words.PRIORITIES}.items()
        ],
    }
