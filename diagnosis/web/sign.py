"""Signing, and amending what is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from diagnosis.actors import actor_of
from diagnosis.queries import studies
from diagnosis.services import readings
from diagnosis.web import study_page
from diagnosis.web.next_case import onward
from diagnosis.web.report_forms import AddendumForm, ReportForm

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import Reading, Study


@require_POST
def sign(request: HttpRequest, uid: UUID) -> HttpResponse:
    study, form = studies.get(request.user, uid), ReportForm(request.POST)
    if form.carry_out(lambda: _sign(request, study, form)) is None:
        return study_page.render_page(request, study, form)
    messages.success(request, "Report signed.")
    return onward(request, uid)


@require_POST
def amend(request: HttpRequest, uid: UUID) -> HttpResponse:
    study, form = studies.get(request.user, uid), AddendumForm(request.POST)
    if form.carry_out(lambda: _amend(request, study, form)) is None:
        return study_page.render_page(request, study, form)
    messages.success(request, "Addendum signed.")
    return redirect("study", uid)


def _sign(request: HttpRequest, study: Study, form: ReportForm) -> Reading:
    return readings.sign(
        user=request.user,
        actor=actor_of(request),
        study=study,
        report=form.report(),
        revision=form.cleaned_data["revision"],
        password=form.cleaned_data["password"],
    )


def _amend(request: HttpRequest, study: Study, form: AddendumForm) -> Reading:
    return readings.amend(
        user=request.user,
        actor=actor_of(request),
        study=study,
        report=form.report(),
        reason=form.cleaned_data["reason"],
        supersedes=form.cleaned_data["supersedes"],
        password=form.cleaned_data["password"],
    )
