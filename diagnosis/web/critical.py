"""The steps of a critical finding. With htmx only the panel is swapped: a report that is being
written beside it stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from diagnosis.actors import actor_of
from diagnosis.errors import InvalidInput
from diagnosis.queries import critical as query
from diagnosis.queries import studies
from diagnosis.services import critical
from diagnosis.web import critical_panel, submit
from diagnosis.web.critical_panel import MarkForm, ReadBackForm, TellForm, WithdrawForm

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import Study
    from diagnosis.web.forms import DomainForm


@require_POST
def mark(request: HttpRequest, uid: UUID) -> HttpResponse:
    study = studies.get(request.user, uid)
    form = MarkForm(request.POST, study=study)
    form.carry_out(lambda: critical.mark(study=study, marked=form.marked(), **_who(request)))
    return _answer(request, study, form)


@require_POST
def tell(request: HttpRequest, uid: UUID) -> HttpResponse:
    return _step(request, uid, TellForm(request.POST), critical.tell)


@require_POST
def read_back(request: HttpRequest, uid: UUID) -> HttpResponse:
    return _step(request, uid, ReadBackForm(request.POST), critical.read_back)


@require_POST
def withdraw(request: HttpRequest, uid: UUID) -> HttpResponse:
    return _step(request, uid, WithdrawForm(request.POST), critical.withdraw)


def _step(
    request: HttpRequest, uid: UUID, form: DomainForm, act: Callable[..., None]
) -> HttpResponse:
    finding = query.get(request.user, uid)
    form.carry_out(lambda: act(finding=finding, **form.cleaned_data, **_who(request)))
    return _answer(request, finding.study, form)


@require_POST
def acknowledge(request: HttpRequest, uid: UUID) -> HttpResponse:
    finding = query.get(request.user, uid)
    critical.acknowledge(finding=finding, **_who(request))
    if submit.is_htmx(request):
        return _panel(request, finding.study)
    messages.success(request, _("Acknowledged. The reader is told."))
    from_list = request.POST.get("from") == "my-studies"
    return redirect("my-studies") if from_list else redirect("study", finding.study.uid)


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"user": request.user, "actor": actor_of(request)}


def _answer(request: HttpRequest, study: Study, form: DomainForm) -> HttpResponse:
    if submit.is_htmx(request):
        return _panel(request, study, form)
    if form.errors:
        message = str(next(iter(form.errors.values()))[0])
        refusal = form.refusal or InvalidInput(message)
        return render(request, "error.html", {"error": refusal}, status=form.status)
    return redirect(f"{reverse('study', args=[study.uid])}#critical")


def _panel(request: HttpRequest, study: Study, form: DomainForm | None = None) -> HttpResponse:
    refused = form if form is not None and form.errors else None
    marking = refused if isinstance(refused, MarkForm) else None
    context = {
        "study": study,
        "panel_alone": True,
        **critical_panel.context(request.user, study, marking),
        "refused_step": None if marking else refused,
    }
    status = refused.status if refused else 200
    return render(request, "study/_critical.html", context, status=status)
