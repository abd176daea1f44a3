"""What is hidden from whom: the model's result until an opinion is stored, a first reading from the
second reader.

A blinded study (drawn when it was submitted, by its site's policy) hides the model from everybody
until the case is reported, and from a reader until that reader's own opinion is stored. A case that
waits for its second read hides model and first reading alike: with one of them and the policy one
could guess the other. The arbiter sees all. What the trail of a blinded study must not tell is never
written into it (services/audit.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, When

from diagnosis.models import AuditEvent, Reading, Study
from diagnosis.permissions import Role, roles_of
from diagnosis.states import TO_READ, StudyState

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from diagnosis.permissions import User

_OF_A_READER = frozenset({"OPINION_STORED", "READING_SIGNED"})
_OF_THE_MODEL = frozenset({"JOB_SUCCEED", "JOB_REFUSE", "JOB_FAIL"})


def is_blind(study: str = "") -> Q:
    """Studies whose next reader must not know the model; `study`: the way to them, with its "__"."""
    blinded = Q(**{f"{study}is_blinded": True})
    second = Q(**{f"{study}state": StudyState.AWAITING_SECOND_READ})
    return Q(**{f"{study}to_read": True}) & (blinded | second)


def hidden(user: User) -> Q:
    """The studies whose model result the user may not see yet."""
    mine = Reading.objects.filter(study=OuterRef("pk"), reader=user.pk)
    opined = mine.filter(Q(opined_at__isnull=False) | Q(signed_at__isnull=False))
    blind = is_blind()
    if Role.RADIOLOGIST in roles_of(user):
        blind &= ~Q(state=StudyState.AWAITING_ARBITRATION)
    return blind & ~Q(Exists(opined))


def hidden_column(user: User) -> Case:
    return Case(When(hidden(user), then=True), default=False, output_field=BooleanField())


def hides_model(user: User, study: Study) -> bool:
    return Study.objects.filter(hidden(user), pk=study.pk).exists()


def is_silent(study: Study) -> bool:
    """Whether nothing of the model, codes of films that are not assessable among it, may be told of
    the study unasked: its next reader may be anybody.
    """
    return study.is_blinded and study.state in TO_READ


def readings(user: User, study: Study) -> QuerySet[Reading]:
    """The study's signed readings that the user may see, newest first."""
    signed = study.readings.filter(signed_at__isnull=False)
    if _hides_readings(user, study):
        signed = signed.filter(reader=user.pk)
    return signed.select_related("reader").order_by("-signed_at", "-id")


def _hides_readings(user: User, study: Study) -> bool:
    """No report is out before the case is reported; the arbiter reads those that disagree."""
    if study.state == StudyState.AWAITING_ARBITRATION:
        return Role.RADIOLOGIST not in roles_of(user)
    return study.state == StudyState.AWAITING_SECOND_READ


def history(user: User, study: Study) -> list[AuditEvent]:
    """The study's audit events, oldest first: what happened and when, without what is hidden.

    The caller has checked that the study is visible.
    """
    events = list(AuditEvent.objects.filter(study=str(study.uid)).order_by("id"))
    silent = _OF_THE_MODEL if hides_model(user, study) else frozenset()
    if _hides_readings(user, study):
        silent |= _OF_A_READER
    for event in events:
        if event.action in silent and event.actor_id != str(user.pk):
            event.action = "JOB_ENDED" if event.action in _OF_THE_MODEL else event.action
            event.before = event.after = {}
    return events
