"""Results: append-only facts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from diagnosis.models.clock import db_now
from diagnosis.models.job import Job
from diagnosis.states import Opinion, label_of


class Result(models.Model):
    """What a model said of a film, with every digest needed to replay it. Never changed."""

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="result")
    probability = models.FloatField(help_text="Calibrated P(pneumonia), 0 to 1.")
    threshold = models.FloatField(help_text="The decision operating point in force.")
    activation_map = models.JSONField(
        null=True, blank=True, help_text="Class activation, rows of numbers; null: none."
    )
    film_sha256 = models.CharField(max_length=64)
    model_digest = models.CharField(max_length=64)
    preprocessing_id = models.CharField(max_length=40)
    engine = models.CharField(max_length=40)
    is_late = models.BooleanField(
        default=False, help_text="Arrived after an opinion or a signature; changes nothing."
    )
    created_at = models.DateTimeField(default=db_now)

    class Meta:
        ordering = ["id"]
        constraints = [
            # NaN fails both: SQLite stores it as NULL, PostgreSQL sorts it above 1.
            models.CheckConstraint(
                condition=Q(probability__gte=0) & Q(probability__lte=1),
                name="result_probability_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(threshold__gte=0) & Q(threshold__lte=1),
                name="result_threshold_between_0_and_1",
            ),
        ]

    def __str__(self) -> str:
        return f"result of job {self.job_id}"

    @property
    def label(self) -> Opinion:
        """At the decision point. A non-finite number cannot be stored, so never here."""
        return label_of(self.probability, self.threshold)

    @property
    def suggests_pneumonia(self) -> bool:
        return self.label is Opinion.PNEUMONIA
