"""Submission. With htmx only the messages are swapped, so that chosen films stay chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from diagnosis.actors import actor_of
from diagnosis.queries import queue
from diagnosis.services import intake
from diagnosis.web import present
from diagnosis.web.forms import SubmitForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import Study
    from diagnosis.web.forms import FilmsForm


@require_http_methods(["GET", "HEAD", "POST"])
def submit(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, SubmitForm(user=request.user))
    form = SubmitForm(request.POST, request.FILES, user=request.user)
    study = form.carry_out(lambda: _submit(request, form))
    return _page(request, form) if study is None else go_to(request, study)


def _submit(request: HttpRequest, form: SubmitForm) -> Study:
    study, _ = intake.submit(
        user=request.user, actor=actor_of(request), submission=form.submission()
    )
    return study


def _page(request: HttpRequest, form: SubmitForm) -> HttpResponse:
    context: dict[str, Any] = {"form": form}
    template = "submit/_messages.html"
    if not is_htmx(request):
        template = "submit/page.html"
        context["max_megabytes"] = settings.MAX_FILM_BYTES // (1024 * 1024)
        context["queue"] = present.queue_told(queue.state())
    return answer(request, template, context, form)


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], form: FilmsForm
) -> HttpResponse:
    """The page, with the status of what the form has to say."""
    response = render(request, template, context, status=form.status)
    if form.refusal is not None and form.refusal.retry_after is not None:
        response["Retry-After"] = str(form.refusal.retry_after)
    return response


def go_to(request: HttpRequest, study: Study) -> HttpResponse:
    address = reverse("study", args=[study.uid])
    return HttpResponseClientRedirect(address) if is_htmx(request) else redirect(address)


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
