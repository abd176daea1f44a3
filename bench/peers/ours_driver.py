"""The submitting side of the product, on its own services. One line in, one line out.

fill N       submit N studies of one film; answers when the last is committed
drained      wait for the queue to empty; seconds from the first claim to the last result
alone N      one study at a time: milliseconds from the call, and from its return, to the result
idle         whether no transaction of the worker is open
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DRAIN_SECONDS = 600.0
LOOK_SECONDS = 0.002  # how exact a result's time is seen; a look takes a fraction of it


class Driver:
    """Imports Django's models only once the settings are there."""

    def __init__(self, films: Sequence[bytes]) -> None:
        from django.core.management import call_command

        from bench.submitter import Submitter

        call_command("migrate", verbosity=0)
        call_command("register_model", stdout=sys.stderr)
        self._films = films
        self._count = 0
        self._submitter = Submitter.of_new_site()
        self._first_job = 0

    def fill(self, count: int) -> int:
        from diagnosis.models import Job

        self._first_job = (
            Job.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        ) + 1
        for _ in range(count):
            self._submit()
        return count

    def drained(self) -> dict[str, float]:
        from django.db.models import Max, Min

        from diagnosis.models import Job
        from diagnosis.states import ACTIVE_JOB, JobStatus

        active = Job.objects.filter(status__in=sorted(ACTIVE_JOB))
        _wait(lambda: not active.exists(), 0.05)
        mine = Job.objects.filter(pk__gte=self._first_job)
        if odd := mine.exclude(status=JobStatus.SUCCEEDED).count():
            raise RuntimeError(f"{odd} films have no score")
        times = mine.aggregate(begun=Min("started_at"), ended=Max("finished_at"))
        self._hear_out_the_bells()
        return {"seconds": (times["ended"] - times["begun"]).total_seconds()}

    def alone(self, count: int) -> dict[str, list[float]]:
        from diagnosis.models import Job

        called, accepted = [], []
        for _ in range(count):
            begun = time.perf_counter()
            study = self._submit()
            committed = time.perf_counter()
            ended = Job.objects.filter(image__study=study, finished_at__isnull=False)
            _wait(ended.exists, LOOK_SECONDS)
            now = time.perf_counter()
            called.append((now - begun) * 1000)
            accepted.append((now - committed) * 1000)
            self._hear_out_the_bells()
        return {"called_ms": called, "accepted_ms": accepted}

    def idle(self) -> bool:
        from django.db import OperationalError, connection, transaction

        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in%'")
                return cursor.fetchone() is None
            (usual,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            cursor.execute("PRAGMA busy_timeout = 50")
            try:
                with transaction.atomic():
                    return True
            except OperationalError:
                return False
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {usual}")

    def _submit(self) -> Any:
        self._count += 1
        return self._submitter.submit(self._films[self._count % len(self._films)])

    def _hear_out_the_bells(self) -> None:
        """A full queue leaves bells behind that find nothing; they belong to no later round."""
        from celery import Celery
        from django.conf import settings

        with Celery(broker=settings.BROKER_URL).connection_for_read() as connection:
            client: Any = connection.default_channel.client  # type: ignore[attr-defined]  # kombu types the base class alone
            _wait(lambda: client.llen("inference") == 0, 0.01)


def _wait(ready: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {DRAIN_SECONDS:.0f} s")
        time.sleep(pause)


def main() -> int:
    django.setup()
    driver = Driver([Path(name).read_bytes() for name in sys.argv[1:]])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        word, *number = line.split()
        answer = getattr(driver, word)(*map(int, number))
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
