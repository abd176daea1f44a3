"""One study: the page, its live part, and who is reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from diagnosis.actors import actor_of
from diagnosis.queries import studies
from diagnosis.services import claims, notices, viewing
from diagnosis.web import study_page
from diagnosis.web.next_case import onward

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest


@require_safe
def study(request: HttpRequest, uid: UUID) -> HttpResponse:
    found = viewing.study(user=request.user, actor=actor_of(request), uid=uid)
    notices.see(user=request.user, study=found)
    return study_page.render_page(request, found)


@require_safe
def films(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What the page asks again until every film's analysis has ended."""
    found = viewing.study(user=request.user, actor=actor_of(request), uid=uid)
    context = {**study_page.results(found), "live": True}
    return render(request, "study/_films.html", context)


@require_safe
def report_pdf(request: HttpRequest, uid: UUID) -> HttpResponse:
    document = viewing.report_pdf(user=request.user, actor=actor_of(request), uid=uid)
    # A name without the patient: it stays in folders of downloads.
    headers = {"Content-Disposition": f'inline; filename="report-{str(uid)[:8]}.pdf"'}
    return HttpResponse(document, "application/pdf", headers=headers)


@require_POST
def claim(request: HttpRequest, uid: UUID) -> HttpResponse:
    claims.take(
        user=request.user,
        actor=actor_of(request),
        study=studies.get(request.user, uid),
        reason=request.POST.get("reason", ""),
    )
    return redirect("study", uid)


@require_POST
def release(request: HttpRequest, uid: UUID) -> HttpResponse:
    found = studies.get(request.user, uid)
    claims.release(user=request.user, actor=actor_of(request), study=found)
    return onward(request, uid)


@require_POST
def leave(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What a page that held the case says as it goes; nobody reads the answer."""
    claims.leave(user=request.user, study=studies.get(request.user, uid))
    return HttpResponse(status=204)


@require_POST
def heartbeat(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Keep the case while it is mine; whether it still is, and who I am, for a page left open."""
    held = claims.heartbeat(user=request.user, study=studies.get(request.user, uid))
    return JsonResponse({"held": held, "user": request.user.get_username()})
