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
    """A draft while `signed_at` is null, then frozen (by trigger, too); addenda supersede.

    The first opinion is that before the model's result was seen; once stored it never changes.
    `opinion` is the reader's last word, `signed_at - opined_at` the time between the two.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings"
    )
    kind = models.CharField(max_length=12, choices=choices(ReadingKind), default=ReadingKind.FIRST)
    first_opinion = models.CharField(max_length=16, choices=choices(Opinion), blank=True)
    first_confidence = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How sure, 0 to 100 %."
    )
    first_regions = models.JSONField(
        default=list,
        blank=True,
        help_text="Marked boxes: film (uid), x, y, width, height as shares of the film.",
    )
    opined_at = models.DateTimeField(null=True, blank=True)
    model_shown = models.JSONField(
        default=list, blank=True, help_text="The results that the signer could see, film by film."
    )

    opinion = models.CharField(max_length=16, choices=choices(Opinion), blank=True)
    indication = models.TextField(max_length=2000, blank=True)
    comparison = models.TextField(max_length=2000, blank=True)
    technique = models.TextField(max_length=2000, blank=True)
    regions = models.JSONField(
        default=dict, blank=True, help_text="Findings by region: its name, and what is seen there."
    )
    findings = models.TextField(max_length=10_000, blank=True)
    impression = models.TextField(max_length=10_000, blank=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    created_at = models.DateTimeField(default=db_now)
    saved_at = models.DateTimeField(default=db_now, help_text="When the draft was last saved.")
    revision = models.PositiveIntegerField(default=0, help_text="How often the draft was saved.")
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["kind", "signed_at"],
                name="reading_signed",
                condition=Q(signed_at__isnull=False),
            ),
            models.Index(
                fields=["reader"], name="reading_drafts", condition=Q(signed_at__isnull=True)
            ),
        ]
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
                condition=Q(signed_at__isnull=True) | ~Q(impression="") & ~Q(opinion=""),
                name="reading_signed_has_opinion_and_impression",
            ),
            models.CheckConstraint(
                condition=Q(opined_at__isnull=True, first_opinion="")
                | Q(opined_at__isnull=False) & ~Q(first_opinion=""),
                name="reading_first_opinion_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(first_confidence__isnull=True) | Q(first_confidence__lte=100),
                name="reading_confidence_up_to_100",
            ),
            models.CheckConstraint(
                condition=~Q(kind=ReadingKind.ADDENDUM) | Q(supersedes__isnull=False),
                name="reading_addendum_supersedes",
            ),
            one_of("kind", ReadingKind, "reading_kind_known"),
            one_of("opinion", Opinion, "reading_opinion_known", or_blank=True),
            one_of("first_opinion", Opinion, "reading_first_opinion_known", or_blank=True),
        ]

    def __str__(self) -> str:
        return f"reading {self.pk}"
