"""What a user is told in the header of every page, and by e-mail where they want it."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.study import Study


class NoticeKind(StrEnum):
    REPORT_SIGNED = "REPORT_SIGNED"
    REPORT_AMENDED = "REPORT_AMENDED"
    FILM_NOT_ASSESSABLE = "FILM_NOT_ASSESSABLE"
    FILM_ADDED = "FILM_ADDED"  # to the case that one is reading
    CASE_TAKEN_OVER = "CASE_TAKEN_OVER"
    READ_WAITS = "READ_WAITS"  # a second one, or an arbitration
    CRITICAL_TO_ACKNOWLEDGE = "CRITICAL_TO_ACKNOWLEDGE"
    CRITICAL_ACKNOWLEDGED = "CRITICAL_ACKNOWLEDGED"
    CRITICAL_ESCALATED = "CRITICAL_ESCALATED"
    CRITICAL_WITHDRAWN = "CRITICAL_WITHDRAWN"


class Notification(models.Model):
    """A kind and a study; the words are the page's, and name no patient.

    Without a study it is a summary, of which a user has one unseen at most.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=24, choices=choices(NoticeKind))
    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="notifications", null=True
    )
    created_at = models.DateTimeField(default=db_now)
    seen_at = models.DateTimeField(null=True, blank=True)
    wants_email = models.BooleanField(default=False)
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    emailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "seen_at"], name="notification_unseen"),
            models.Index(fields=["user", "-id"], name="notification_newest"),
            models.Index(
                fields=["id"],
                name="notification_outbox",
                condition=Q(wants_email=True, emailed_at__isnull=True, seen_at__isnull=True),
            ),
            models.Index(
                fields=["seen_at"], name="notification_old", condition=Q(seen_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind"],
                condition=Q(study__isnull=True, seen_at__isnull=True),
                name="notification_one_summary",
            ),
            one_of("kind", NoticeKind, "notification_kind_known"),
        ]

    def __str__(self) -> str:
        return f"notification {self.pk}"


class NoticeChoice(models.Model):
    """Whether a user wants to be told by e-mail, too; without a row they do not."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choice"
    )
    by_email = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"choice of user {self.user_id}"
