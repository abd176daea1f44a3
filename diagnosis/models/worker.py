"""Worker liveness, as a row rather than a broker ping."""

from __future__ import annotations

from django.db import models

from diagnosis.models.clock import db_now


class WorkerHeartbeat(models.Model):
    """The last sign of life of one worker process."""

    name = models.CharField(max_length=120, unique=True)
    engine = models.CharField(max_length=40)
    model_digest = models.CharField(max_length=64)
    started_at = models.DateTimeField(default=db_now)
    seen_at = models.DateTimeField(default=db_now)
    films_done = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return self.name
