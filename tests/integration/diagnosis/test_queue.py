"""What is told of the queue: depth, workers, and a wait only where one can be known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from diagnosis.models import Job, WorkerHeartbeat
from diagnosis.models.clock import db_now
from diagnosis.queries import queue
from diagnosis.services import jobs, workers
from diagnosis.states import Priority
from tests.integration.diagnosis.work import INFO, WORKER, claim, claim_one, score

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db


def ended(job_id: int, *, worker: str, start: float, end: float) -> None:
    """As if this worker had been at the film from `start` to `end` seconds after some moment."""
    then = db_now() - timedelta(minutes=5)
    times = {name: then + timedelta(seconds=at) for name, at in (("s", start), ("e", end))}
    Job.objects.filter(pk=job_id).update(
        worker=worker, started_at=times["s"], finished_at=times["e"]
    )


def done(submit: Callable[..., Study], *spans: tuple[str, float, float]) -> None:
    """Films that were analysed, each by (worker, start, end)."""
    for _ in spans:
        submit()
    for job, (worker, start, end) in zip(claim(), spans, strict=True):
        score(job)
        ended(job.id, worker=worker, start=start, end=end)


def test_nothing_is_promised_without_a_worker(submit: Callable[..., Study]) -> None:
    done(submit, ("w", 0, 10))
    submit()
    found = queue.state()
    assert (found.depth, found.workers, found.running) == (1, 0, 0)
    assert found.expected_wait("ROUTINE") is None
    assert found.unknown_because == "No worker is running."


def test_nothing_is_promised_before_a_film_was_analysed(submit: Callable[..., Study]) -> None:
    submit()
    workers.seen(name="w", model=INFO)
    found = queue.state()
    assert (found.workers, found.seconds_per_film) == (1, None)
    assert found.expected_wait("ROUTINE") is None
    assert "No film was analysed" in found.unknown_because


def test_what_ended_long_ago_or_by_cancelling_tells_no_speed(submit: Callable[..., Study]) -> None:
    done(submit, ("w", -1000, -900))
    jobs.cancel(job=Job.objects.get(image__study=submit()), actor=WORKER)
    assert queue.state().seconds_per_film is None


def test_the_wait_counts_what_is_as_urgent_or_more(submit: Callable[..., Study]) -> None:
    done(submit, ("w", 0, 12))
    for priority in ("STAT", "URGENT", "URGENT", "ROUTINE"):
        submit(priority=priority)
    workers.seen(name="w", model=INFO)
    found = queue.state()
    waits = {p: (found.expected_wait(p) or timedelta()).total_seconds() for p in Priority}
    assert waits == pytest.approx({"STAT": 12, "URGENT": 36, "ROUTINE": 48}, abs=0.1)
    workers.seen(name="second", model=INFO)
    wait = queue.state().expected_wait("ROUTINE")
    assert wait is not None
    assert wait.total_seconds() == pytest.approx(24, abs=0.1)


def test_speed_is_taken_from_busy_time_alone(submit: Callable[..., Study]) -> None:
    """A batch of two, an idle minute, one film; beside it another worker."""
    done(submit, ("a", 0, 4), ("a", 0, 8), ("a", 68, 70), ("b", 1, 7))
    assert queue.state().seconds_per_film == pytest.approx((8 + 2 + 6) / 4, abs=0.1)


def test_a_worker_inside_a_long_batch_is_alive(submit: Callable[..., Study]) -> None:
    workers.seen(name="silent", model=INFO)
    WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(minutes=10))
    assert queue.state().workers == 0
    submit()
    claim_one()
    found = queue.state()
    assert (found.workers, found.running, found.depth) == (1, 1, 0)


def test_a_film_past_its_alarm_is_late(submit: Callable[..., Study]) -> None:
    submit(priority="STAT")
    submit(priority="ROUTINE")
    assert queue.state().late == set()
    Job.objects.update(created_at=db_now() - timedelta(minutes=6))
    assert queue.state().late == {Priority.STAT}


def test_recent_work_is_found_by_its_index(submit: Callable[..., Study]) -> None:
    if connection.vendor == "postgresql":  # it scans a small table whatever its indexes
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    recent = Job.objects.filter(finished_at__gt=db_now()).order_by("-finished_at")
    assert "job_ended" in recent.explain()
