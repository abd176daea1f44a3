"""Texts that readers put into their reports by a short key."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from diagnosis.models.clock import db_now
from diagnosis.models.site import Site
from diagnosis.report import SECTIONS


class ReportPhrase(models.Model):
    """Of one reader, or of all at a site. Those of one key in several sections are a template."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="report_phrases",
        null=True,
        blank=True,
    )
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="report_phrases", null=True, blank=True
    )
    key = models.CharField(
        max_length=32,
        validators=[RegexValidator(r"^[a-z0-9-]+\Z", "Use small letters, digits and hyphens.")],
    )
    section = models.CharField(max_length=24, blank=True, help_text="Blank: wherever it is typed.")
    text = models.TextField(max_length=2000)
    changed_at = models.DateTimeField(default=db_now)

    class Meta:
        ordering = ["key", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(owner__isnull=True, site__isnull=False)
                | Q(owner__isnull=False, site__isnull=True),
                name="phrase_of_reader_or_site",
            ),
            models.CheckConstraint(
                condition=Q(section__in=["", *map(str, SECTIONS)]), name="phrase_section_known"
            ),
            models.CheckConstraint(
                condition=~Q(key="") & ~Q(text=""), name="phrase_has_key_and_text"
            ),
            models.UniqueConstraint(
                fields=["owner", "key", "section"],
                condition=Q(owner__isnull=False),
                name="phrase_once_per_reader",
            ),
            models.UniqueConstraint(
                fields=["site", "key", "section"],
                condition=Q(site__isnull=False),
                name="phrase_once_per_site",
            ),
        ]

    def __str__(self) -> str:
        return f"phrase {self.pk}"
