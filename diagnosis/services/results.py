"""What a worker reports of a film: a score, a coded refusal, or a failure. Each in one transaction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from diagnosis.errors import StaleAttempt
from diagnosis.models import Job, Result
from diagnosis.models.audit import Outcome
from diagnosis.services import audit, jobs, lifecycle
from diagnosis.states import JobCode, JobEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.permissions import Actor
    from ml.contracts import ClassifierInfo, GateCode, Prediction


def record(
    *, job_id: int, attempt: int, prediction: Prediction, model: ClassifierInfo, actor: Actor
) -> bool:
    """Store a score and end the job; False when the fence refused a late worker.

    A score that is not a finite number in [0, 1], or a map with such a number, ends the job as
    FAILED(NON_FINITE): no label.
    """
    if not _is_sound(prediction):
        return fail(job_id=job_id, attempt=attempt, code=JobCode.NON_FINITE, actor=actor)

    def write(job: Job) -> None:
        # A signature that is being written now is waited for: the flag can never be mended.
        study = lifecycle.lock(study_id=job.image.study_id)
        result = Result.objects.create(
            job=job,
            probability=prediction.probability,
            threshold=model.threshold,
            activation_map=_rows(prediction),
            film_sha256=job.image.sha256,
            model_digest=model.digest,
            preprocessing_id=model.preprocessing_id,
            engine=model.engine,
            is_late=study.readings.exists(),
        )
        jobs.finish(
            job=job,
            event=JobEvent.SUCCEED,
            actor=actor,
            probability=result.probability,
            threshold=result.threshold,
            is_late=result.is_late,
        )

    return _fenced(job_id, attempt, actor, write)


def refuse(*, job_id: int, attempt: int, code: GateCode | JobCode, actor: Actor) -> bool:
    """The film is not assessable: a coded reason instead of a score."""
    return _fenced(
        job_id,
        attempt,
        actor,
        lambda job: jobs.finish(job=job, event=JobEvent.REFUSE, code=code, actor=actor),
    )


def fail(*, job_id: int, attempt: int, code: JobCode, actor: Actor) -> bool:
    """The analysis failed for good; the film stays on the worklist, marked so."""
    return _fenced(
        job_id,
        attempt,
        actor,
        lambda job: jobs.finish(job=job, event=JobEvent.FAIL, code=code, actor=actor),
    )


def _fenced(job_id: int, attempt: int, actor: Actor, write: Callable[[Job], None]) -> bool:
    try:
        with transaction.atomic():
            write(jobs.owned(job_id=job_id, attempt=attempt))
    except StaleAttempt:
        _tell_late(job_id, actor)
        return False
    return True


def _tell_late(job_id: int, actor: Actor) -> None:
    """Audit that the fence turned a late worker away."""
    job = Job.objects.select_related("image__study__site").get(pk=job_id)
    audit.record(
        actor=actor,
        action="JOB_LATE_WRITE",
        target=job,
        study=job.image.study,
        after={"status": job.status, "attempt": job.attempt},
        outcome=Outcome.REFUSED,
    )


def _is_sound(prediction: Prediction) -> bool:
    """Both are asked: the logit of an infinite score is infinite, its probability a plain 1."""
    evidence = prediction.activation_map
    in_range = math.isfinite(prediction.probability) and 0 <= prediction.probability <= 1
    return in_range and (evidence is None or bool(np.isfinite(evidence).all()))


def _rows(prediction: Prediction) -> list[list[float]] | None:
    if prediction.activation_map is None:
        return None
    return [[round(float(x), 4) for x in row] for row in prediction.activation_map]
