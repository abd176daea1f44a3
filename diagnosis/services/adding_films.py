"""Further films for a study that is still to read: one that was not assessable is taken again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError

from diagnosis import dispatch
from diagnosis.errors import IdempotencyConflict, InvalidInput, NotFound, TransitionRefused
from diagnosis.models import FilmAddition, Image
from diagnosis.models.clock import db_now
from diagnosis.models.notification import NoticeKind
from diagnosis.permissions import Role, require, sites_of
from diagnosis.services import (
    admission,
    arrivals,
    audit,
    claims,
    films,
    identity,
    intake,
    jobs,
    lifecycle,
    model_versions,
    notices,
)
from diagnosis.states import TO_READ

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User


@dataclass(frozen=True, slots=True)
class Addition:
    """The films' bytes in order, as their door (page or API) took them."""

    films: Sequence[bytes] = field(default=(), repr=False)
    confirm_mismatch: bool = False
    idempotency_key: str = ""


def add_films(
    *, user: User, actor: Actor, study: Study, addition: Addition
) -> tuple[FilmAddition, bool]:
    """Take films into the study; returns what became of them, and whether the request is new.

    The checks and refusals are those of intake.submit; also raises NotFound for a foreign study
    and TransitionRefused for one that is reported.
    """
    require(user, Role.SUBMITTER, Role.RADIOLOGIST)
    if study.site not in sites_of(user):
        raise NotFound
    if not addition.films:
        raise InvalidInput("Add at least one film.", field="films")
    digests = [films.digest_of(data) for data in addition.films]
    digest = arrivals.digest_of_request([study.pk, addition.confirm_mismatch, digests])
    if earlier := _earlier(user, addition, digest):
        return earlier, False
    _require_open(study)
    admission.check(user=user, site=study.site)
    checked = _check(study, addition, digests, digest)
    try:
        return arrivals.store(
            checked.good, lambda keys: _create(user, actor, study, addition, checked, keys)
        ), True
    except IntegrityError as error:
        # The same key, or the same film, committed between our look and our write.
        if earlier := _earlier(user, addition, digest):
            return earlier, False
        raise TransitionRefused from error


def _require_open(study: Study) -> None:
    if study.state not in TO_READ:
        raise TransitionRefused("This study is reported. Submit the film as a new study.")


def _earlier(user: User, addition: Addition, digest: str) -> FilmAddition | None:
    if not addition.idempotency_key:
        return None
    mine = FilmAddition.objects.filter(added_by=user.pk, idempotency_key=addition.idempotency_key)
    earlier = mine.select_related("study__site").first()
    if earlier and earlier.request_digest != digest:
        raise IdempotencyConflict
    return earlier


def _check(
    study: Study, addition: Addition, digests: Sequence[str], digest: str
) -> arrivals.Checked:
    good, report = arrivals.check_films(addition.films, digests)
    kept = set(study.images.values_list("sha256", flat=True))
    known = {film.position for film in good if film.sha256 in kept}
    good = [film for film in good if film.position not in known]
    report = [
        replace(told, code=arrivals.DUPLICATE, message=arrivals.DUPLICATE_TOLD)
        if told.position in known
        else told
        for told in report
    ]
    if not good:
        raise arrivals.nothing_usable(report)
    headers = [(film.position, film.header) for film in good]
    confirmed = identity.check(submission=_as_submission(study, addition), headers=headers)
    return arrivals.Checked(digest, good, report, confirmed)


def _as_submission(study: Study, addition: Addition) -> intake.Submission:
    """What the films are held against: the study's own patient."""
    patient = study.patient
    return intake.Submission(
        site=study.site,
        mrn=patient.mrn,
        name=patient.name,
        birth_date=patient.birth_date,
        sex=patient.sex,
        accession_number=study.accession_number,
        confirm_mismatch=addition.confirm_mismatch,
    )


def _create(  # noqa: PLR0913, PLR0917 (who, into what, what of it, and where it lies)
    user: User,
    actor: Actor,
    study: Study,
    addition: Addition,
    checked: arrivals.Checked,
    keys: Sequence[str],
) -> FilmAddition:
    locked = lifecycle.lock(study_id=study.pk)
    _require_open(locked)
    now, model = db_now(), model_versions.active()
    images, told = _placed(locked, checked, keys, now)
    locked.intake_report = [*locked.intake_report, *told]
    locked.save(update_fields=["intake_report"])
    Image.objects.bulk_create(images)
    added = FilmAddition.objects.create(
        study=locked,
        added_by_id=user.pk or 0,
        report=[
            {**film, "position": sent.position}
            for film, sent in zip(told, checked.report, strict=True)
        ],
        idempotency_key=addition.idempotency_key,
        request_digest=checked.digest,
        created_at=now,
    )
    audit.record_all(
        arrivals.events(
            action="STUDY_FILM_ADDED", actor=actor, study=locked, checked=checked, at=now
        )
    )
    if model:
        jobs.queue(images=images, model_version=model, actor=actor, now=now)
    lifecycle.settle(studies=[locked], actor=actor)
    if (reading := claims.holder(study=locked)) and reading.holder_id != user.pk:
        notices.tell(kind=NoticeKind.FILM_ADDED, users=[reading.holder_id], study=locked)
    dispatch.ring_on_commit()
    return added


def _placed(
    study: Study, checked: arrivals.Checked, keys: Sequence[str], now: datetime
) -> tuple[list[Image], list[dict[str, Any]]]:
    """The films' rows and report, numbered on from what the study was sent before."""
    before = max((film["position"] for film in study.intake_report), default=0)
    good = [replace(film, position=before + film.position) for film in checked.good]
    report = [replace(film, position=before + film.position) for film in checked.report]
    images = arrivals.images_of(study, good, keys, now)
    return images, arrivals.told(report, images)
