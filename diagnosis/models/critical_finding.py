"""Critical findings: what somebody must be told at once, and whether they were."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.critical_states import CriticalKind, CriticalStatus, Means, implied_status
from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.study import Study


def _by(name: str) -> models.ForeignKey[object, object]:
    """Who took a step; null: not taken."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name=name, null=True, blank=True
    )


def _pair(*fields: str) -> Q:
    """All of these are set, or none is."""
    none, each = Q(), Q()
    for field in fields:
        none &= Q(**{f"{field}__isnull": True})
        each &= Q(**{f"{field}__isnull": False})
    return none | each


# Nobody has confirmed that they know of it.
OPEN = Q(received_at__isnull=True, acknowledged_at__isnull=True, withdrawn_at__isnull=True)


class CriticalFinding(models.Model):
    """Each step fills its own columns once; written by services/critical.py alone."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="critical_findings")
    kind = models.CharField(max_length=24, choices=choices(CriticalKind))
    text = models.CharField(max_length=500, blank=True)
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="critical_marked"
    )
    identified_at = models.DateTimeField(default=db_now)
    acknowledge_by = models.DateTimeField(help_text="When it escalates unless it is confirmed.")
    recipient = _by("critical_to_acknowledge")
    outside = models.CharField(
        max_length=120, blank=True, help_text="Who must be told, if not a user."
    )

    told_at = models.DateTimeField(null=True, blank=True)
    told_by = _by("critical_told")
    means = models.CharField(max_length=12, choices=choices(Means), blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    received_by = models.CharField(max_length=120, blank=True, help_text="Who read it back.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = _by("critical_acknowledged")
    escalated_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = _by("critical_withdrawn")
    withdrawn_because = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["acknowledge_by"],
                name="critical_due",
                condition=OPEN & Q(escalated_at__isnull=True),
            ),
            models.Index(
                fields=["recipient", "id"], name="critical_to_acknowledge", condition=OPEN
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(recipient__isnull=True) & ~Q(outside="")
                | Q(recipient__isnull=False, outside=""),
                name="critical_one_recipient",
            ),
            models.CheckConstraint(
                condition=~Q(kind=CriticalKind.OTHER) | ~Q(text=""),
                name="critical_other_has_text",
            ),
            models.CheckConstraint(
                condition=_pair("told_at", "told_by")
                & (Q(told_at__isnull=True, means="") | Q(told_at__isnull=False) & ~Q(means="")),
                name="critical_told_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(received_at__isnull=True, received_by="")
                | Q(told_at__isnull=False, received_at__isnull=False) & ~Q(received_by=""),
                name="critical_received_is_whole",
            ),
            models.CheckConstraint(
                condition=_pair("acknowledged_at", "acknowledged_by"),
                name="critical_acknowledged_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(
                    withdrawn_at__isnull=True, withdrawn_by__isnull=True, withdrawn_because=""
                )
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False)
                & ~Q(withdrawn_because=""),
                name="critical_withdrawn_is_whole",
            ),
            one_of("kind", CriticalKind, "critical_kind_known"),
            one_of("means", Means, "critical_means_known", or_blank=True),
        ]

    def __str__(self) -> str:
        return f"critical finding {self.uid}"

    @property
    def status(self) -> CriticalStatus:
        return implied_status(
            told=self.told_at is not None,
            received=self.received_at is not None,
            acknowledged=self.acknowledged_at is not None,
            withdrawn=self.withdrawn_at is not None,
        )
