"""Readings: what a radiologist found."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.study import Study
from diagnosis.states import Opinion, ReadingKind


class Reading(models.Model):
    """A draft while `signed_at` is null, then frozen (by trigger, too); addenda supersede."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings"
    )
    kind = models.CharField(max_length=12, choices=choices(ReadingKind), default=ReadingKind.FIRST)
    opinion = models.CharField(max_length=16, choices=choices(Opinion))
    findings = models.TextField(max_length=10_000, blank=True)
    impression = models.TextField(max_length=10_000, blank=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    created_at = models.DateTimeField(default=db_now)
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind"],
                condition=Q(signed_at__isnull=False) & ~Q(kind=ReadingKind.ADDENDUM),
                name="reading_one_signed_per_kind",
            ),
            models.UniqueConstraint(
                fields=["study", "reader", "kind"],
                condition=Q(signed_at__isnull=True),
                name="reading_one_draft_per_reader",
            ),
            models.CheckConstraint(
                condition=Q(signed_at__isnull=True) | ~Q(impression=""),
                name="reading_signed_has_impression",
            ),
            models.CheckConstraint(
                condition=~Q(kind=ReadingKind.ADDENDUM) | Q(supersedes__isnull=False),
                name="reading_addendum_supersedes",
            ),
            one_of("kind", ReadingKind, "reading_kind_known"),
            one_of("opinion", Opinion, "reading_opinion_known"),
        ]

    def __str__(self) -> str:
        return f"reading {self.pk}"
