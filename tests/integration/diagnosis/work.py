"""What a worker does, in words that tests share."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connection

from diagnosis.models import Job
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import jobs, results
from ml.contracts import GateCode, Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
from tests import films

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diagnosis.models import Study
    from diagnosis.services.jobs import ClaimedJob
    from diagnosis.services.results import Ending
    from diagnosis.states import JobCode

WORKER = Actor.system("worker-1")
INFO = FakeClassifier().info


def film(seed: int = 1) -> bytes:
    return films.as_png8(films.chest(seed, size=(300, 260)))


def dicom(**tags: Any) -> bytes:
    return films.as_dicom(films.chest(2, size=(300, 260)), **tags)


def claim(limit: int = 50, worker: str = "worker-1") -> list[ClaimedJob]:
    return jobs.claim(worker=worker, model_digest=FAKE_DIGEST, limit=limit)


def claim_one() -> ClaimedJob:
    (job,) = claim(1)
    return job


def score(job: ClaimedJob, probability: float = 0.7) -> bool:
    prediction = Prediction(probability, np.full((2, 2), 0.5, dtype=np.float32))
    return end(results.scored(job.id, job.attempt, prediction))


def end(*endings: Ending) -> bool:
    """Whether all of them were taken."""
    return results.record(endings=endings, model=INFO, actor=WORKER) == len(endings)


def analyse(probability: float = 0.7) -> None:
    while claimed := claim():
        for job in claimed:
            score(job, probability)


def refuse(code: GateCode | JobCode = GateCode.INVERTED) -> None:
    """Every film that waits is found not assessable."""
    for job in claim():
        end(results.refused(job.id, job.attempt, code))


def newest_text(study: Study) -> int | None:
    """The reading that an addendum must answer now."""
    newest = study.readings.filter(signed_at__isnull=False).order_by("-signed_at", "-id").first()
    return newest.pk if newest else None


def lose_lease(job: ClaimedJob) -> None:
    """As if the worker had been silent for an hour."""
    Job.objects.filter(pk=job.id).update(lease_expires_at=db_now() - timedelta(hours=1))


def skip_waiting() -> None:
    """As if the back-off were over."""
    Job.objects.filter(status="QUEUED").update(not_before=db_now() - timedelta(seconds=1))


def at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the tasks in threads that start together; their answers, or what they raised."""
    start, answers = threading.Barrier(len(tasks)), [None] * len(tasks)

    def run(number: int, task: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[number] = task()
        except Exception as error:
            answers[number] = error  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers
