"""The product's own calls, as intake, worker and sweeper make them. Needs Django's settings."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from celery import Celery
from django.conf import settings
from django.core.management import call_command

from bench.submitter import Submitter
from diagnosis import dispatch
from diagnosis.permissions import Actor
from diagnosis.services import (
    films,
    jobs,
    model_versions,
    results,
    sweeping,
    workers,
)
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diagnosis.services.jobs import ClaimedJob

ACTOR = Actor.system("bench")
AGES = {"intended_use": {"age_years": [1, 5]}}
EVIDENCE = np.full((7, 7), 0.5, dtype=np.float32)  # as large as the committed model's


class Ward:
    """A site with one submitter and one worker, who take turns."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        call_command("migrate", verbosity=0)
        version, _ = model_versions.register(
            actor=ACTOR,
            manifest={"name": "fake", "version": "1", **AGES},
            digest=FAKE_DIGEST,
            folder="fake",
        )
        model_versions.activate(actor=ACTOR, version=version)
        self._submitter = Submitter.of_new_site()
        self._contents = itertools.cycle(contents)
        self._info = FakeClassifier().info
        self.batch: int = settings.BATCH_SIZE
        self.claimed: list[ClaimedJob] = []

    def submit(self) -> None:
        self._submitter.submit(next(self._contents))

    def claim(self) -> None:
        """As a worker looks for a batch, whether there is one or not."""
        model_versions.active()
        films.require_reachable()
        self.claimed += jobs.claim(worker="bench", model_digest=FAKE_DIGEST, limit=self.batch)

    def heartbeat(self) -> None:
        jobs.heartbeat(owned=[(job.id, job.attempt) for job in self.claimed[: self.batch]])

    def record(self, count: int) -> None:
        """The results of so many films, as of one batch."""
        done, self.claimed = self.claimed[:count], self.claimed[count:]
        prediction = Prediction(0.7, EVIDENCE)
        endings = [results.scored(job.id, job.attempt, prediction) for job in done]
        results.record(endings=endings, model=self._info, actor=ACTOR)

    def seen(self) -> None:
        workers.seen(name="bench", model=self._info, films=1)

    def sweep(self) -> None:
        sweeping.sweep(actor=ACTOR)

    def ring(self) -> None:
        dispatch.ring()

    def take(self, count: int) -> None:
        """Bells from the queue, as a worker's broker connection does."""
        with Celery(broker=settings.BROKER_URL).connection_for_read() as connection:
            client: Any = connection.default_channel.client  # type: ignore[attr-defined]  # kombu types the base class alone
            for _ in range(count):
                client.brpop("inference", timeout=1)

    @contextlib.contextmanager
    def rows_held(self, count: int) -> Iterator[None]:
        """The first waiting jobs, locked as by a claim that has not committed."""
        found = settings.DATABASES["default"]
        place = {"host": found["HOST"], "port": found["PORT"], "user": found["USER"]}
        with psycopg.connect(**place, dbname=found["NAME"]) as other:
            other.execute(
                "SELECT id FROM diagnosis_job WHERE status = 'QUEUED'"
                " ORDER BY priority_order, created_at, id LIMIT %s FOR UPDATE",
                (count,),
            )
            yield
