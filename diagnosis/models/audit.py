"""The audit trail: append-only, enforced by triggers on both databases."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now


class Outcome(StrEnum):
    SUCCESS = "SUCCESS"
    REFUSED = "REFUSED"
    FAILURE = "FAILURE"


class AuditEvent(models.Model):
    """Who did what to which record, when. Names are copied as text: no key can cascade into it."""

    at = models.DateTimeField(default=db_now)
    actor_id = models.CharField(max_length=40)
    actor_name = models.CharField(max_length=150)
    actor_role = models.CharField(max_length=40, blank=True)
    site = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    study = models.CharField(max_length=36, blank=True, help_text="The study's uid.")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=8, choices=choices(Outcome), default=Outcome.SUCCESS)
    model_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["study", "id"], name="audit_study"),
            models.Index(fields=["site", "id"], name="audit_site"),
            models.Index(fields=["actor_id", "action", "at"], name="audit_actor"),
        ]
        constraints = [one_of("outcome", Outcome, "audit_outcome_known")]

    def __str__(self) -> str:
        return f"audit event {self.pk}"
