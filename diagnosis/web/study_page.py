"""What the study page shows, put together from the queries."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.shortcuts import render

from diagnosis.errors import ReportAmended
from diagnosis.permissions import Role, roles_of
from diagnosis.queries import blinding, drafts, phrases, studies
from diagnosis.services import claims
from diagnosis.states import TO_READ
from diagnosis.web import critical_panel, present, sheets, words
from diagnosis.web.forms import OpinionForm
from diagnosis.web.report_forms import AddendumForm, ReportForm
from diagnosis.web.written import Written

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from diagnosis.models import CaseClaim, Reading, Study
    from diagnosis.permissions import User

_MOST_EARLIER = 10


class Step(StrEnum):
    """What the user can do with the case now."""

    LOOK = "look"
    START = "start"
    READ = "read"
    HELD = "held"  # by a colleague
    SIGNED_MINE = "signed-mine"  # the next read is another radiologist's
    AMEND = "amend"


_WRITING = {Step.READ, Step.AMEND}


def render_page(
    request: HttpRequest,
    study: Study,
    form: ReportForm | None = None,
    *,
    opinion: OpinionForm | None = None,
) -> HttpResponse:
    """The page; with a refused form, as it was filled in and with the status of the refusal."""
    refused = form or opinion
    if refused is not None:
        study = studies.get(request.user, study.uid)  # the refusal may come from a newer state
    claim = claims.holder(study=study)
    step = _step_of(form) if form else next_step(request.user, study, claim)
    found = results(study)
    context = {
        **found,
        **sheets.of_page(request.user, study, [film.image for film in found["films"]]),
        **_records(request.user, study),
        **critical_panel.context(request.user, study),
        "step": step,
        "claim": claim,
        "mine": claim is not None and claim.holder_id == request.user.pk,
        "form": form or _form(request.user, study, step),
        "opinion_form": opinion or OpinionForm(),
        "own_opinion": _own_opinion(request.user, study),
        "drafts": _drafts(request.user, study),
        "phrases": phrases.usable(request.user, study.site) if step in _WRITING else [],
        "refused": form is not None,
        "supersedes": _supersedes(request.user, study, form),
    }
    return render(request, "study/page.html", context, status=refused.status if refused else 200)


def results(study: Study) -> dict[str, Any]:
    """The part that changes while films are analysed."""
    hidden: bool = study.model_hidden  # type: ignore[attr-defined]
    films = [present.Film.of(image, hidden=hidden) for image in studies.films(study)]
    return {
        "study": study,
        "row": present.rows([study])[0],
        "films": films,
        "pending": present.still_pending(films),
        "any_result": any(film.result for film in films),
        "refused_films": [f for f in study.intake_report if f["code"] != "ACCEPTED"],
    }


def next_step(user: User, study: Study, claim: CaseClaim | None) -> Step:
    if Role.RADIOLOGIST not in roles_of(user):
        return Step.LOOK
    if study.state not in TO_READ:
        return Step.AMEND
    if blinding.readings(user, study).filter(reader=user.pk).exists():
        return Step.SIGNED_MINE
    if claim is None:
        return Step.START
    return Step.READ if claim.holder_id == user.pk else Step.HELD


def _step_of(form: ReportForm) -> Step:
    """A refused form stays on the page whatever happened to the case: its text is not lost."""
    return Step.AMEND if isinstance(form, AddendumForm) else Step.READ


def _form(user: User, study: Study, step: Step) -> ReportForm | None:
    if step is Step.AMEND:
        return AddendumForm()
    if step is not Step.READ:
        return None
    draft = drafts.mine(user, study)
    return ReportForm.showing(drafts.text_for(user, study), draft.revision if draft else 0)


def _drafts(user: User, study: Study) -> list[Written]:
    """What the reader may copy from."""
    if Role.RADIOLOGIST not in roles_of(user):
        return []
    return [Written.of(draft) for draft in drafts.shown_to(user, study)]


def _supersedes(user: User, study: Study, form: ReportForm | None) -> Any:
    """The reading that an addendum answers: the newest that the reader was told of."""
    if form is not None and not isinstance(form.refusal, ReportAmended):
        return form.data.get("supersedes", "")
    newest = blinding.readings(user, study).first()
    return newest.pk if newest else ""


def _own_opinion(user: User, study: Study) -> Reading | None:
    """The reader's first opinion of a case that is still to be signed by that reader."""
    draft = drafts.mine(user, study)
    return draft if draft is not None and draft.opined_at is not None else None


def _readings(user: User, study: Study) -> list[Written]:
    """Signed readings, newest first."""
    signed = list(blinding.readings(user, study))
    superseded = {reading.supersedes_id for reading in signed}
    return [Written.of(reading, is_superseded=reading.pk in superseded) for reading in signed]


def _records(user: User, study: Study) -> dict[str, Any]:
    events, looks = present.history(blinding.history(user, study))
    return {
        "sex": words.SEXES[study.patient.sex],
        "readings": _readings(user, study),
        "earlier": [
            (s, words.STATES[s.state]) for s in studies.earlier_studies(user, study)[:_MOST_EARLIER]
        ],
        "events": events,
        "looks": looks,
    }
