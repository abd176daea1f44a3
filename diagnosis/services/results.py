"""What a worker reports of its films: a score, a coded refusal or a failure each, in one transaction."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from diagnosis.models import Job, Reading, Result
from diagnosis.models.audit import Outcome
from diagnosis.models.clock import db_now
from diagnosis.services import audit, jobs, lifecycle
from diagnosis.states import JobCode, JobEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from diagnosis.permissions import Actor
    from ml.contracts import ClassifierInfo, GateCode, Prediction


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a film that (job, attempt) holds."""

    job_id: int
    attempt: int
    event: JobEvent  # SUCCEED, REFUSE or FAIL
    code: str = ""
    prediction: Prediction | None = None  # of SUCCEED


def scored(job_id: int, attempt: int, prediction: Prediction) -> Ending:
    """A score; FAIL with NON_FINITE, and no label, where it or its map is no finite number, or it
    does not lie in [0, 1].
    """
    if not _is_sound(prediction):
        return failed(job_id, attempt, JobCode.NON_FINITE)
    return Ending(job_id, attempt, JobEvent.SUCCEED, prediction=prediction)


def refused(job_id: int, attempt: int, code: GateCode | JobCode) -> Ending:
    """The film is not assessable: a coded reason instead of a score."""
    return Ending(job_id, attempt, JobEvent.REFUSE, code)


def failed(job_id: int, attempt: int, code: JobCode) -> Ending:
    """The analysis failed for good; the film stays on the worklist, marked so."""
    return Ending(job_id, attempt, JobEvent.FAIL, code)


def record(*, endings: Sequence[Ending], model: ClassifierInfo, actor: Actor) -> int:
    """Store what a batch came to, all in one transaction; returns how many ended by it.

    The fence refuses an ending whose attempt is no longer the job's; that is audited.
    """
    by_pair = {(one.job_id, one.attempt): one for one in endings}
    with transaction.atomic():
        mine = [(job, by_pair[job.pk, job.attempt]) for job in jobs.owned_all(pairs=by_pair.keys())]
        if mine:
            _end(mine, model, actor)
    ended = {ending.job_id for _, ending in mine}
    for one in endings:
        if one.job_id not in ended:
            _tell_late(one.job_id, actor)
    return len(mine)


def _end(mine: Sequence[tuple[Job, Ending]], model: ClassifierInfo, actor: Actor) -> None:
    study_ids = {job.image.study_id for job, _ in mine}
    # A signature that is being written now is waited for: the flag can never be mended.
    studies = lifecycle.lock_all(study_ids=study_ids)
    signed = Reading.objects.filter(study__in=study_ids, signed_at__isnull=False)
    read = set(signed.values_list("study", flat=True))
    now = db_now()
    stored = Result.objects.bulk_create(
        _result(job, ending.prediction, model, now, is_late=job.image.study_id in read)
        for job, ending in mine
        if ending.prediction is not None
    )
    told = {
        result.job_id: {
            "probability": result.probability,
            "threshold": result.threshold,
            "is_late": result.is_late,
        }
        for result in stored
    }
    together: dict[tuple[JobEvent, str], list[Job]] = defaultdict(list)
    for job, ending in mine:
        together[ending.event, ending.code].append(job)
    for (event, code), alike in together.items():
        jobs.step_all(alike, event, actor=actor, told=told, **jobs.ended(code))
    lifecycle.settle(studies=studies, actor=actor)


def _result(
    job: Job, prediction: Prediction, model: ClassifierInfo, at: datetime, *, is_late: bool
) -> Result:
    return Result(
        job=job,
        probability=prediction.probability,
        threshold=model.threshold,
        activation_map=_rows(prediction),
        film_sha256=job.image.sha256,
        model_digest=model.digest,
        preprocessing_id=model.preprocessing_id,
        engine=model.engine,
        is_late=is_late,
        created_at=at,
    )


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
