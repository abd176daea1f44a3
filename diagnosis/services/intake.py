"""Submission: bytes and a form in, one committed study out. 2xx means it cannot be lost any more."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction

from diagnosis import dispatch
from diagnosis.errors import FilmTooLarge, IdempotencyConflict, InvalidInput, NoUsableFilm
from diagnosis.models import Image, Patient, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require, sites_of
from diagnosis.services import (
    admission,
    audit,
    films,
    identity,
    jobs,
    lifecycle,
    model_versions,
)
from diagnosis.states import Priority, StudyState
from ml.contracts import FilmError
from ml.pixels import verify_and_normalise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from diagnosis.models import ModelVersion, Site
    from diagnosis.permissions import Actor, User
    from diagnosis.services.films import StoredFilm
    from ml.contracts import FilmHeader

ACCEPTED = "ACCEPTED"
DUPLICATE = "DUPLICATE"


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


@dataclass(frozen=True, slots=True)
class FilmReport:
    """What became of one submitted film."""

    position: int  # 1-based, in the order of submission
    code: str
    message: str = ""
    film: str = ""  # uid, when accepted


@dataclass(frozen=True, slots=True)
class CheckedFilm:
    position: int
    data: bytes = field(repr=False)
    sha256: str
    header: FilmHeader = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the checks found of a submission."""

    digest: str
    good: Sequence[CheckedFilm]
    report: Sequence[FilmReport]
    confirmed: Sequence[str]  # fields for whose difference somebody answered


def submit(*, user: User, actor: Actor, submission: Submission) -> tuple[Study, bool]:
    """Accept a study; returns it and whether it is new (False: the key was seen before).

    At least one good film is accepted, with a report per film; none raises NoUsableFilm and
    stores nothing. Also raises NotPermitted, InvalidInput, PatientMismatch, IdempotencyConflict,
    TooManyWaiting, StorageFull and StorageUnavailable.
    """
    _guard(user, submission)
    digest = _request_digest(submission)
    if earlier := _earlier(user, submission, digest):
        return earlier, False
    admission.check(user=user, site=submission.site)
    good, report = check_films(submission.films)
    if not good:
        raise _nothing_usable(report)
    confirmed = identity.check(
        submission=submission, headers=[(film.position, film.header) for film in good]
    )
    try:
        return _store(user, actor, submission, _Checked(digest, good, report, confirmed)), True
    except IntegrityError:
        # The same key, committed by a twin of this request between our look and our write.
        if earlier := _earlier(user, submission, digest):
            return earlier, False
        raise


def _store(user: User, actor: Actor, submission: Submission, checked: _Checked) -> Study:
    """Files first, then rows: a row never stands without its file."""
    stored: list[StoredFilm] = []
    before_commit = True
    try:
        for film in checked.good:
            stored.append(films.put(data=film.data))  # noqa: PERF401 (those before a fault count)
        with transaction.atomic():
            model = model_versions.active()
            study = _create(user, submission, checked.digest, model)
            _add_films(study, checked, stored, model, actor)
            if checked.confirmed:
                audit.record(
                    actor=actor,
                    action="PATIENT_MISMATCH_CONFIRMED",
                    target=study,
                    study=study,
                    after={"fields": list(checked.confirmed)},
                )
            before_commit = False
    except BaseException as error:
        # A commit that breaks may stand all the same: then the films stay, the sweeper decides.
        if before_commit or isinstance(error, IntegrityError):
            for blob in stored:
                films.delete(key=blob.key)
        raise
    return study


def _guard(user: User, submission: Submission) -> None:
    require(user, Role.SUBMITTER, Role.RADIOLOGIST)
    if not sites_of(user).filter(pk=submission.site.pk).exists():
        raise InvalidInput("You are not a member of this site.", field="site")
    if not submission.films:
        raise InvalidInput("Add at least one film.", field="films")
    if submission.birth_date > db_now().date():
        raise InvalidInput("The birth date lies in the future.", field="birth_date")


def _request_digest(submission: Submission) -> str:
    """SHA-256 over everything that makes two requests the same one."""
    plain = replace(submission, films=(), idempotency_key="")
    form = {name: str(getattr(plain, name)) for name in plain.__slots__ if name != "site"}
    content = [submission.site.pk, form, [films.digest_of(data) for data in submission.films]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _earlier(user: User, submission: Submission, digest: str) -> Study | None:
    if not submission.idempotency_key:
        return None
    study = Study.objects.filter(
        submitted_by_id=user.pk, idempotency_key=submission.idempotency_key
    ).first()
    if study and study.request_digest != digest:
        raise IdempotencyConflict
    return study


def check_films(submitted: Sequence[bytes]) -> tuple[list[CheckedFilm], list[FilmReport]]:
    """Decode every film in full; equal films of one study are kept once."""
    good: dict[str, CheckedFilm] = {}
    report = []
    for position, data in enumerate(submitted, start=1):
        try:
            header, _pixels = verify_and_normalise(data, films.limits())
        except FilmError as error:
            report.append(FilmReport(position, error.code, error.message))
            continue
        sha256 = films.digest_of(data)
        if sha256 in good:
            report.append(
                FilmReport(position, DUPLICATE, "The same film is in this study already.")
            )
            continue
        good[sha256] = CheckedFilm(position, data, sha256, header)
        report.append(FilmReport(position, ACCEPTED))
    return list(good.values()), report


def _nothing_usable(report: Sequence[FilmReport]) -> NoUsableFilm | FilmTooLarge:
    told = [asdict(film) for film in report]
    if {film.code for film in report} == {"TOO_LARGE"}:
        megabytes = settings.MAX_FILM_BYTES // (1024 * 1024)
        return FilmTooLarge(f"A film may have at most {megabytes} MB.", films=told)
    return NoUsableFilm(films=told)


def _create(user: User, submission: Submission, digest: str, model: ModelVersion | None) -> Study:
    patient, _ = Patient.objects.get_or_create(
        site=submission.site,
        mrn=submission.mrn,
        defaults={
            "name": submission.name,
            "birth_date": submission.birth_date,
            "sex": submission.sex,
        },
    )
    now = db_now()
    return Study.objects.create(
        site=submission.site,
        patient=patient,
        accession_number=submission.accession_number,
        indication=submission.indication,
        priority=submission.priority,
        submitted_by_id=user.pk or 0,
        submitted_at=now,
        due_at=lifecycle.due_at(submitted_at=now, priority=submission.priority),
        # Without an active model no analysis is pending; the case waits for its reader at once.
        state=StudyState.PROCESSING if model else StudyState.AWAITING_READ,
        worklist_rank=0,
        idempotency_key=submission.idempotency_key,
        request_digest=digest,
    )


def _add_films(
    study: Study,
    checked: _Checked,
    stored: Sequence[StoredFilm],
    model: ModelVersion | None,
    actor: Actor,
) -> None:
    accepted = {
        film.position: _add_film(study, film, blob)
        for film, blob in zip(checked.good, stored, strict=True)
    }
    if model:
        for image in accepted.values():
            jobs.queue(image=image, model_version=model, actor=actor)
    told: list[dict[str, Any]] = [
        asdict(replace(film, film=str(accepted[film.position].uid)))
        if film.position in accepted
        else asdict(film)
        for film in checked.report
    ]
    study.intake_report = told
    study.save(update_fields=["intake_report"])
    audit.record(
        actor=actor,
        action="STUDY_SUBMITTED",
        target=study,
        study=study,
        after={
            "state": study.state,
            "priority": study.priority,
            "films": len(accepted),
            "refused": [film.code for film in checked.report if film.position not in accepted],
        },
    )
    lifecycle.refresh(study=study)
    dispatch.ring_on_commit()


def _add_film(study: Study, film: CheckedFilm, blob: StoredFilm) -> Image:
    return Image.objects.create(
        study=study,
        position=film.position,
        storage_key=blob.key,
        sha256=blob.sha256,
        size_bytes=blob.size_bytes,
        format=film.header.format,
        width=film.header.width,
        height=film.header.height,
        bits=film.header.bits,
        view_position=film.header.tags.get("view_position", "")[:16],
        seen_under_other_patient=_known_elsewhere(study, blob.sha256),
    )


def _known_elsewhere(study: Study, sha256: str) -> bool:
    same = Image.objects.filter(sha256=sha256, study__site=study.site)
    return same.exclude(study__patient=study.patient).exists()
