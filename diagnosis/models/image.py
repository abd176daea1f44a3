"""Films."""

from __future__ import annotations

import uuid

from django.db import models

from diagnosis.models.clock import db_now
from diagnosis.models.study import Study


class Image(models.Model):
    """One film of a study: what was measured of it, and where its original bytes are kept.

    The uploaded file's name is not stored: it may name the patient.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="images")
    position = models.PositiveSmallIntegerField()
    storage_key = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.PositiveBigIntegerField()
    format = models.CharField(max_length=8)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bits = models.PositiveSmallIntegerField()
    view_position = models.CharField(max_length=16, blank=True)
    seen_under_other_patient = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=db_now)

    class Meta:
        ordering = ["study_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["study", "sha256"], name="image_once_per_study"),
            models.UniqueConstraint(fields=["study", "position"], name="image_position_once"),
            models.CheckConstraint(
                condition=models.Q(width__gt=0, height__gt=0, size_bytes__gt=0),
                name="image_has_size",
            ),
        ]

    def __str__(self) -> str:
        return f"film {self.uid}"
