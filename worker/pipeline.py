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
from diagnosis.services.results import Ending
from worker.leases import Leases
from worker.reading import read_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diagnosis.services.jobs import ClaimedJob
    from ml.contracts import Classifier, FloatArray
    from worker.reading import Film, Reader

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
            with read_ahead(self.claimed, self.classifier.info.input_size) as reader:
                self._analyse(reader)
        except INFRASTRUCTURE:
            self._hand_back_when_possible()
            raise

    def _analyse(self, reader: Reader) -> None:
        """What STAT films come to is recorded at once, the rest together."""
        found: list[Ending] = []
        while not self.stopping() and (group := reader.take(self.classifier.info.films_at_once)):
            found += self._answer(group)
            if group[0][0].is_stat:
                self._record(found)
                found = []
        self._record(found)
        if self.stopping():
            self._hand_back()

    def _answer(self, group: Sequence[tuple[ClaimedJob, Film]]) -> list[Ending]:
        found: list[Ending] = []
        ready: list[tuple[ClaimedJob, FloatArray]] = []
        for job, film in group:
            if film is None:
                self._retry(job.id, job.attempt)
            elif isinstance(film, Ending):
                found.append(film)
            else:
                ready.append((job, film))
        return found + self._predict(ready)

    def _predict(self, batch: Sequence[tuple[ClaimedJob, FloatArray]]) -> list[Ending]:
        """Score the films together; if that fails, one by one, so that only the culprit is retried."""
        if not batch:
            return []
        try:
            scores = self.classifier.classify(np.stack([film for _job, film in batch]))
            return [
                results.scored(job.id, job.attempt, score)
                for (job, _film), score in zip(batch, scores, strict=True)
            ]
        except Exception:
            if len(batch) > 1:
                return [ending for single in batch for ending in self._predict([single])]
            job = batch[0][0]
            logger.exception("job %s: unexpected error in the model", job.id)
            self._retry(job.id, job.attempt)
            return []

    def _record(self, endings: Sequence[Ending]) -> None:
        """All together; if that fails, one by one, so that only the culprit is retried."""
        if not endings:
            return
        try:
            results.record(endings=endings, model=self.classifier.info, actor=self.actor)
        except INFRASTRUCTURE:
            raise
        except Exception:
            if len(endings) > 1:
                for single in endings:
                    self._record([single])
                return
            (ending,) = endings
            logger.exception("job %s: unexpected error while recording its result", ending.job_id)
            self._retry(ending.job_id, ending.attempt)

    def _retry(self, job_id: int, attempt: int) -> None:
        jobs.retry(job_id=job_id, attempt=attempt, actor=self.actor)

    def _hand_back(self) -> None:
        """Release what has not ended; the fence leaves alone what has."""
        for job in self.claimed:
            jobs.release(job_id=job.id, attempt=job.attempt, actor=self.actor)

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
