"""The results that count: current, and not too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Case, F, When

from diagnosis.models import Result

if TYPE_CHECKING:
    from django.db.models import OuterRef, QuerySet


def counted(study: int | OuterRef) -> QuerySet[Result]:
    """A study's results of jobs that nothing supersedes, without those that came after an opinion."""
    return Result.objects.filter(
        job__image__study=study, job__superseded_by__isnull=True, is_late=False
    )


def speaking_first(study: int | OuterRef) -> QuerySet[Result]:
    """The same, that which speaks for the study first.

    A film at or above its own threshold comes before a higher score below a higher threshold, so
    that the study's label never hides a film's.
    """
    reaches = Case(When(probability__gte=F("threshold"), then=0), default=1)
    return counted(study).order_by(reaches, "-probability")
