"""Who came in, who left and who was turned away, on the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User

from diagnosis.models.audit import Outcome
from diagnosis.services import audit

if TYPE_CHECKING:
    from diagnosis.permissions import Actor


def opened(*, user: User, actor: Actor) -> None:
    audit.record(actor=actor, action="LOGGED_IN", target=user)


def closed(*, user: User, actor: Actor) -> None:
    audit.record(actor=actor, action="LOGGED_OUT", target=user)


def refused(*, name: str, actor: Actor) -> None:
    """A wrong password, or an account that is locked out, is told by the account's own name.

    A name that is no account may be a password typed into the wrong field: nothing of it is kept.
    """
    account = User.objects.filter(username=name).first()
    audit.record(
        actor=actor,
        action="LOG_IN_REFUSED",
        target=account or User(),
        after={"username": account.username} if account else {},
        outcome=Outcome.REFUSED,
    )
