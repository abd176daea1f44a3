"""Who holds a case: a lease that the open page keeps alive, so that two never read one case."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from diagnosis.errors import CaseHeld
from diagnosis.models import CaseClaim
from diagnosis.models.clock import db_now
from diagnosis.models.notification import NoticeKind
from diagnosis.permissions import Role, require
from diagnosis.services import audit, lifecycle, notices

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User

LEASE = timedelta(minutes=2)


def holder(*, study: Study) -> CaseClaim | None:
    """The live claim on a study, if any."""
    claim = CaseClaim.objects.filter(study=study, lease_expires_at__gt=db_now())
    return claim.select_related("holder").first()


def take(*, user: User, actor: Actor, study: Study, reason: str = "") -> CaseClaim:
    """Take the case to read it. Taking it from a colleague needs a reason; both are audited.

    Raises NotPermitted, CaseHeld.
    """
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        live = holder(study=locked)
        taken_over = live is not None and live.holder_id != user.pk
        if taken_over and not audit.plain(reason):
            raise CaseHeld
        until = db_now() + LEASE
        if live is not None and not taken_over:
            CaseClaim.objects.filter(pk=live.pk).update(lease_expires_at=until)
            return live
        CaseClaim.objects.filter(study=locked).delete()
        claim = CaseClaim.objects.create(
            study=locked, holder_id=user.pk or 0, lease_expires_at=until
        )
        audit.record(
            actor=actor,
            action="CASE_TAKEN_OVER" if taken_over else "CASE_CLAIMED",
            target=locked,
            study=locked,
            reason=reason,
        )
        if live is not None:
            notices.tell(kind=NoticeKind.CASE_TAKEN_OVER, users=[live.holder_id], study=locked)
        return claim


def heartbeat(*, user: User, study: Study) -> bool:
    """Extend my lease; False when the case is no longer mine."""
    now = db_now()
    mine = CaseClaim.objects.filter(study=study, holder_id=user.pk or 0, lease_expires_at__gt=now)
    return mine.update(lease_expires_at=now + LEASE) == 1


def release(*, user: User, actor: Actor, study: Study) -> None:
    """Give the case back. Releasing what one does not hold changes nothing."""
    with transaction.atomic():
        deleted, _ = CaseClaim.objects.filter(study=study, holder_id=user.pk).delete()
        if deleted:
            audit.record(actor=actor, action="CASE_RELEASED", target=study, study=study)


def require_free(*, user: User, study: Study) -> None:
    """Raise CaseHeld when somebody else is reading the case."""
    live = holder(study=study)
    if live is not None and live.holder_id != user.pk:
        raise CaseHeld
