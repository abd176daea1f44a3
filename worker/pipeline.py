"""claim -> read -> predict -> record: one batch of films, start to end."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection

from diagnosis.errors import StorageUnavailable
from diagnosis.permissions import Actor
from diagnosis.services import films, jobs, results
from diagnosis.states import JobCode
from ml.contracts import FilmError, GateFinding
from ml.inference import read_film
from worker.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diagnosis.services.jobs import ClaimedJob
    from ml.contracts import Classifier, FloatArray, Prediction

logger = logging.getLogger(__name__)
STORAGE_PAUSE = timedelta(seconds=10)
DATABASE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds


def run_batch(
    *, classifier: Classifier, worker: str, stopping: Callable[[], bool] = lambda: False
) -> int:
    """Analyse up to one batch; returns how many jobs were claimed.

    Every job claimed here ends, is handed back, or loses its lease to the reaper.
    """
    claimed = jobs.claim(
        worker=worker, model_digest=classifier.info.digest, limit=settings.BATCH_SIZE
    )
    if not claimed:
        return 0
    # A solo worker has no time limit of its own: a hang ends the process, and the supervisor
    # starts it again.
    faulthandler.dump_traceback_later(settings.HARD_LIMIT.total_seconds(), exit=True)
    try:
        with Leases([(job.id, job.attempt) for job in claimed]):
            _analyse_or_hand_back(claimed, classifier, Actor.system(worker), stopping)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return len(claimed)


def _analyse_or_hand_back(
    claimed: Sequence[ClaimedJob],
    classifier: Classifier,
    actor: Actor,
    stopping: Callable[[], bool],
) -> None:
    """Where the database fails, not a film: what has not ended goes back as soon as it answers.

    The leases are kept meanwhile. Past the last pause the reaper takes over.
    """
    try:
        _analyse(claimed, classifier, actor, stopping)
    except DatabaseError:
        for pause in DATABASE_PAUSES:
            connection.close_if_unusable_or_obsolete()
            with contextlib.suppress(DatabaseError):
                for job in claimed:
                    _release(job, actor)  # one that has ended is left alone by the fence
                break
            time.sleep(pause)
        raise


def _analyse(
    claimed: Sequence[ClaimedJob],
    classifier: Classifier,
    actor: Actor,
    stopping: Callable[[], bool],
) -> None:
    ready: list[tuple[ClaimedJob, FloatArray]] = []
    for job in claimed:
        if stopping():
            _release(job, actor)
        elif (film := _prepare(job, classifier.info.input_size, actor)) is not None:
            ready.append((job, film))
    if stopping():
        for job, _film in ready:
            _release(job, actor)
        return
    for job, prediction in _predict(ready, classifier, actor):
        results.record(
            job_id=job.id,
            attempt=job.attempt,
            prediction=prediction,
            model=classifier.info,
            actor=actor,
        )


def _release(job: ClaimedJob, actor: Actor) -> None:
    jobs.release(job_id=job.id, attempt=job.attempt, actor=actor)


def _prepare(job: ClaimedJob, size: int, actor: Actor) -> FloatArray | None:
    """The film ready for the model; None when the job was ended or handed back instead."""
    mine: jobs.Hold = {"job_id": job.id, "attempt": job.attempt, "actor": actor}
    if not job.age_is_covered:
        results.refuse(code=JobCode.AGE_OUT_OF_RANGE, **mine)
        return None
    try:
        data = films.read(key=job.storage_key, sha256=job.sha256)
        film = read_film(data, films.limits(), size)
    except films.FilmMissing:
        results.fail(code=JobCode.BLOB_CORRUPT, **mine)
    except FilmError:
        results.fail(code=JobCode.UNREADABLE, **mine)
    except StorageUnavailable:
        jobs.postpone(delay=STORAGE_PAUSE, **mine)
    except Exception:
        logger.exception("job %s: unexpected error while reading its film", job.id)
        jobs.retry(**mine)
    else:
        if not isinstance(film, GateFinding):
            return film
        results.refuse(code=film.code, **mine)
    return None


def _predict(
    batch: Sequence[tuple[ClaimedJob, FloatArray]], classifier: Classifier, actor: Actor
) -> list[tuple[ClaimedJob, Prediction]]:
    """Score the films together; if that fails, one by one, so that only the culprit is retried."""
    if not batch:
        return []
    try:
        predictions = classifier.classify(np.stack([film for _job, film in batch]))
        return [(job, score) for (job, _film), score in zip(batch, predictions, strict=True)]
    except Exception:
        if len(batch) > 1:
            return [pair for single in batch for pair in _predict([single], classifier, actor)]
        job = batch[0][0]
        logger.exception("job %s: unexpected error in the model", job.id)
        jobs.retry(job_id=job.id, attempt=job.attempt, actor=actor)
        return []
