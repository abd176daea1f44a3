"""The panel by which the worklist is filtered, and the filters that a user keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.models import User as Account
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from diagnosis.errors import DiagnosisError, InvalidInput
from diagnosis.permissions import Role, roles_of, sites_of
from diagnosis.queries.filters import STATES_OF_TAB
from diagnosis.queries.paging import row_id
from diagnosis.services import saved_filters
from diagnosis.web import search, words
from diagnosis.web import worklist_address as address

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from diagnosis.queries.filters import Filter

_MOST_SUBMITTERS = 200
_NONE: dict[str, Any] = {
    "state": "", "site": "", "since": None, "until": None, "submitter": "", "band": "",
    "not_assessable": False, "mine": False,
}  # fmt: skip


def context(request: HttpRequest, chosen: Filter) -> dict[str, Any]:
    here, token = address.query(chosen), search.token_of(request)
    sites = list(sites_of(request.user))
    states = STATES_OF_TAB[chosen.tab]
    return {
        "sites": sites if len(sites) > 1 else [],
        "states": [(name, label) for name, label in words.STATES.items() if name in states],
        "bands": words.BANDS.items(),
        "submitters": _submitters(sites),
        "mine_label": words.MINE[Role.RADIOLOGIST in roles_of(request.user)],
        "active": _active(chosen, {site.code: site.name for site in sites}, token),
        "unfiltered": address.query(replace(chosen, **_NONE), search=token),
        "saved": saved_filters.of(user=request.user),
        "to_save": here,
        "search_token": token,
        "search_lost": search.is_lost(request),
    }


def _submitters(sites: list[Any]) -> list[str]:
    names = Account.objects.filter(groups__name=Role.SUBMITTER, memberships__site__in=sites)
    return list(names.order_by("username").values_list("username", flat=True).distinct())[
        :_MOST_SUBMITTERS
    ]


def _active(chosen: Filter, sites: dict[str, str], token: str) -> list[tuple[str, str, str]]:
    """What narrows the list: its name, in words, and the address without it."""
    mine = _("Mine")
    told = {
        "state": (_("State"), words.STATES.get(chosen.state, "")),
        "site": (_("Site"), sites.get(chosen.site, chosen.site)),
        "since": (_("From"), str(chosen.since or "")),
        "until": (_("To"), str(chosen.until or "")),
        "submitter": (_("Submitted by"), chosen.submitter),
        "band": (_("Model"), words.BANDS.get(chosen.band, "")),
        "not_assessable": ("", _("Not assessable") if chosen.not_assessable else ""),
        "mine": ("", mine if chosen.mine else ""),
    }
    return [
        (name, str(word), address.query(replace(chosen, **{field: _NONE[field]}), search=token))
        for field, (name, word) in told.items()
        if word
    ]


@require_POST
def saved(request: HttpRequest) -> HttpResponse:
    """Keep, rename, pin or delete a filter; back to the list as it was filtered."""
    here = address.query(address.parsed(QueryDict(request.POST.get("query", ""))))
    try:
        _carry_out(request, here)
    except DiagnosisError as error:
        messages.error(request, error.message)
    return address.at(here)


def _carry_out(request: HttpRequest, here: str) -> None:
    user, name = request.user, request.POST.get("name", "")
    action, key = request.POST.get("action", ""), row_id(request.POST.get("filter", ""))
    if action == "save":
        saved_filters.save(user=user, name=name, query=here)
        return
    if key is None:
        raise InvalidInput(_("Choose one of your filters."))
    if action == "rename":
        saved_filters.rename(user=user, key=key, name=name)
    elif action == "pin":
        saved_filters.pin(user=user, key=key)
    elif action == "delete":
        saved_filters.delete(user=user, key=key)
