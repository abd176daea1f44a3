"""The first opinion, which is stored before the model's result is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from diagnosis.actors import actor_of
from diagnosis.queries import studies
from diagnosis.services import opinions
from diagnosis.web import study_page
from diagnosis.web.forms import OpinionForm

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse


@require_POST
def store(request: HttpRequest, uid: UUID) -> HttpResponse:
    study, form = studies.get(request.user, uid), OpinionForm(request.POST)
    user, actor = request.user, actor_of(request)

    def act() -> Any:
        return opinions.store(user=user, actor=actor, study=study, first=form.first())

    if form.carry_out(act) is None:
        return study_page.render_page(request, study, opinion=form)
    messages.success(request, _("Opinion stored. The model's result is shown."))
    return redirect("study", uid)
