"""Reading and signing. A signed reading is frozen; an addendum supersedes it and keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from diagnosis.errors import (
    AlreadySigned,
    InvalidInput,
    OpinionFirst,
    ReportAmended,
    TransitionRefused,
)
from diagnosis.models import CaseClaim, Reading
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require
from diagnosis.queries import blinding
from diagnosis.services import audit, claims, lifecycle, policies
from diagnosis.states import READING_DUE, TO_READ, Opinion, ReadingKind, StudyEvent, StudyState

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User

_STEP = {
    StudyState.REPORTED: StudyEvent.REPORT,
    StudyState.AWAITING_SECOND_READ: StudyEvent.NEED_SECOND_READ,
    StudyState.AWAITING_ARBITRATION: StudyEvent.DISAGREE,
    StudyState.AMENDED: StudyEvent.AMEND,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the radiologist wrote."""

    opinion: str
    impression: str
    findings: str = ""


def sign(*, user: User, actor: Actor, study: Study, report: Report) -> Reading:
    """Sign the reading that the case waits for; an unfinished analysis does not prevent it.

    Raises NotPermitted, InvalidInput, AlreadySigned, CaseHeld.
    """
    require(user, Role.RADIOLOGIST)
    _check(report)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        kind = READING_DUE.get(StudyState(locked.state))
        if kind is None:
            raise AlreadySigned
        claims.require_free(user=user, study=locked)
        if locked.readings.filter(reader_id=user.pk, signed_at__isnull=False).exists():
            raise AlreadySigned("You have signed this case; another radiologist must read it now.")
        if locked.is_blinded and blinding.hides_model(user, locked):
            raise OpinionFirst
        reading = _store(user, locked, report, kind)
        policies.ask_for_second_read(study=locked, reading=reading)
        CaseClaim.objects.filter(study=locked).delete()
        _settle(locked, reading, actor, "READING_SIGNED")
        return reading


def amend(  # noqa: PLR0913 (who, what, on which text, and why)
    *,
    user: User,
    actor: Actor,
    study: Study,
    report: Report,
    reason: str,
    supersedes: int | None,
) -> Reading:
    """Add an addendum to a signed report; the earlier text stays readable.

    `supersedes` is the id of the newest signed reading, as its writer read it: so nobody amends
    a text unseen, and the same addendum sent twice is signed once.

    Raises NotPermitted, InvalidInput, TransitionRefused, ReportAmended.
    """
    require(user, Role.RADIOLOGIST)
    _check(report)
    why = _require_text(reason, field="reason", message="Say why the report is amended.")
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        if locked.state not in {StudyState.REPORTED, StudyState.AMENDED}:
            raise TransitionRefused("Only a signed report can be amended.")
        latest = locked.readings.filter(signed_at__isnull=False).latest("signed_at", "id")
        if latest.pk != supersedes:
            raise ReportAmended
        reading = _store(user, locked, report, ReadingKind.ADDENDUM, supersedes=latest)
        _settle(locked, reading, actor, "READING_AMENDED", why)
        return reading


def _check(report: Report) -> None:
    if report.opinion not in set(Opinion):
        raise InvalidInput("Choose an opinion.", field="opinion")
    _require_text(report.impression, field="impression", message="Write an impression.")


def _require_text(value: str, *, field: str, message: str) -> str:
    if not value.strip():
        raise InvalidInput(message, field=field)
    return value.strip()


def _store(
    user: User, study: Study, report: Report, kind: ReadingKind, supersedes: Reading | None = None
) -> Reading:
    """The reader's draft of this kind, signed; a new reading where there is none."""
    draft = Reading.objects.filter(
        study=study, reader_id=user.pk, kind=kind, signed_at__isnull=True
    ).first()
    reading = draft or Reading(study=study, reader_id=user.pk or 0, kind=kind)
    reading.opinion = report.opinion
    reading.findings = report.findings.strip()
    reading.impression = report.impression.strip()
    reading.supersedes = supersedes
    reading.signed_at = db_now()
    reading.save()
    return reading


def _settle(study: Study, reading: Reading, actor: Actor, action: str, reason: str = "") -> None:
    implied = lifecycle.implied(study)
    # An opinion of an open case is told to no second reader; the reading itself keeps it.
    told = {} if implied in TO_READ else {"opinion": reading.opinion}
    audit.record(
        actor=actor,
        action=action,
        target=reading,
        study=study,
        after={"kind": reading.kind, **told},
        reason=reason,
    )
    step = _STEP[implied]
    lifecycle.advance(study=study, event=step, actor=actor)
