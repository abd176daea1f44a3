"""One study: its films, its history, and the state that its rows imply, as a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from diagnosis.errors import NotFound
from diagnosis.models import Image, Job, Reading, Result, Study
from diagnosis.permissions import visible_to
from diagnosis.queries.worklist import with_details, with_jobs
from diagnosis.states import ACTIVE_JOB, ReadingKind, StudyState

if TYPE_CHECKING:
    from uuid import UUID

    from diagnosis.permissions import User


def get(user: User, uid: UUID) -> Study:
    """The study, with the worklist's details. Raises NotFound, the same for a foreign one."""
    study = with_details(visible_to(user, Study).filter(uid=uid), user).first()
    if study is None:
        raise NotFound
    return study


def films(study: Study) -> list[Image]:
    """The study's films in order, each with `current_jobs`."""
    return list(with_jobs(study.images.order_by("position")))


def film(user: User, uid: UUID) -> Image:
    """One film. Raises NotFound, the same for a foreign one."""
    image = visible_to(user, Image).filter(uid=uid).select_related("study__site").first()
    if image is None:
        raise NotFound
    return image


def current_result(image: Image) -> Result | None:
    """The result that counts for a film: of the job that nothing supersedes."""
    return (
        Result.objects.filter(job__image=image, job__superseded_by__isnull=True)
        .order_by("-id")
        .first()
    )


def earlier_studies(user: User, study: Study) -> QuerySet[Study]:
    """Other studies of the same patient, newest first."""
    same = visible_to(user, Study).filter(patient=study.patient_id).exclude(pk=study.pk)
    return same.order_by("-submitted_at")


def films_of_others(user: User, study: Study) -> QuerySet[Image]:
    """Films of the patient's other studies, those of the newest study first."""
    same = visible_to(user, Image).filter(study__patient=study.patient_id)
    others = same.exclude(study=study.pk).select_related("study")
    return others.order_by("-study__submitted_at", "-study", "position")


def _signed(kind: ReadingKind) -> QuerySet[Reading]:
    return Reading.objects.filter(study=OuterRef("pk"), kind=kind, signed_at__isnull=False)


def with_implied_state() -> QuerySet[Any]:
    """Every study with `implied`: states.implied_state, written as SQL. For checks, not for users."""
    active = Job.objects.filter(image__study=OuterRef("pk"), status__in=sorted(ACTIVE_JOB))
    has = {kind: Exists(_signed(kind)) for kind in ReadingKind}
    rows = Study.objects.annotate(
        first=Subquery(_signed(ReadingKind.FIRST).values("opinion")[:1]),
        second=Subquery(_signed(ReadingKind.SECOND).values("opinion")[:1]),
    )
    steps = [
        When(has[ReadingKind.ADDENDUM], then=Value(StudyState.AMENDED)),
        When(has[ReadingKind.ARBITRATION], then=Value(StudyState.REPORTED)),
        When(has[ReadingKind.SECOND] & Q(first=F("second")), then=Value(StudyState.REPORTED)),
        When(has[ReadingKind.SECOND], then=Value(StudyState.AWAITING_ARBITRATION)),
        When(
            has[ReadingKind.FIRST] & Q(reads_required__gte=2),
            then=Value(StudyState.AWAITING_SECOND_READ),
        ),
        When(has[ReadingKind.FIRST], then=Value(StudyState.REPORTED)),
        When(Exists(active), then=Value(StudyState.PROCESSING)),
    ]
    return rows.annotate(
        implied=Case(*steps, default=Value(StudyState.AWAITING_READ), output_field=CharField())
    )
