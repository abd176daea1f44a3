"""Notifications, written in the transaction of what they tell of, and seen by their user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from diagnosis.models import NoticeChoice, Notification
from diagnosis.models.clock import db_now
from diagnosis.models.notification import NoticeKind
from diagnosis.permissions import Role
from diagnosis.queries.blinding import is_silent
from diagnosis.queries.people import members
from diagnosis.states import StudyEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User

KEPT = timedelta(days=90)
_OF_STEP = {
    StudyEvent.REPORT: NoticeKind.REPORT_SIGNED,
    StudyEvent.AMEND: NoticeKind.REPORT_AMENDED,
}
_WAITING = {StudyEvent.NEED_SECOND_READ, StudyEvent.DISAGREE}


def tell(*, kind: NoticeKind, users: Collection[int], study: Study | None = None) -> None:
    """Tell each user once. Without a study it is a summary: who has it unseen is told no more."""
    _tell_all(kind, [(user, study) for user in sorted(set(users))])


def _tell_all(kind: NoticeKind, told: Sequence[tuple[int, Study | None]]) -> None:
    """Each user of that study, in as many statements as one takes."""
    if not told:
        return
    now = db_now()
    mailed = _mailed({user for user, _ in told})
    Notification.objects.bulk_create(
        [
            Notification(
                user_id=user, kind=kind, study=study, created_at=now, wants_email=user in mailed
            )
            for user, study in told
        ],
        ignore_conflicts=any(study is None for _, study in told),
    )


def _mailed(users: Collection[int]) -> set[int]:
    if not settings.EMAIL_HOST:
        return set()
    chosen = NoticeChoice.objects.filter(user__in=users, by_email=True)
    return set(chosen.exclude(user__email="").values_list("user", flat=True))


def step_taken(*, study: Study, event: StudyEvent, actor: Actor) -> None:
    """What a step of the study means for others than who took it."""
    if kind := _OF_STEP.get(event):
        submitter = study.submitted_by_id
        tell(kind=kind, users=[submitter] if str(submitter) != actor.id else [], study=study)
    if event in _WAITING:
        signers = study.readings.filter(signed_at__isnull=False).values("reader")
        readers = members(study.site_id, Role.RADIOLOGIST).exclude(pk__in=signers)
        tell(kind=NoticeKind.READ_WAITS, users=list(readers.values_list("pk", flat=True)))


def new_films_needed(*, studies: Sequence[Study]) -> None:
    told = [(study.submitted_by_id, study) for study in studies if not is_silent(study)]
    _tell_all(NoticeKind.FILM_NOT_ASSESSABLE, told)


def see(*, user: User, one: int | None = None, study: Study | None = None) -> datetime | None:
    """Mark mine as seen: one, those of a study, or all; the moment, by which `unsee` finds them."""
    mine = Notification.objects.filter(user=user.pk, seen_at__isnull=True)
    if one is not None:
        mine = mine.filter(pk=one)
    if study is not None:
        mine = mine.filter(study=study)
    if not mine.exists():  # the usual page view writes nothing
        return None
    now = db_now()
    mine.update(seen_at=now)
    return now


def unsee(*, user: User, seen_at: datetime) -> None:
    """Undo one `see`; a summary that came again meanwhile stays the only one."""
    with transaction.atomic():
        again = Notification.objects.filter(
            user=user.pk, kind=OuterRef("kind"), study__isnull=True, seen_at__isnull=True
        )
        mine = Notification.objects.filter(user=user.pk, seen_at=seen_at)
        mine.filter(study__isnull=False).update(seen_at=None)
        for summary in mine.filter(~Exists(again), study__isnull=True):
            Notification.objects.filter(pk=summary.pk).update(seen_at=None)


def choose(*, user: User, by_email: bool) -> None:
    """Want e-mails from now on, or none any more, of what is not sent yet either."""
    with transaction.atomic():
        NoticeChoice.objects.update_or_create(user_id=user.pk or 0, defaults={"by_email": by_email})
        if not by_email:
            mine = Notification.objects.filter(user=user.pk, wants_email=True, emailed_at=None)
            mine.update(wants_email=False)


def prune(*, limit: int = 1000) -> int:
    """Delete what was seen long ago."""
    old = Notification.objects.filter(seen_at__lt=db_now() - KEPT).order_by("seen_at")
    keys = list(old.values_list("pk", flat=True)[:limit])
    deleted, _ = Notification.objects.filter(pk__in=keys).delete()
    return deleted
