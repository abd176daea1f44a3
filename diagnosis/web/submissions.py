"""The submitter's side: what became of my studies, and a new film for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from diagnosis.actors import actor_of
from diagnosis.queries import critical, queue, studies, submissions
from diagnosis.services import adding_films, viewing
from diagnosis.states import TO_READ
from diagnosis.web import critical_panel, present, submit, words
from diagnosis.web.forms import AddFilmsForm
from diagnosis.web.standing import standings

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import FilmAddition, Study


@require_safe
def my_studies(request: HttpRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    page = viewing.submissions_page(user=request.user, actor=actor_of(request), before=before)
    context = {
        "critical": critical_panel.findings(request.user, critical.to_acknowledge(request.user)),
        "rows": standings(page.rows, queue.state()),
        "before": before,
        "next_cursor": page.next_cursor,
    }
    return render(request, "submissions/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def add_films(request: HttpRequest, uid: UUID) -> HttpResponse:
    if request.method != "POST":
        # The page names the patient: to open it is to look at the study.
        study = viewing.study(user=request.user, actor=actor_of(request), uid=uid)
        return _page(request, study, AddFilmsForm())
    study = studies.get(request.user, uid)
    form = AddFilmsForm(request.POST, request.FILES)
    added = form.carry_out(lambda: _add(request, study, form))
    if added is None:
        return _page(request, study, form)
    taken = sum(film["code"] == "ACCEPTED" for film in added.report)
    messages.success(request, _told(taken, len(added.report) - taken))
    return submit.go_to(request, study)


def _add(request: HttpRequest, study: Study, form: AddFilmsForm) -> FilmAddition:
    added, _is_new = adding_films.add_films(
        user=request.user, actor=actor_of(request), study=study, addition=form.addition()
    )
    return added


def _told(taken: int, refused: int) -> str:
    told = ngettext("%(count)d film added.", "%(count)d films added.", taken) % {"count": taken}
    if not refused:
        return told
    return f"{told} " + _("Not accepted: %(count)d.") % {"count": refused}


def _page(request: HttpRequest, study: Study, form: AddFilmsForm) -> HttpResponse:
    context: dict[str, Any] = {"form": form}
    template = "submit/_messages.html"
    if not submit.is_htmx(request):
        template = "submissions/add_films.html"
        context |= {
            "study": study,
            "row": present.rows([study])[0],
            "is_open": study.state in TO_READ,
            "reasons": _reasons(study),
            "max_megabytes": settings.MAX_FILM_BYTES // (1024 * 1024),
            "queue": present.queue_told(queue.state()),
        }
    return submit.answer(request, template, context, form)


def _reasons(study: Study) -> list[tuple[str, str]]:
    return [words.no_score(code) for code in submissions.codes_of([study]).get(study.pk, ())]
