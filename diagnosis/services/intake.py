"""Submission: bytes and a form in, one committed study out. 2xx means it cannot be lost any more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import IntegrityError
from django.utils import timezone

from diagnosis import dispatch
from diagnosis.errors import IdempotencyConflict, InvalidInput
from diagnosis.models import Image, Patient, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require, sites_of
from diagnosis.services import (
    admission,
    arrivals,
    audit,
    films,
    identity,
    jobs,
    lifecycle,
    model_versions,
    policies,
)
from diagnosis.states import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from diagnosis.models import Site
    from diagnosis.permissions import Actor, User


@dataclass(frozen=True, slots=True)
class Submission:
    """The form as validated by its door (page or API), and the films' bytes in order."""

    site: Site
    mrn: str
    name: str
    birth_date: date
    sex: str
    priority: str = Priority.ROUTINE
    indication: str = ""
    accession_number: str = ""
    films: Sequence[bytes] = field(default=(), repr=False)
    confirm_mismatch: bool = False
    idempotency_key: str = ""


def submit(*, user: User, actor: Actor, submission: Submission) -> tuple[Study, bool]:
    """Accept a study; returns it and whether it is new (False: the key was seen before).

    At least one good film is accepted, with a report per film; none raises NoUsableFilm and
    stores nothing. Also raises NotPermitted, InvalidInput, PatientMismatch, IdempotencyConflict,
    TooManyWaiting, StorageFull and StorageUnavailable.
    """
    _guard(user, submission)
    digests = [films.digest_of(data) for data in submission.films]
    digest = _request_digest(submission, digests)
    if earlier := _earlier(user, submission, digest):
        return earlier, False
    admission.check(user=user, site=submission.site)
    good, report = arrivals.check_films(submission.films, digests)
    if not good:
        raise arrivals.nothing_usable(report)
    confirmed = identity.check(
        submission=submission, headers=[(film.position, film.header) for film in good]
    )
    checked = arrivals.Checked(digest, good, report, confirmed)
    try:
        return arrivals.store(
            good, lambda keys: _create(user, actor, submission, checked, keys)
        ), True
    except IntegrityError:
        # The same key, committed by a twin of this request between our look and our write.
        if earlier := _earlier(user, submission, digest):
            return earlier, False
        raise


def _guard(user: User, submission: Submission) -> None:
    require(user, Role.SUBMITTER, Role.RADIOLOGIST)
    if submission.site not in sites_of(user):
        raise InvalidInput("You are not a member of this site.", field="site")
    if not submission.films:
        raise InvalidInput("Add at least one film.", field="films")
    if submission.birth_date > timezone.localdate():
        raise InvalidInput("The birth date lies in the future.", field="birth_date")


def _request_digest(submission: Submission, digests: Sequence[str]) -> str:
    plain = replace(submission, films=(), idempotency_key="")
    form = {name: str(getattr(plain, name)) for name in plain.__slots__ if name != "site"}
    return arrivals.digest_of_request([submission.site.pk, form, digests])


def _earlier(user: User, submission: Submission, digest: str) -> Study | None:
    if not submission.idempotency_key:
        return None
    same = Study.objects.filter(submitted_by_id=user.pk, idempotency_key=submission.idempotency_key)
    if not same.exists():  # a whole row is asked for only where there is one, which is rare
        return None
    study = same.get()
    if study.request_digest != digest:
        raise IdempotencyConflict
    return study


def _create(
    user: User, actor: Actor, submission: Submission, checked: arrivals.Checked, keys: Sequence[str]
) -> Study:
    """Every row of the study, all of the same moment."""
    now = db_now()
    model = model_versions.active()
    study = Study(
        site=submission.site,
        patient=_patient(submission, now),
        accession_number=submission.accession_number,
        indication=submission.indication,
        priority=submission.priority,
        submitted_by_id=user.pk or 0,
        idempotency_key=submission.idempotency_key,
        request_digest=checked.digest,
        **policies.drawn(submission.site),
        **lifecycle.first(submitted_at=now, priority=submission.priority, queued=bool(model)),
    )
    images = arrivals.images_of(study, checked.good, keys, now)
    study.intake_report = arrivals.told(checked.report, images)
    study.save(force_insert=True)
    Image.objects.bulk_create(images)
    if model:
        jobs.queue(images=images, model_version=model, actor=actor, now=now)
    facts = {name: getattr(study, name) for name in ("state", "priority", "is_blinded")}
    audit.record_all(
        arrivals.events(
            action="STUDY_SUBMITTED", actor=actor, study=study, checked=checked, at=now, facts=facts
        )
    )
    dispatch.ring_on_commit()
    return study


def _patient(submission: Submission, now: datetime) -> Patient:
    """The site's patient of this number; one that is known keeps its record as it is."""
    patient = Patient(
        site=submission.site,
        mrn=submission.mrn,
        name=submission.name,
        birth_date=submission.birth_date,
        sex=submission.sex,
        created_at=now,
    )
    Patient.objects.bulk_create(
        [patient],
        update_conflicts=True,
        unique_fields=["site", "mrn"],
        update_fields=["mrn"],  # to the same: only so does the database tell the row's id
    )
    return patient
