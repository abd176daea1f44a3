"""claim -> read -> predict -> record: one batch of films, start to end."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import connection

from diagnosis.errors import DATABASE_AWAY, StorageUnavailable
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
# What fails here is no film's fault, and costs none of them a part of its budget.
INFRASTRUCTURE = (*DATABASE_AWAY, StorageUnavailable)
HAND_BACK_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds


def run_batch(
    *, classifier: Classifier, worker: str, stopping: Callable[[], bool] = lambda: False
) -> int:
    """Analyse up to one batch; returns how many jobs were claimed.

    Every job claimed here ends, is handed back, or loses its lease to the reaper. Raises what
    INFRASTRUCTURE names, after the films were handed back.
    """
    films.require_reachable()
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
            _Batch(claimed, classifier, Actor.system(worker), stopping).run()
    finally:
        faulthandler.cancel_dump_traceback_later()
    return len(claimed)


@dataclass(frozen=True, slots=True)
class _Batch:
    claimed: Sequence[ClaimedJob]
    classifier: Classifier
    actor: Actor
    stopping: Callable[[], bool]

    def run(self) -> None:
        try:
            self._analyse()
        except INFRASTRUCTURE:
            self._hand_back_when_possible()
            raise

    def _analyse(self) -> None:
        ready: list[tuple[ClaimedJob, FloatArray]] = []
        for job in self.claimed:
            if self.stopping():
                break
            if (film := self._prepare(job)) is not None:
                ready.append((job, film))
        if self.stopping():
            self._hand_back()
            return
        for job, prediction in self._predict(ready):
            self._record(job, prediction)

    def _prepare(self, job: ClaimedJob) -> FloatArray | None:
        """The film ready for the model; None when the job was ended or handed back instead."""
        mine = self._hold(job)
        if not job.age_is_covered:
            results.refuse(code=JobCode.AGE_OUT_OF_RANGE, **mine)
            return None
        try:
            data = films.read(key=job.storage_key, sha256=job.sha256)
            film = read_film(data, films.limits(), self.classifier.info.input_size)
        except films.FilmMissing:
            results.fail(code=JobCode.BLOB_CORRUPT, **mine)
        except FilmError:
            results.fail(code=JobCode.UNREADABLE, **mine)
        except StorageUnavailable:
            raise
        except Exception:
            logger.exception("job %s: unexpected error while reading its film", job.id)
            jobs.retry(**mine)
        else:
            if not isinstance(film, GateFinding):
                return film
            results.refuse(code=film.code, **mine)
        return None

    def _predict(
        self, batch: Sequence[tuple[ClaimedJob, FloatArray]]
    ) -> list[tuple[ClaimedJob, Prediction]]:
        """Score the films together; if that fails, one by one, so that only the culprit is retried."""
        if not batch:
            return []
        try:
            scores = self.classifier.classify(np.stack([film for _job, film in batch]))
            return [(job, score) for (job, _film), score in zip(batch, scores, strict=True)]
        except Exception:
            if len(batch) > 1:
                return [pair for single in batch for pair in self._predict([single])]
            job = batch[0][0]
            logger.exception("job %s: unexpected error in the model", job.id)
            jobs.retry(**self._hold(job))
            return []

    def _record(self, job: ClaimedJob, prediction: Prediction) -> None:
        try:
            results.record(prediction=prediction, model=self.classifier.info, **self._hold(job))
        except INFRASTRUCTURE:
            raise
        except Exception:
            logger.exception("job %s: unexpected error while recording its result", job.id)
            jobs.retry(**self._hold(job))

    def _hand_back(self) -> None:
        """Release what has not ended; the fence leaves alone what has."""
        for job in self.claimed:
            jobs.release(**self._hold(job))

    def _hand_back_when_possible(self) -> None:
        """As soon as the database answers; the leases are kept meanwhile. Past the last pause the
        reaper takes over.
        """
        for pause in HAND_BACK_PAUSES:
            with contextlib.suppress(*DATABASE_AWAY):
                connection.close_if_unusable_or_obsolete()
                self._hand_back()
                return
            time.sleep(pause)

    def _hold(self, job: ClaimedJob) -> jobs.Hold:
        return {"job_id": job.id, "attempt": job.attempt, "actor": self.actor}
