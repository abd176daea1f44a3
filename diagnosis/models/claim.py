"""Who holds a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from diagnosis.models.clock import db_now
from diagnosis.models.study import Study

if TYPE_CHECKING:
    from django.db.models import QuerySet


class CaseClaim(models.Model):
    """A radiologist is reading this study until the lease ends; the page's heartbeat extends it."""

    study = models.OneToOneField(Study, on_delete=models.CASCADE, related_name="claim")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="case_claims"
    )
    claimed_at = models.DateTimeField(default=db_now)
    lease_expires_at = models.DateTimeField()

    class Meta:
        ordering = ["claimed_at"]

    def __str__(self) -> str:
        return f"claim of study {self.study_id}"

    @classmethod
    def live(cls) -> QuerySet[CaseClaim]:
        """Those whose lease has not ended, by the database's clock."""
        return cls.objects.filter(lease_expires_at__gt=db_now())
