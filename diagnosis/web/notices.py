"""The bell in the header, and the page behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from diagnosis.models.notification import NoticeKind
from diagnosis.queries import notices as query
from diagnosis.queries.paging import row_id
from diagnosis.services import notices

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from diagnosis.models import Notification

# What is told, and where its link leads on the study's page; no patient in the words.
_WORDS = {
    NoticeKind.REPORT_SIGNED: (_("A study of yours was reported."), "#reading"),
    NoticeKind.REPORT_AMENDED: (_("The report of a study of yours was amended."), "#reading"),
    NoticeKind.FILM_NOT_ASSESSABLE: (_("A study of yours needs a new film."), ""),
    NoticeKind.FILM_ADDED: (_("A film was added to the case that you are reading."), ""),
    NoticeKind.CASE_TAKEN_OVER: (_("A colleague took over a case that you were reading."), ""),
    NoticeKind.READ_WAITS: (_("Cases wait for a second read or an arbitration."), ""),
    NoticeKind.CRITICAL_TO_ACKNOWLEDGE: (
        _("A critical finding waits for you to acknowledge it."),
        "#critical",
    ),
    NoticeKind.CRITICAL_ACKNOWLEDGED: (
        _("A critical finding that you marked was acknowledged."),
        "#critical",
    ),
    NoticeKind.CRITICAL_ESCALATED: (
        _("Nobody confirmed a critical finding in time."),
        "#critical",
    ),
    NoticeKind.CRITICAL_WITHDRAWN: (
        _("A critical finding that you were told of was withdrawn."),
        "#critical",
    ),
}
_PRESSING = {NoticeKind.CRITICAL_TO_ACKNOWLEDGE, NoticeKind.CRITICAL_ESCALATED}


@dataclass(frozen=True, slots=True)
class Notice:
    row: Notification
    text: Any
    link: str
    is_pressing: bool

    @classmethod
    def of(cls, row: Notification) -> Notice:
        kind = NoticeKind(row.kind)
        text, place = _WORDS[kind]
        link = reverse("study", args=[row.study.uid]) + place if row.study else reverse("worklist")
        return cls(row, text, link, kind in _PRESSING)


@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """What every page asks; nothing to swap where the count is the one that it shows."""
    count = query.unseen(request.user)
    if request.GET.get("shown") == str(count):
        return HttpResponse(status=204)
    most = query.MOST_COUNTED
    context = {"count": count, "told": f"{most}+" if count > most else str(count)}
    return render(request, "notices/_bell.html", context)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    found = query.page(request.user, before=before)
    context = {
        "notices": [Notice.of(row) for row in found.notices],
        "unseen": query.unseen(request.user),
        "before": before,
        "next_cursor": found.next_cursor,
        "undo": _moment(request.GET.get("seen", "")),
        "can_mail": bool(settings.EMAIL_HOST),
        "by_email": query.wants_email(request.user),
    }
    return render(request, "notices/page.html", context)


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Mark one as seen, or all where none is named."""
    moment = notices.see(user=request.user, one=row_id(request.POST.get("one", "")))
    address = reverse("notices")
    return redirect(f"{address}?seen={moment:%Y-%m-%dT%H:%M:%S.%fZ}" if moment else address)


@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    if moment := _moment(request.POST.get("seen", "")):
        notices.unsee(user=request.user, seen_at=moment)
    return redirect("notices")


@require_POST
def by_email(request: HttpRequest) -> HttpResponse:
    notices.choose(user=request.user, by_email=request.POST.get("by_email") == "on")
    return redirect("notices")


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None
