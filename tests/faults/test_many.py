"""Much at once: messages, reapers, restarts and clocks that differ. Each film is analysed once."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis import dispatch
from diagnosis.models import AuditEvent, Job, Study
from diagnosis.models.clock import db_now
from diagnosis.models.model_version import Stage
from diagnosis.states import JobStatus
from tests import films
from tests.faults.stack import (
    FULL,
    ODD_SWEEPER,
    ODD_WORKER,
    SWEEPER,
    WORKER,
    assert_all_done_once,
    ended,
    leases,
    stack,
    workers_of_set_up,
)

if TYPE_CHECKING:
    from pathlib import Path

    from diagnosis.models import ModelVersion
    from tests import servers
    from tests.faults.stack import Stack

MESSAGES = 50
# Where no lease may be lost, none shall be for want of a processor either.
PATIENT = {"PNEUMO_LEASE": "30s"}
pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def events(action: str) -> Counter[str]:
    """How often it happened to each object."""
    found = AuditEvent.objects.filter(action=action)
    return Counter(f"{kind} {key}" for kind, key in found.values_list("object_type", "object_id"))


def each_once(action: str, number: int) -> bool:
    found = events(action)
    return len(found) == number and set(found.values()) == {1}


def assert_undisturbed(running: Stack) -> None:
    """Every film was started once, and that was it."""
    assert_all_done_once(running)
    assert set(Job.objects.values_list("attempt", "crashes", "errors")) == {(1, 0, 0)}


def test_the_same_message_fifty_times(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with dispatch._bell().connection_for_write() as connection, connection.channel() as channel:
        client: Any = channel.client  # type: ignore[attr-defined]
        message = client.lindex("inference", 0)
        assert message
        client.rpush("inference", *[message] * MESSAGES)
        with stack(tmp_path, broker.url, **PATIENT) as running:
            for _ in range(workers_of_set_up()):
                running.worker()
            running.wait(lambda: ended() and not client.llen("inference"), "the last message")
            assert_undisturbed(running)


@pytest.mark.parametrize("hours", [2, -2])
def test_a_clock_that_is_wrong_by_hours(
    thirty: None, tmp_path: Path, broker: servers.RedisServer, hours: int
) -> None:
    before = db_now()
    with stack(tmp_path, broker.url, **PATIENT) as running:
        running.start(ODD_WORKER, ODD_CLOCK=str(hours * 3600))
        running.start(ODD_SWEEPER, ODD_CLOCK=str(-hours * 3600))
        for _ in range(workers_of_set_up() - 1):
            running.worker()
        running.wait(ended, "the end of every film")
        assert_undisturbed(running)
    after = db_now()
    rows = Job.objects.values_list("created_at", "not_before", "started_at", "finished_at")
    for row in [*rows, *AuditEvent.objects.filter(pk__gt=0).values_list("at", flat=True)]:
        for moment in row if isinstance(row, tuple) else (row,):
            assert before - timedelta(minutes=1) <= moment <= after


def lose_all(running: Stack) -> None:
    """One worker takes every film and dies."""
    worker = running.start(WORKER, PNEUMO_BATCH_SIZE="50", PNEUMO_FAKE_MS="9000")
    running.wait(lambda: 0 < leases(worker) == Job.objects.count(), "a worker with every film")
    worker.kill()


def test_two_sweepers_at_once(
    thirty: None,
    submit: Any,
    model_version: ModelVersion,
    tmp_path: Path,
    broker: servers.RedisServer,
) -> None:
    model_version.stage = Stage.RETIRED
    model_version.save()
    for seed in range(10):
        submit([films.as_png8(films.chest(100 + seed, size=(200, 180)))])
    with stack(tmp_path, broker.url, PNEUMO_SWEEP_INTERVAL="0.1s") as running:
        sweepers = [running.start(SWEEPER) for _ in range(2)]
        model_version.stage = Stage.ACTIVE
        model_version.save()
        running.wait(lambda: Job.objects.count() == 40, "the films that were never queued")
        lose_all(running)
        Study.objects.update(due_at=db_now() - timedelta(minutes=1))
        running.wait(
            lambda: not Job.objects.filter(status=JobStatus.RUNNING).exists(), "the reapers", 30
        )
        assert set(Job.objects.values_list("crashes", flat=True)) == {1}
        running.start(WORKER, PNEUMO_FAKE_MS="0")
        running.wait(ended, "the end of every film")
        assert [sweeper.poll() for sweeper in sweepers] == [None, None], running.logs()
        assert_all_done_once(running)
    assert each_once("JOB_QUEUED", 40)
    assert each_once("JOB_LOSE_LEASE", 40)
    assert each_once("STUDY_OVERDUE", 25)
    assert set(events("JOB_CLAIM").values()) == {2}


def test_workers_that_are_stopped_in_order_again_and_again(
    thirty: None, submit: Any, tmp_path: Path, broker: servers.RedisServer
) -> None:
    """A rolling restart costs no film anything. In full it takes a minute."""
    number, every = (12, 5.0) if FULL else (3, 0.0)
    with stack(tmp_path, broker.url, **PATIENT) as running:
        running.keep(SWEEPER)
        workers = [running.keep(WORKER) for _ in range(workers_of_set_up())]
        for round_ in range(number):
            due = time.monotonic() + every
            while Job.objects.filter(status=JobStatus.QUEUED).count() < 40 and FULL:
                submit()
            running.wait(lambda: all(leases(each.process) for each in workers), "all in mid-film")
            running.wait(lambda due=due: time.monotonic() >= due, "the round's time")  # type: ignore[misc]
            leaving = [each.process for each in workers]
            for process in leaving:
                process.terminate()
            running.wait(lambda gone=leaving: all(p.poll() is not None for p in gone), "their end")  # type: ignore[misc]
            assert [process.returncode for process in leaving] == [0] * len(leaving), round_
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)
    assert set(Job.objects.values_list("crashes", "errors")) == {(0, 0)}
    assert events("JOB_RELEASE")
