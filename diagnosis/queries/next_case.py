"""Which case a radiologist reads next: the walk along the worklist that services/claims.py takes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from diagnosis.models import AuditEvent, CaseClaim, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import visible_to
from diagnosis.queries.filters import Filter, listed
from diagnosis.queries.looking import behind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from diagnosis.permissions import User
    from diagnosis.queries.looking import Place

AT_ONCE = 50
_PASSED_ON = timedelta(minutes=30)


def held_by(user: User) -> Study | None:
    """The case that the user reads now; of several, the one held for longest."""
    live = CaseClaim.live().filter(holder=user.pk)
    rows = visible_to(user, Study).filter(to_read=True, claim__in=live)
    return rows.order_by("claim__claimed_at").first()


def free(user: User) -> Iterator[int]:
    """Ids of cases to read, most pressing first, that nobody holds and the user has not signed.

    Those that the user released lately come last: who passes a case on is not given it back at once.
    """
    later: list[int] = []
    passed_on = _passed_on(user)
    for study in _walk(user):
        if study in passed_on:
            later.append(study)
        else:
            yield study
    yield from later


def _walk(user: User) -> Iterator[int]:
    """Some keys of the list at a time, because a join would have the database read all claims and
    all that a busy radiologist ever signed. Passed over are cases that somebody reads now, and
    those that wait for another reader after this one.
    """
    place: Place | None = None
    while True:
        rows = behind(listed(user, Filter()), place)
        places = list(rows.values_list("worklist_rank", "id")[:AT_ONCE])
        studies = [study for _, study in places]
        taken = _taken(user, studies)
        yield from (study for study in studies if study not in taken)
        if len(places) < AT_ONCE:
            return
        place = places[-1]


def _taken(user: User, studies: Collection[int]) -> set[int]:
    held = CaseClaim.live().filter(study__in=studies)
    signed = Reading.objects.filter(study__in=studies, reader=user.pk, signed_at__isnull=False)
    return {
        *held.exclude(holder=user.pk).order_by().values_list("study", flat=True),
        *signed.order_by().values_list("study", flat=True),
    }


def _passed_on(user: User) -> set[int]:
    released = AuditEvent.objects.filter(
        actor_id=str(user.pk), action="CASE_RELEASED", at__gt=db_now() - _PASSED_ON
    )
    uids = set(released.order_by().values_list("study", flat=True))  # by its index, not by id
    return set(Study.objects.filter(uid__in=uids).order_by().values_list("pk", flat=True))
