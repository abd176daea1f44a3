"""Reading and signing. A signed reading is frozen; an addendum supersedes it and keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from diagnosis.errors import InvalidInput, OpinionFirst, ReportAmended, TransitionRefused
from diagnosis.models import CaseClaim, Reading
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require
from diagnosis.queries import blinding, studies
from diagnosis.report import Report
from diagnosis.services import audit, claims, drafts, lifecycle, policies, signatures
from diagnosis.states import TO_READ, Opinion, ReadingKind, StudyEvent, StudyState

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User

# Which step the study takes once a signature stands.
_STEP = {
    StudyState.REPORTED: StudyEvent.REPORT,
    StudyState.AWAITING_SECOND_READ: StudyEvent.NEED_SECOND_READ,
    StudyState.AWAITING_ARBITRATION: StudyEvent.DISAGREE,
    StudyState.AMENDED: StudyEvent.AMEND,
}


def sign(  # noqa: PLR0913 (who, what, on which draft, and the proof of who)
    *,
    user: User,
    actor: Actor,
    study: Study,
    report: Report,
    revision: int | None = None,
    password: str = "",
) -> Reading:
    """Sign the reading that the case waits for; an unfinished analysis does not prevent it.

    The reader's draft becomes the reading, with the text that is signed. `revision` is that of the
    draft which the signer saw; None: whatever the draft says.

    Raises NotPermitted, InvalidInput, AlreadySigned, CaseHeld, DraftChanged, PasswordWrong,
    TooManyPasswords.
    """
    require(user, Role.RADIOLOGIST)
    text = _checked(report)
    signatures.confirm(actor=actor, study=study, password=password)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        reading = drafts.of(user=user, study=locked)
        claims.require_free(user=user, study=locked)
        if locked.is_blinded and blinding.hides_model(user, locked):
            raise OpinionFirst
        if revision is not None and Report.of(reading) != text:
            drafts.require_revision(reading, revision)
        _sign(user, reading, locked, text)
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
    password: str = "",
) -> Reading:
    """Add an addendum to a signed report; the earlier text stays readable.

    `supersedes` is the id of the newest signed reading, as its writer read it: so nobody amends
    a text unseen, and the same addendum sent twice is signed once.

    Raises NotPermitted, InvalidInput, TransitionRefused, ReportAmended, PasswordWrong,
    TooManyPasswords.
    """
    require(user, Role.RADIOLOGIST)
    text = _checked(report)
    why = _require_text(reason, field="reason", message="Say why the report is amended.")
    signatures.confirm(actor=actor, study=study, password=password)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        if locked.state not in {StudyState.REPORTED, StudyState.AMENDED}:
            raise TransitionRefused("Only a signed report can be amended.")
        latest = locked.readings.filter(signed_at__isnull=False).latest("signed_at", "id")
        if latest.pk != supersedes:
            raise ReportAmended
        reading = Reading(
            study=locked, reader_id=user.pk or 0, kind=ReadingKind.ADDENDUM, supersedes=latest
        )
        _sign(user, reading, locked, text)
        _settle(locked, reading, actor, "READING_AMENDED", why)
        return reading


def _checked(report: Report) -> Report:
    text = report.cleaned()
    if text.opinion not in set(Opinion):
        raise InvalidInput("Choose an opinion.", field="opinion")
    _require_text(text.impression, field="impression", message="Write an impression.")
    return text


def _require_text(value: str, *, field: str, message: str) -> str:
    if not value.strip():
        raise InvalidInput(message, field=field)
    return value.strip()


def _sign(user: User, reading: Reading, study: Study, text: Report) -> None:
    for name, value in text.columns().items():
        setattr(reading, name, value)
    reading.model_shown = [] if blinding.hides_model(user, study) else _results(study)
    reading.saved_at = reading.signed_at = db_now()
    reading.save()


def _results(study: Study) -> list[dict[str, Any]]:
    """The results that stand now, film by film."""
    jobs = [job for image in studies.films(study) for job in image.current_jobs]  # type: ignore[attr-defined]
    return [
        {
            "film": str(job.image.uid),
            "probability": job.result.probability,
            "threshold": job.result.threshold,
            "is_late": job.result.is_late,
            "name": job.model_version.name,
            "version": job.model_version.version,
            "digest": job.result.model_digest,
        }
        for job in jobs
        if hasattr(job, "result")
    ]


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
