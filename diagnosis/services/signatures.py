"""Whether it is the reader who signs: where a site asks for it, the password once more."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User as Account
from django.db import transaction

from diagnosis.errors import PasswordWrong, TooManyPasswords
from diagnosis.models import AuditEvent, Site
from diagnosis.models.audit import Outcome
from diagnosis.models.clock import db_now
from diagnosis.services import audit

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor

_MOST_WRONG = 5
_WITHIN = timedelta(minutes=10)
_REFUSED = "SIGNATURE_REFUSED"


def confirm(*, actor: Actor, study: Study, password: str) -> None:
    """Must run outside a transaction that the refusal rolls back: the refusal is on the trail.

    After five wrong passwords within ten minutes a right one is refused, too.

    Raises PasswordWrong, TooManyPasswords.
    """
    if not Site.objects.filter(pk=study.site_id, signs_with_password=True).exists():
        return
    # Ahead of the lock: to hash a password takes long on purpose.
    is_right = check_password(password, Account.objects.get(pk=actor.id).password)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=actor.id)  # guesses at once take turns
        wait = _wait(actor)
        if not wait and not is_right:
            audit.record(
                actor=actor, action=_REFUSED, target=study, study=study, outcome=Outcome.REFUSED
            )
    if wait:
        raise TooManyPasswords(retry_after=wait)
    if not is_right:
        raise PasswordWrong(field="password")


def _wait(actor: Actor) -> int:
    """Seconds until the reader may try again, 0: at once."""
    now = db_now()
    wrong = AuditEvent.objects.filter(actor_id=actor.id, action=_REFUSED, at__gt=now - _WITHIN)
    latest = list(wrong.order_by("-at").values_list("at", flat=True)[:_MOST_WRONG])
    if len(latest) < _MOST_WRONG:
        return 0
    return max(1, math.ceil((latest[-1] + _WITHIN - now).total_seconds()))
