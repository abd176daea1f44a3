"""Real processes, real signals: nothing accepted is lost, nothing is done twice."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import AuditEvent, Job
from diagnosis.models.clock import db_now
from diagnosis.states import JobStatus
from tests.faults.stack import (
    LEASE,
    assert_all_done_once,
    crashed,
    ended,
    holds_a_lock,
    in_mid_film,
    leases,
    stack,
    stopped,
    workers_of_set_up,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from tests import servers
    from tests.faults.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def asleep_without_a_lock(process: subprocess.Popen[bytes]) -> bool:
    """Stop the process in mid-film, outside of any transaction.

    One inside a transaction would stop every writer of an SQLite file (its limit, and the reason
    why more than one box takes PostgreSQL), and there it would lose its session, and so write
    nothing late. One between two batches, with its films recorded, has no lease to lose.
    """
    return stopped(process, lambda: leases(process) > 0 and not holds_a_lock())


def kill_in_mid_film(running: Stack, workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGKILL to a worker that holds films.

    It is stopped first, for then at most one write is under way: of two leases one is lost.
    """

    def killed(worker: subprocess.Popen[bytes]) -> bool:
        if not stopped(worker, lambda: leases(worker) >= 2):
            return False
        worker.kill()
        return True

    running.wait(lambda: any(killed(worker) for worker in workers), "a worker in mid-film")


def test_a_worker_killed_in_mid_film(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        running.worker()  # as the supervisor would
        running.wait(ended, "the end of every film")
        assert crashed()
        assert_all_done_once(running)


def test_worker_and_broker_killed_at_once(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        broker.kill()
        running.worker()
        running.wait(ended, "the end of every film")
        assert crashed()
        assert_all_done_once(running)


def test_worker_and_broker_killed_at_once_and_the_broker_back_later(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        kill_in_mid_film(running, [running.worker() for _ in range(workers_of_set_up())])
        broker.kill()
        running.worker()
        # Before the end: a film that lost its lease must now wait for its second try.
        running.wait(crashed, "the reaper")
        broker.start()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)


def test_the_broker_killed_in_mid_run(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        workers = [running.worker() for _ in range(workers_of_set_up())]
        running.wait(in_mid_film, "a film in analysis")
        broker.kill()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        # A dead broker delays no worker's end by more than one pause between two tries.
        running.wait(lambda: all(w.poll() is not None for w in workers), "the workers' end", 40)
        assert "mingle" not in running.logs()  # nor do they talk to each other over it


def test_the_broker_gone_before_the_worker_starts(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    broker.kill()
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        for _ in range(workers_of_set_up()):
            running.worker()
        running.wait(ended, "the end of every film")
        assert_all_done_once(running)


def test_a_stopped_worker_hands_its_films_back_unharmed(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        leaving = running.worker()
        running.wait(in_mid_film, "a film in analysis")
        leaving.send_signal(signal.SIGTERM)
        running.wait(lambda: leaving.poll() is not None, "the worker's end", 30)
        assert leaving.returncode == 0, running.logs()
        assert not Job.objects.filter(status=JobStatus.RUNNING).exists()
        running.worker()
        running.wait(ended, "the end of every film")
        assert set(Job.objects.values_list("crashes", "errors")) == {(0, 0)}
        assert_all_done_once(running)


def test_a_worker_asleep_past_two_leases_is_refused_when_it_wakes(
    thirty: None, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with stack(tmp_path, broker.url) as running:
        running.sweeper()
        sleeper = running.worker()
        running.wait(in_mid_film, "a film in analysis")
        running.wait(lambda: asleep_without_a_lock(sleeper), "a stop between two writes")
        woken = db_now() + 2 * LEASE
        running.wait(crashed, "the reaper")
        running.worker()
        running.wait(ended, "the end of every film")
        running.wait(lambda: db_now() > woken, "the end of two leases")
        sleeper.send_signal(signal.SIGCONT)
        late = AuditEvent.objects.filter(action="JOB_LATE_WRITE", outcome="REFUSED")
        running.wait(late.exists, "the refusal of the late write", 30)
        assert_all_done_once(running)


def test_a_hang_ends_the_process_and_costs_the_film_one_crash(
    submit: Any, tmp_path: Path, broker: servers.RedisServer
) -> None:
    submit()
    changes = {"PNEUMO_FAKE_MS": "600000", "PNEUMO_HARD_LIMIT": "3s"}
    with stack(tmp_path, broker.url, **changes) as running:
        hung = running.worker()
        running.sweeper()
        running.wait(lambda: hung.poll() is not None, "the worker's end", 30)
        running.wait(lambda: Job.objects.filter(crashes=1).exists(), "the reaper", 30)
    job = Job.objects.get()
    assert job.status == JobStatus.QUEUED
    assert job.not_before - job.created_at > timedelta(seconds=1)
