"""On to the next case: by itself, or after a signature or a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from diagnosis.actors import actor_of
from diagnosis.services import claims

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse


@require_POST
def next_case(request: HttpRequest) -> HttpResponse:
    found = claims.next_case(user=request.user, actor=actor_of(request))
    if found is None:
        messages.info(request, _("Nothing to read: every case is signed or being read."))
        return redirect("worklist")
    return redirect("study", found.uid)


def onward(request: HttpRequest, uid: UUID) -> HttpResponse:
    """After the case `uid`: the next one if the page asked for it, else the same page."""
    if request.POST.get("then") == "next":
        return next_case(request)
    return redirect("study", uid)
