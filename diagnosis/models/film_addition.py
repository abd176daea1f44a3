"""Films that came into a study after its submission."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.models.clock import db_now
from diagnosis.models.study import Study


class FilmAddition(models.Model):
    """One request that added films; its key makes a repeated one the same."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="additions")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="film_additions"
    )
    report = models.JSONField(default=list, help_text="A code per film, in the order sent.")
    idempotency_key = models.CharField(max_length=100, blank=True)
    request_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=db_now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["added_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="addition_idempotency_key_once_per_user",
            ),
        ]

    def __str__(self) -> str:
        return f"films added to study {self.study_id}"
