"""Who holds a case: a lease that the open page keeps alive, so that two never read one case."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User as Account
from django.db import transaction

from diagnosis.errors import AlreadySigned, CaseHeld
from diagnosis.models import CaseClaim, Study
from diagnosis.models.clock import db_now
from diagnosis.models.notification import NoticeKind
from diagnosis.permissions import Role, require
from diagnosis.queries import next_case as queue
from diagnosis.services import audit, lifecycle, notices
from diagnosis.states import TO_READ

if TYPE_CHECKING:
    from diagnosis.permissions import Actor, User

LEASE = timedelta(minutes=2)
# What remains of it once a page is left: a reload, a refused form or the same case in another tab
# beats before that (static/js/holding.js), a closed browser does not.
LEFT = timedelta(seconds=15)


def holder(*, study: Study) -> CaseClaim | None:
    """The live claim on a study, if any."""
    return CaseClaim.live().filter(study=study).select_related("holder").first()


def take(*, user: User, actor: Actor, study: Study, reason: str = "") -> CaseClaim:
    """Take the case to read it. Taking it from a colleague needs a reason; both are audited.

    Raises NotPermitted, AlreadySigned, CaseHeld.
    """
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        if locked.state not in TO_READ:
            raise AlreadySigned
        live = holder(study=locked)
        taken_over = live is not None and live.holder_id != user.pk
        if taken_over and not audit.plain(reason):
            raise CaseHeld
        if live is not None and not taken_over:
            heartbeat(user=user, study=locked)
            return live
        CaseClaim.objects.filter(study=locked).delete()
        claim = CaseClaim.objects.create(
            study=locked, holder_id=user.pk or 0, lease_expires_at=db_now() + LEASE
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


def next_case(*, user: User, actor: Actor) -> Study | None:
    """Take the most pressing case that is free for this radiologist; None: nothing to read.

    Who holds a case gets that one: two presses of a key take one case, and none is forgotten.

    Raises NotPermitted.
    """
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=actor.id)  # a twin waits here
        if held := queue.held_by(user):
            heartbeat(user=user, study=held)
            return held
        # First past rows that somebody else is writing, then in turn with them: a row that its
        # worker just holds must not read as "nothing to read".
        for waiting in (False, True):
            for study_id in queue.free(user):
                if study := _take_free(user, actor, study_id, waiting=waiting):
                    return study
    return None


def _take_free(user: User, actor: Actor, study_id: int, *, waiting: bool) -> Study | None:
    """The study, if it can still be had; else its row is let go at once, for whoever waits."""
    try:
        with transaction.atomic():
            study = lifecycle.lock(study_id=study_id, waiting=waiting)
            take(user=user, actor=actor, study=study)
            return study
    except (CaseHeld, AlreadySigned, Study.DoesNotExist):
        return None


def leave(*, user: User, study: Study) -> None:
    """The page that held the case is gone; unless another one beats, the case will be free."""
    until = db_now() + LEFT
    mine = CaseClaim.objects.filter(study=study, holder_id=user.pk or 0, lease_expires_at__gt=until)
    mine.update(lease_expires_at=until)


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
