"""Registered model bundles."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import models

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now


class Stage(StrEnum):
    SHADOW = "SHADOW"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class ModelVersion(models.Model):
    """One bundle, identified by the digest of its manifest; at most one is active."""

    name = models.CharField(max_length=100)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, unique=True)
    folder = models.CharField(max_length=200, help_text="Folder below PNEUMO_MODEL_DIR.")
    stage = models.CharField(max_length=8, choices=choices(Stage), default=Stage.SHADOW)
    manifest = models.JSONField(default=dict)
    registered_at = models.DateTimeField(default=db_now, editable=False)

    class Meta:
        ordering = ["-registered_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["stage"],
                condition=models.Q(stage=Stage.ACTIVE),
                name="model_version_one_active",
            ),
            one_of("stage", Stage, "model_version_stage_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def age_range(self) -> tuple[float, float] | None:
        """Ages in years for which the model is meant, as its manifest states; None: any."""
        span: Any = self.manifest.get("intended_use", {}).get("age_years")
        return (float(span[0]), float(span[1])) if span else None
