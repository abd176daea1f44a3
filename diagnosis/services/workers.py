"""Signs of life of the workers, as rows: no broker is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F

from diagnosis.models import WorkerHeartbeat
from diagnosis.models.clock import db_now

if TYPE_CHECKING:
    from ml.contracts import ClassifierInfo


def seen(*, name: str, model: ClassifierInfo, films: int = 0) -> None:
    """Note that the worker is alive and what it runs. Liveness, not history: no audit event."""
    now = db_now()
    mine = WorkerHeartbeat.objects.filter(name=name)
    if mine.update(
        seen_at=now,
        films_done=F("films_done") + films,
        engine=model.engine,
        model_digest=model.digest,
    ):
        return
    WorkerHeartbeat.objects.create(
        name=name, engine=model.engine, model_digest=model.digest, films_done=films, seen_at=now
    )
