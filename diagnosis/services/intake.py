"""Submission: bytes and a form in, one committed study out. 2xx means it cannot be lost any more."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

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
    policies,
)
from diagnosis.states import Priority
from ml.contracts import FilmError
from ml.pixels import verify_and_normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime

    from diagnosis.models import AuditEvent, Site
    from diagnosis.permissions import Actor, User
    from ml.contracts import FilmHeader

T = TypeVar("T")

ACCEPTED = "ACCEPTED"
DUPLICATE = "DUPLICATE"
DUPLICATE_TOLD = "The same film is in this study already."


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
    digests = [films.digest_of(data) for data in submission.films]
    digest = _request_digest(submission, digests)
    if earlier := _earlier(user, submission, digest):
        return earlier, False
    admission.check(user=user, site=submission.site)
    good, report = check_films(submission.films, digests)
    if not good:
        raise nothing_usable(report)
    confirmed = identity.check(
        submission=submission, headers=[(film.position, film.header) for film in good]
    )
    checked = _Checked(digest, good, report, confirmed)
    try:
        return store(good, lambda keys: _create(user, actor, submission, checked, keys)), True
    except IntegrityError:
        # The same key, committed by a twin of this request between our look and our write.
        if earlier := _earlier(user, submission, digest):
            return earlier, False
        raise


def store(good: Sequence[CheckedFilm], write: Callable[[Sequence[str]], T]) -> T:
    """Files first, then the rows that `write` makes of their keys, in one transaction: a row never
    stands without its file.
    """
    keys: list[str] = []
    before_commit = True
    try:
        for film in good:
            keys.append(films.put(data=film.data))  # noqa: PERF401 (those before a fault count)
        with transaction.atomic():
            written = write(keys)
            before_commit = False
    except BaseException as error:
        # A commit that breaks may stand all the same: then the films stay, the sweeper decides.
        if before_commit or isinstance(error, IntegrityError):
            for key in keys:
                films.delete(key=key)
        raise
    return written


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
    return digest_of_request([submission.site.pk, form, digests])


def digest_of_request(content: Sequence[Any]) -> str:
    """SHA-256 over everything that makes two requests the same one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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


def check_films(
    submitted: Sequence[bytes], digests: Sequence[str]
) -> tuple[list[CheckedFilm], list[FilmReport]]:
    """Decode every film in full; equal films of one study are kept once."""
    good: dict[str, CheckedFilm] = {}
    report = []
    for position, (data, sha256) in enumerate(zip(submitted, digests, strict=True), start=1):
        try:
            header, _pixels = verify_and_normalise(data, films.limits())
        except FilmError as error:
            report.append(FilmReport(position, error.code, error.message))
            continue
        if sha256 in good:
            report.append(FilmReport(position, DUPLICATE, DUPLICATE_TOLD))
            continue
        good[sha256] = CheckedFilm(position, data, sha256, header)
        report.append(FilmReport(position, ACCEPTED))
    return list(good.values()), report


def nothing_usable(report: Sequence[FilmReport]) -> NoUsableFilm | FilmTooLarge:
    told = [asdict(film) for film in report]
    if {film.code for film in report} == {"TOO_LARGE"}:
        megabytes = settings.MAX_FILM_BYTES // (1024 * 1024)
        return FilmTooLarge(f"A film may have at most {megabytes} MB.", films=told)
    return NoUsableFilm(films=told)


def _create(
    user: User, actor: Actor, submission: Submission, checked: _Checked, keys: Sequence[str]
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
    images = images_of(study, checked.good, keys, now)
    study.intake_report = told(checked.report, images)
    study.save(force_insert=True)
    Image.objects.bulk_create(images)
    if model:
        jobs.queue(images=images, model_version=model, actor=actor, now=now)
    audit.record_all(_events(study, checked, actor, now))
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


def images_of(
    study: Study, good: Sequence[CheckedFilm], keys: Sequence[str], now: datetime
) -> list[Image]:
    """The films' rows, unsaved."""
    same = Image.objects.filter(sha256__in=[film.sha256 for film in good], study__site=study.site)
    elsewhere = set(same.exclude(study__patient=study.patient).values_list("sha256", flat=True))
    return [
        Image(
            study=study,
            position=film.position,
            storage_key=key,
            sha256=film.sha256,
            size_bytes=len(film.data),
            format=film.header.format,
            width=film.header.width,
            height=film.header.height,
            bits=film.header.bits,
            view_position=film.header.tags.get("view_position", "")[:16],
            seen_under_other_patient=film.sha256 in elsewhere,
            created_at=now,
        )
        for film, key in zip(good, keys, strict=True)
    ]


def told(report: Sequence[FilmReport], images: Sequence[Image]) -> list[dict[str, Any]]:
    """The report as it is kept, with each accepted film's uid."""
    uids = {image.position: str(image.uid) for image in images}
    return [asdict(replace(film, film=uids.get(film.position, ""))) for film in report]


def _events(study: Study, checked: _Checked, actor: Actor, now: datetime) -> Iterator[AuditEvent]:
    about: dict[str, Any] = {"actor": actor, "target": study, "study": study, "at": now}
    after = {
        "state": study.state,
        "priority": study.priority,
        "is_blinded": study.is_blinded,
        "films": len(checked.good),
        "refused": [film.code for film in checked.report if film.code != ACCEPTED],
    }
    yield audit.event(action="STUDY_SUBMITTED", after=after, **about)
    if checked.confirmed:
        fields = list(checked.confirmed)
        yield audit.event(action="PATIENT_MISMATCH_CONFIRMED", after={"fields": fields}, **about)
